// What no honest client sends: refused with a code, and nobody else notices.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Server, TIME, ask, does, fails, holds, next } from "./harness.mjs";

const CLIENT_EVENTS = ["join_room", "leave_room", "send_message", "typing", "get_room_users", "message_read"];

for (const transports of [["websocket"], ["polling"]]) {
  describe(`over ${transports[0]}`, () => {
    let server, alice, roomId, a;
    before(async () => {
      server = await Server.start();
      alice = await server.person("alice");
      roomId = (await alice.makeRoom()).id;
      a = await alice.connect({ transports });
      await does(a, "join_room", { roomId });
    });
    after(() => server?.close());

    /** Whatever was sent before, the connection and the room still work. */
    async function stillWorks() {
      const content = `still here ${randomUUID()}`;
      await does(a, "send_message", { roomId, content });
      await next(a, "receive_message", (message) => message.content === content);
    }

    const refuses = (event, ...data) => fails("invalid_input", a, event, ...data);

    test("an unknown event is refused", async () => {
      await refuses("make_coffee", { roomId });
      await refuses("make_coffee");
      await refuses("", { roomId });
      await stillWorks();
    });

    for (const event of CLIENT_EVENTS) {
      test(`${event} refuses whatever is no object with a roomId`, async () => {
        for (const data of ["a string", 42, null, true, [], [{ roomId }], {}, { roomid: roomId }]) await refuses(event, data);
        for (const bad of ["no-uuid", "", 7, null, {}, [roomId], `${roomId}0`]) await refuses(event, { roomId: bad });
        await refuses(event);
        await stillWorks();
      });
    }

    test("binary payloads are refused", async () => {
      await refuses("send_message", { roomId, content: Buffer.from("bytes") });
      await refuses("send_message", Buffer.from("bytes"));
      await refuses("join_room", { roomId: Buffer.from(roomId) });
      await refuses("make_coffee", new Uint8Array(1_000));
      await stillWorks();
    });

    test("fields of the wrong type or size are refused, and named", async () => {
      const message = { roomId, content: "fine" };
      const wrong = {
        content: ["", "  \n ", "x".repeat(4_001), 5, null, {}, ["text"]],
        messageType: ["", "Upper", "system", "x".repeat(33), 5],
        clientId: ["", "ü", "with space", "x".repeat(65), 5],
        replyTo: ["no-uuid", 5],
      };
      for (const [field, values] of Object.entries(wrong)) {
        for (const value of values) {
          const { details } = await refuses("send_message", { ...message, [field]: value });
          assert.equal(typeof details?.fields?.[field], "string", `${field} ${JSON.stringify(value)}: ${JSON.stringify(details)}`);
        }
      }
      await refuses("typing", { roomId, isTyping: "yes" });
      await refuses("typing", { roomId });
      await stillWorks();
    });

    test("numbers that are no place in a room are refused", async () => {
      for (const number of [1e300, -1, 1.5, "1", {}, 2 ** 64]) {
        await refuses("message_read", { roomId, seq: number });
        await refuses("join_room", { roomId, since: number });
      }
      const ack = await ask(a, "message_read", { roomId, seq: Number.MAX_SAFE_INTEGER });
      if (ack.ok) assert.ok(ack.readSeq < 1_000, "a receipt beyond the last message");
      else assert.equal(ack.error.code, "invalid_input");
      await stillWorks();
    });

    test("what is not there is not found", async () => {
      const nowhere = randomUUID();
      for (const [event, more] of [["join_room"], ["send_message", { content: "x" }], ["get_room_users"], ["message_read"]]) {
        await fails("not_found", a, event, { roomId: nowhere, ...more });
      }
      await fails("not_found", a, "message_read", { roomId, messageId: nowhere });
      await stillWorks();
    });

    test("without an ack the refusal is an error event", async () => {
      const told = async (event, data, expected) => {
        a.emit(event, ...(data === undefined ? [] : [data]));
        const error = await next(a, "error");
        holds(error, { event, timestamp: TIME, ...expected });
        assert.equal(typeof error.message, "string");
      };
      await told("make_coffee", { roomId }, { code: "invalid_input" });
      await told("send_message", undefined, { code: "invalid_input" });
      await told("send_message", "text", { code: "invalid_input" });
      await told("send_message", { roomId, content: "" }, { code: "invalid_input", roomId });
      const nowhere = randomUUID();
      await told("join_room", { roomId: nowhere }, { code: "not_found", roomId: nowhere });
      await stillWorks();
    });

    test("unknown keys and further arguments do no harm", async () => {
      await does(a, "send_message", { roomId, content: "fine", colour: "red", seq: 99 });
      assert.equal((await ask(a, "send_message", { roomId, content: "fine" }, "more", { and: "more" })).ok, true);
    });

    test("an unknown namespace gives connect_error and the server lives", async () => {
      const lost = server.open(alice.token, { transports }, "/nowhere");
      assert.ok((await next(lost, "connect_error")).message);
      assert.equal(lost.connected, false);
      await stillWorks();
    });
  });
}
