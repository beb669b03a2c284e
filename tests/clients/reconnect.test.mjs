// The server goes away and comes back; stock clients with default reconnection make nothing of it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Server, next } from "./harness.mjs";

const BACK_MS = 20_000;
const DELIVERED_MS = 40_000;
const BATCH = 20;

for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
  describe(`over ${transports.join(", upgraded to ")}`, () => {
    test("a restart loses and doubles no message, whenever it was sent", async (t) => {
      const server = await Server.start();
      t.after(() => server.close());
      const [alice, bob] = [await server.person("alice"), await server.person("bob")];
      const { id: roomId } = await alice.makeRoom();
      await alice.admit(bob, { id: roomId });

      const stock = { transports, reconnection: true };
      const a = await alice.connect({ ...stock, retries: 20, ackTimeout: 2_000 });
      const b = await bob.connect(stock);

      // What a good front end keeps: the newest number seen; what it is told after that it shows.
      const shown = [];
      const seen = () => shown.at(-1)?.seq ?? 0;
      b.on("receive_message", (message) => shown.push(message));
      const rejoin = () => b.emit("join_room", { roomId, since: seen() });
      b.on("connect", rejoin);
      rejoin();
      await next(b, "room_joined");

      const acks = [];
      let sent = 0;
      const send = () => {
        for (let of = 0; of < BATCH; of += 1) {
          sent += 1;
          acks.push(a.emitWithAck("send_message", { roomId, content: `message ${sent}`, clientId: `c${sent}` }));
        }
      };
      const shows = (number) => next(b, "receive_message", (message) => message.content === `message ${number}`, DELIVERED_MS);

      send();
      await shows(sent);
      send();
      await server.stop();
      for (const socket of [a, b]) {
        const reason = await next(socket, "disconnect");
        assert.notEqual(reason, "io server disconnect", "a stock client does not come back after that");
      }
      send();
      await server.run();
      const last = shows(sent);
      for (const socket of [a, b]) await next(socket, "connect", undefined, BACK_MS);
      const joined = await next(b, "room_joined");
      assert.equal(joined.complete, true);
      await last;

      for (const ack of await Promise.all(acks)) assert.equal(ack.ok, true);
      const expected = Array.from({ length: sent }, (_, index) => [index + 1, `message ${index + 1}`]);
      assert.deepEqual(shown.map(({ seq, content }) => [seq, content]), expected);
      const { messages } = await bob.request(200, "GET", `/api/rooms/${roomId}/messages?after=0&limit=200`);
      assert.deepEqual(messages, shown);
    });

    test("clients that were idle come back by themselves, signed in as before", async (t) => {
      const server = await Server.start();
      t.after(() => server.close());
      const alice = await server.person("alice");
      const a = await alice.connect({ transports, reconnection: true });
      await server.stop();
      await server.run();
      await next(a, "connect", undefined, BACK_MS);
      assert.equal((await alice.request(200, "GET", "/api/users/me")).id, alice.id);
    });
  });
}
