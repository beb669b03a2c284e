// One order a room, at the speed of a client that waits for nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Server, does, next, untaken } from "./harness.mjs";

const MESSAGES = 20_000;
const A_TURN = 500;
const DEADLINE_MS = 120_000;

test("20,000 messages sent without waiting arrive in order, all of them", async (t) => {
  const server = await Server.start();
  t.after(() => server.close());
  const [alice, bob] = [await server.person("alice"), await server.person("bob")];
  const room = await alice.makeRoom();
  await alice.admit(bob, room);
  const [a, b] = [await alice.connect({ transports: ["websocket"] }), await bob.connect({ transports: ["websocket"] })];
  await does(b, "join_room", { roomId: room.id });
  const cut = Promise.race([a, b].map((socket) => next(socket, "disconnect", undefined, DEADLINE_MS)));
  cut.catch(() => {});

  const all = next(b, "receive_message", (message) => message.content === String(MESSAGES), DEADLINE_MS);
  // Both clients live in this process: after each turn the reader gets the word too, but no answer is waited for.
  for (let number = 1; number <= MESSAGES; number += 1) {
    a.emit("send_message", { roomId: room.id, content: String(number) });
    if (number % A_TURN === 0) await new Promise(setImmediate);
  }
  const last = await Promise.race([all, cut.then((reason) => assert.fail(`a client was cut: ${reason}`))]);

  assert.deepEqual(untaken(a, "error"), []);
  const got = [...untaken(b, "receive_message"), last];
  assert.equal(got.length, MESSAGES);
  got.forEach(({ content, seq }, index) => {
    assert.equal(content, String(index + 1));
    assert.equal(seq, index + 1);
  });
});
