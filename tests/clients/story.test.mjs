// The main job, told once over each transport that stock clients use.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Server, TIME, UUID, does, fails, holds, next, untaken } from "./harness.mjs";

const MESSAGE_KEYS =
  "id roomId userId username displayName content messageType createdAt timestamp seq clientId replyTo editedAt deletedAt".split(" ");
// Presence waits 3 s for a client to come back; the rest is room for a busy machine.
const GRACE_MS = { least: 2_500, most: 8_000 };

for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
  describe(`over ${transports.join(", upgraded to ")}`, () => {
    let server;
    before(async () => (server = await Server.start()));
    after(() => server?.close());

    const people = async () => [await server.person("alice"), await server.person("bob")];
    const named = ({ id, username }) => ({ userId: id, username, displayName: username });
    const say = async (socket, roomId, content) => (await does(socket, "send_message", { roomId, content })).message;
    const hears = (socket, content) => next(socket, "receive_message", (message) => message.content === content);

    /** Alice's private room with Bob in it, both of them connected and only Alice looking at it. */
    async function visit() {
      const [alice, bob] = await people();
      const room = await alice.makeRoom();
      await alice.admit(bob, room);
      const [a, b] = [await alice.connect({ transports }), await bob.connect({ transports })];
      await does(a, "join_room", { roomId: room.id });
      return { alice, bob, roomId: room.id, a, b, path: `/api/rooms/${room.id}` };
    }

    /** The same with both of them looking at it. */
    async function meeting() {
      const all = await visit();
      await does(all.b, "join_room", { roomId: all.roomId });
      return all;
    }

    test("a client ends up on the transport that it wants", async () => {
      const [alice] = await people();
      const socket = await alice.connect({ transports });
      assert.equal(socket.io.engine.transport.name, transports.at(-1));
    });

    test("a private room does not exist for those outside it", async () => {
      const [alice, bob] = await people();
      const made = await alice.makeRoom({ name: "Secrets", description: "Ours" });
      const path = `/api/rooms/${made.id}`;
      holds(made, { id: UUID, createdAt: TIME });
      const room = { name: "Secrets", description: "Ours", isPrivate: true, createdBy: alice.id, memberCount: 1, role: "admin" };
      holds(await alice.request(200, "GET", path), room);
      await bob.refused(404, "not_found", "GET", path);
      await bob.refused(404, "not_found", "POST", `${path}/join`);
      await bob.refused(404, "not_found", "GET", `${path}/messages`);
      const b = await bob.connect({ transports });
      await fails("not_found", b, "join_room", { roomId: made.id });
      await fails("not_found", b, "send_message", { roomId: made.id, content: "let me in" });
      await fails("not_found", b, "get_room_users", { roomId: made.id });
    });

    test("only its creator handles a room's invite", async () => {
      const [alice, bob] = await people();
      const room = await alice.makeRoom();
      const path = `/api/rooms/${room.id}/invites`;
      assert.equal(await alice.request(200, "GET", path), null);
      const invite = await alice.request(201, "POST", path, { expiresIn: 3600, maxUses: 5 });
      holds(invite, { roomId: room.id, maxUses: 5, uses: 0, expiresAt: TIME });
      assert.ok(invite.link.includes(invite.token));
      assert.deepEqual(await alice.request(200, "GET", path), invite);
      for (const method of ["POST", "GET", "DELETE"]) await bob.refused(404, "not_found", method, path);
      await bob.request(200, "POST", `/api/rooms/invites/${invite.token}/join`);
      for (const method of ["POST", "GET", "DELETE"]) await bob.refused(403, "forbidden", method, path);
    });

    test("who has an invite sees what it is for and joins by it", async () => {
      const [alice, bob] = await people();
      const room = await alice.makeRoom({ name: "Book club", description: "Novels" });
      const [a, b] = [await alice.connect({ transports }), await bob.connect({ transports })];
      await does(a, "join_room", { roomId: room.id });
      const { token } = await alice.request(201, "POST", `/api/rooms/${room.id}/invites`, {});

      const preview = await bob.request(200, "GET", `/api/rooms/invites/${token}`);
      holds(preview.room, { name: "Book club", description: "Novels", memberCount: 1 });
      assert.ok(preview.invitedBy);
      const joined = await bob.request(200, "POST", `/api/rooms/invites/${token}/join`);
      assert.deepEqual([joined.room.id, joined.already], [room.id, false]);
      assert.equal((await bob.request(200, "POST", `/api/rooms/invites/${token}/join`)).already, true);

      holds(await next(a, "user_joined"), { ...named(bob), roomId: room.id, type: "permanent", timestamp: TIME });
      assert.equal((await next(b, "room_added")).id, room.id);
    });

    test("join_room is answered by its ack and by room_joined, and told to the others", async () => {
      const { bob, roomId, a, b } = await visit();
      const { ok, ...ack } = await does(b, "join_room", { roomId });
      assert.deepEqual(await next(b, "room_joined"), ack);
      holds(ack, { roomId, role: "member", lastSeq: 0, readSeq: 0, replayed: 0 });
      assert.equal(typeof ack.complete, "boolean");
      holds(await next(a, "user_joined"), { ...named(bob), roomId, type: "temporary", timestamp: TIME });
      await does(b, "join_room", { roomId });
    });

    test("a message reaches everybody in the room, its sender too, complete and equal", async () => {
      const { bob, roomId, a, b } = await meeting();
      const { message } = await does(b, "send_message", { roomId, content: "  Hello, wörld 👋  ", clientId: "one" });
      assert.deepEqual(await next(a, "receive_message"), message);
      assert.deepEqual(await next(b, "receive_message"), message);
      assert.deepEqual(Object.keys(message).filter((key) => !MESSAGE_KEYS.includes(key)), []);
      holds(message, { ...named(bob), id: UUID, createdAt: TIME, timestamp: message.createdAt });
      holds(message, { roomId, content: "Hello, wörld 👋", messageType: "text", seq: 1, clientId: "one" });

      await does(a, "send_message", { roomId, content: "Hi", messageType: "wave", replyTo: message.id });
      holds(await hears(b, "Hi"), { replyTo: message.id, messageType: "wave", seq: 2 });
    });

    test("a retry with the same clientId makes no second message", async () => {
      const { alice, roomId, a, b, path } = await meeting();
      const note = { roomId, content: "once", clientId: "retry-1" };
      const first = await does(a, "send_message", note);
      assert.deepEqual(await does(a, "send_message", note), first);
      assert.deepEqual(await alice.request(200, "POST", `${path}/messages`, note), first.message);
      await fails("client_id_conflict", a, "send_message", { ...note, content: "something else" });
      assert.equal((await say(a, roomId, "after")).seq, 2);
      await hears(b, "after");
      assert.deepEqual(untaken(b, "receive_message"), [first.message]);
    });

    test("typing is told to the others only", async () => {
      const { alice, roomId, a, b } = await meeting();
      for (const isTyping of [true, false]) {
        a.emit("typing", { roomId, isTyping });
        holds(await next(b, "user_typing"), { ...named(alice), roomId, isTyping, timestamp: TIME });
      }
      await say(a, roomId, "typed");
      await hears(a, "typed");
      assert.deepEqual(untaken(a, "user_typing"), []);
    });

    test("get_room_users tells who is there by its ack and by room_users", async () => {
      const { alice, bob, roomId, a } = await meeting();
      const { ok, ...ack } = await does(a, "get_room_users", { roomId });
      assert.deepEqual(await next(a, "room_users"), ack);
      holds(ack, { roomId, total: 2 });
      assert.equal(ack.users.length, 2);
      const user = (id) => ack.users.find(({ userId }) => userId === id);
      holds(user(alice.id), { ...named(alice), isOnline: true, role: "admin" });
      holds(user(bob.id), { ...named(bob), isOnline: true, role: "member" });
    });

    test("message_read is seen by the other and never moves back", async () => {
      const { bob, roomId, a, b } = await meeting();
      const first = await say(a, roomId, "one");
      const second = await say(a, roomId, "two");
      await does(b, "message_read", { roomId, messageId: second.id });
      const read = { roomId, userId: bob.id, username: bob.username, seq: 2, messageId: second.id };
      holds(await next(a, "messages_read", (event) => event.userId === bob.id), { ...read, readAt: TIME, timestamp: TIME });
      assert.equal((await does(b, "message_read", { roomId, seq: first.seq })).readSeq, 2);
      const { rooms } = await bob.request(200, "GET", "/api/rooms");
      const mine = rooms.find((room) => room.id === roomId);
      holds(mine, { lastSeq: 2, readSeq: 2, unread: 0, lastMessage: second });
    });

    test("an edit and a deletion are seen as message_updated", async () => {
      const { alice, bob, roomId, a, b, path } = await meeting();
      const message = await say(a, roomId, "draft");
      const one = `${path}/messages/${message.id}`;
      await bob.refused(403, "forbidden", "PATCH", one, { content: "mine now" });
      await alice.request(200, "PATCH", one, { content: "final" });
      for (const socket of [a, b]) holds(await next(socket, "message_updated"), { ...message, content: "final", editedAt: TIME });
      await bob.refused(403, "forbidden", "DELETE", one);
      await alice.request([200, 204], "DELETE", one);
      const gone = { id: message.id, seq: 1, content: "", deletedAt: TIME };
      for (const socket of [a, b]) holds(await next(socket, "message_updated"), gone);
      const { messages } = await bob.request(200, "GET", `${path}/messages`);
      assert.equal(messages.length, 1);
      holds(messages[0], gone);
    });

    test("history is read before, after and around a message, oldest first", async () => {
      const { bob, roomId, a, path } = await meeting();
      const sent = [];
      for (let seq = 1; seq <= 9; seq += 1) sent.push(await say(a, roomId, `message ${seq}`));
      const page = async (query) => {
        const answer = await bob.request(200, "GET", `${path}/messages?${query}`);
        assert.equal(answer.lastSeq, 9);
        const seqs = answer.messages.map(({ seq }) => seq);
        assert.deepEqual(answer.messages, seqs.map((seq) => sent[seq - 1]));
        return { seqs, before: answer.hasBefore, after: answer.hasAfter };
      };
      assert.deepEqual(await page(""), { seqs: [1, 2, 3, 4, 5, 6, 7, 8, 9], before: false, after: false });
      assert.deepEqual(await page("limit=2"), { seqs: [8, 9], before: true, after: false });
      assert.deepEqual(await page("before=6&limit=3"), { seqs: [3, 4, 5], before: true, after: true });
      assert.deepEqual(await page("before=3"), { seqs: [1, 2], before: false, after: true });
      assert.deepEqual(await page("after=6&limit=2"), { seqs: [7, 8], before: true, after: true });
      assert.deepEqual(await page("after=0&limit=2"), { seqs: [1, 2], before: false, after: true });
      const around = await page("around=5&limit=5");
      assert.ok([4, 5, 6].every((seq) => around.seqs.includes(seq)) && around.seqs.length <= 5, `${around.seqs}`);
      assert.ok(around.before && around.after);
    });

    test("who comes back with since gets exactly what they missed", async () => {
      const { bob, roomId, a, b } = await meeting();
      await say(a, roomId, "seen");
      const { seq } = await hears(b, "seen");
      b.disconnect();
      const missed = [await say(a, roomId, "missed one"), await say(a, roomId, "missed two")];

      const back = await bob.connect({ transports });
      const order = [];
      for (const event of ["receive_message", "room_joined"]) back.on(event, ({ content }) => order.push(content ?? event));
      holds(await does(back, "join_room", { roomId, since: seq }), { lastSeq: 3, replayed: 2, complete: true });
      assert.deepEqual(order, ["missed one", "missed two", "room_joined"]);
      assert.deepEqual(untaken(back, "receive_message"), missed);
    });

    test("presence is told 3 s after the last connection is gone and when somebody is back", async () => {
      const { alice, bob, a, b } = await meeting();
      const status = (online) => next(a, "user_status", (event) => event.userId === bob.id && event.status === online, GRACE_MS.most);
      holds(await status("online"), { ...named(bob), timestamp: TIME });
      b.disconnect();
      const blip = await bob.connect({ transports });
      blip.disconnect();
      const left = performance.now();
      await status("offline");
      assert.ok(performance.now() - left > GRACE_MS.least, "told too early");
      await bob.connect({ transports });
      await status("online");
      assert.deepEqual(untaken(a, "user_status").filter(({ userId }) => userId !== alice.id), []);
    });

    test("somebody removed sees nothing after it", async () => {
      const { alice, bob, roomId, a, b, path } = await meeting();
      await alice.request([200, 204], "DELETE", `${path}/users/${bob.id}`);
      holds(await next(a, "user_left", (event) => event.type === "permanent"), { ...named(bob), roomId, timestamp: TIME });
      await say(a, roomId, "he is gone");
      await hears(a, "he is gone");
      await fails("not_found", b, "join_room", { roomId });
      await fails("not_found", b, "send_message", { roomId, content: "hello?" });
      assert.deepEqual(untaken(b, "receive_message"), []);
      await bob.refused(404, "not_found", "GET", `${path}/messages`);
    });

    test("signing out cuts the socket, and the token is good for nothing more", async () => {
      const { alice, a, b } = await meeting();
      await alice.request(204, "POST", "/api/auth/logout");
      assert.equal(await next(a, "disconnect"), "io server disconnect");
      await alice.refused(401, "unauthorized", "GET", "/api/users/me");
      assert.equal((await next(server.open(alice.token, { transports }), "connect_error")).message, "unauthorized");
      assert.equal(b.connected, true);
    });

    test("a bad token or none gives connect_error with unauthorized", async () => {
      for (const token of ["nonsense", undefined, 42, { token: "deep" }]) {
        assert.equal((await next(server.open(token, { transports }), "connect_error")).message, "unauthorized");
      }
    });
  });
}
