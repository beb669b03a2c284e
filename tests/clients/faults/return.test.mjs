// Stock clients, with the reconnection that they have by default, come back by themselves: to the next process,
// after they were refused at the door, and after they were cut for load.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Server, does, next, untaken } from "../harness.mjs";
import { either, report } from "./form.mjs";
import { Proxy } from "./proxy.mjs";

/** So many of these tests run at once: each of them waits most of the time. */
const AT_ONCE = 9;
const BACK_MS = 20_000;
const CUT_MS = 30_000;
const REFUSALS = either(3, 1);
/** Longer than Node's `fetch` keeps a connection that nobody uses. */
const KEPT_MS = 6_000;
/** Between two looks at whether there is a place. */
const LOOK_MS = 200;
/** A message of 16 kB, so that some hundreds are more than may wait for a client. */
const CONTENT = "\u{20000}".repeat(4_000);
/** Connections that send, since each is read from at 1 MiB a second. */
const SENDERS = 4;
/** So many are sent at a time to a client that takes nothing, and so many at all before the test gives up. */
const AT_A_TIME = 20;
const MOST = 2_000;
const FLOOD = 5_000;

/** Loopback is not counted by address unless this says that others are exempt. */
const COUNTED = { CHATD_SERVER__EXEMPT_ADDRESSES: "192.0.2.1" };
const FULL = { CHATD_SERVER__MAX_CONNECTIONS: "12" };
const TOO_MANY = { ...COUNTED, CHATD_SERVER__MAX_CONNECTIONS_PER_ADDRESS: "12" };
const TOO_MANY_UNKNOWN = { ...COUNTED, CHATD_SERVER__MAX_UNAUTHENTICATED_PER_ADDRESS: "2" };
const DOORS = [
  ["the server is full", 503, FULL, fillConnections],
  ["their address has too many connections", 429, TOO_MANY, fillConnections],
  ["their address has too many that are not signed in", 429, TOO_MANY_UNKNOWN, fillSessions],
];

const slowest = {};

/** Waits until a client is connected again, and notes how long it took. */
async function comesBack(socket, why) {
  const began = Date.now();
  await next(socket, "connect", undefined, BACK_MS);
  slowest[why] = Math.max(slowest[why] ?? 0, Date.now() - began);
}

/**
 * Opens connections until all further ones are refused, also when those are over which `fetch` keeps for a while; gives
 * what lets them go.
 */
async function fillConnections(server, status) {
  const { hostname, port } = new URL(server.url);
  const open = [];
  let refusedSince = 0;
  while (!refusedSince || Date.now() - refusedSince < KEPT_MS) {
    const socket = connect(port, hostname);
    socket.on("error", () => {});
    socket.write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    const [answer] = await once(socket, "data");
    const code = Number(answer.toString("latin1").split(" ")[1]);
    if (code === 200) {
      open.push(socket);
      refusedSince = 0;
    } else {
      assert.equal(code, status);
      socket.destroy();
      refusedSince ||= Date.now();
      await sleep(LOOK_MS);
    }
  }
  return () => open.forEach((each) => each.destroy());
}

/** Opens sessions that do not sign in until one is refused; gives what signs them in after all. */
async function fillSessions(server, status, token) {
  const url = `${server.url}/socket.io/?EIO=4&transport=polling`;
  const open = [];
  for (;;) {
    const answer = await fetch(url);
    const text = await answer.text();
    const connect = { method: "POST", body: `40${JSON.stringify({ token })}` };
    if (answer.status === status) return () => Promise.all(open.map((sid) => fetch(`${url}&sid=${sid}`, connect)));
    assert.equal(answer.status, 200, text);
    open.push(JSON.parse(text.slice(1)).sid);
  }
}

describe("stock clients come back by themselves", { concurrency: AT_ONCE }, () => {
  after(() => {
    const times = Object.entries(slowest).map(([why, ms]) => `${why} within ${ms} ms`);
    report("stock clients come back", times.join(", "));
  });

  for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
    const over = `over ${transports.join(", upgraded to ")}`;
    const stock = { transports, reconnection: true };

    test(`to the next process, ${over}`, async (t) => {
      const server = await Server.start();
      t.after(() => server.close());
      const alice = await server.person("alice");
      const { id: roomId } = await alice.makeRoom();
      const a = await alice.connect(stock);
      await server.stop();
      assert.notEqual(await next(a, "disconnect"), "io server disconnect");
      await server.run();
      await comesBack(a, "to the next process");
      await does(a, "send_message", { roomId, content: "back" });
    });

    for (const [why, status, env, fill] of DOORS) {
      test(`when ${why}, ${over}`, async (t) => {
        const server = await Server.start(env);
        t.after(() => server.close());
        const alice = await server.person("alice");
        const { id: roomId } = await alice.makeRoom();
        const empty = await fill(server, status, alice.token);
        const a = server.open(alice.token, stock);
        for (let refusals = 0; refusals < REFUSALS; refusals += 1) {
          const { description } = await next(a, "connect_error");
          assert.match(String(description?.message ?? description), new RegExp(`\\b${status}\\b`));
        }
        assert.ok(a.active && !a.connected, "it goes on trying");
        await empty();
        await comesBack(a, `after ${status}, when ${why}`);
        await does(a, "send_message", { roomId, content: "in" });
      });
    }

    test(`after they were cut because they took nothing, ${over}`, async (t) => {
      const server = await Server.start();
      t.after(() => server.close());
      const proxy = await Proxy.before(server.url);
      t.after(() => proxy.close());
      const [alice, bob] = [await server.person("alice"), await server.person("bob")];
      const room = await alice.makeRoom();
      await alice.admit(bob, room);
      const a = await alice.connect({ transports: ["websocket"] });
      await does(a, "join_room", { roomId: room.id });
      const senders = await Promise.all(Array.from({ length: SENDERS }, () => alice.connect({ transports: ["websocket"] })));
      const b = await bob.connect({ ...stock, via: proxy.url });
      await does(b, "join_room", { roomId: room.id });

      proxy.stall(true);
      let cut = false;
      const left = ({ type, username }) => type === "temporary" && username === bob.username;
      const isCut = next(a, "user_left", left, CUT_MS).then(() => (cut = true));
      isCut.catch(() => {});
      let sent = 0;
      while (!cut && sent < MOST) {
        const message = { roomId: room.id, content: CONTENT };
        const some = Array.from({ length: AT_A_TIME }, (_, number) => senders[number % SENDERS]);
        await Promise.all(some.map((sender) => does(sender, "send_message", message)));
        sent += AT_A_TIME;
      }
      await isCut;
      proxy.stall(false);
      assert.notEqual(await next(b, "disconnect"), "io server disconnect");
      await comesBack(b, "after a cut");
      const seen = untaken(b, "receive_message").map(({ seq }) => seq);
      assert.ok(seen.length < sent, "it took everything");
      assert.deepEqual(seen, seen.map((_, index) => index + 1));
      const joined = await does(b, "join_room", { roomId: room.id, since: seen.length });
      assert.equal(joined.lastSeq, sent);
    });

    test(`after they were cut for a flood, ${over}`, async (t) => {
      const server = await Server.start({ CHATD_LIMITS__ENABLED: "true" });
      t.after(() => server.close());
      const alice = await server.person("alice");
      const { id: roomId } = await alice.makeRoom();
      const a = await alice.connect(stock);
      for (let number = 0; number < FLOOD; number += 1) a.emit("leave_room", { roomId });
      assert.notEqual(await next(a, "disconnect"), "io server disconnect");
      await comesBack(a, "after a flood");
      await does(a, "send_message", { roomId, content: "calm" });
    });
  }
});
