// A front end as the documentation of such backends shows it: default options, no acks, a typing timer of its own.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Server, holds, next, untaken } from "./harness.mjs";

const STOP_TYPING_MS = 2_000;
const SERVER_STOPS_TYPING_MS = { least: 5_000, most: 12_000 };

describe("the front end that such backends document", () => {
  let server;
  before(async () => (server = await Server.start()));
  after(() => server?.close());

  /** What such a front end does once somebody opens a room: join by REST, go on after a 200, join by the socket. */
  async function openRoom(person, roomId) {
    const { room, already } = await person.request(200, "POST", `/api/rooms/${roomId}/join`);
    assert.equal(room.id, roomId);
    const socket = await person.connect();
    socket.emit("join_room", { roomId });
    assert.equal((await next(socket, "room_joined")).roomId, roomId);
    return { socket, already };
  }

  /** Alice and Bob, both looking at a public room of Alice's. */
  async function twoInARoom() {
    const [alice, bob] = [await server.person("alice"), await server.person("bob")];
    const { id: roomId } = await alice.makeRoom({ isPrivate: false });
    const { socket: a } = await openRoom(alice, roomId);
    const { socket: b } = await openRoom(bob, roomId);
    return { alice, bob, roomId, a, b };
  }

  const typed = (socket, isTyping, ms) => next(socket, "user_typing", (event) => event.isTyping === isTyping, ms);

  /** The field that somebody types into: true on every key, false 2 s after the last. */
  function field(socket, roomId) {
    let timer;
    return {
      key() {
        socket.emit("typing", { roomId, isTyping: true });
        clearTimeout(timer);
        timer = setTimeout(() => socket.emit("typing", { roomId, isTyping: false }), STOP_TYPING_MS);
      },
    };
  }

  test("joining by REST answers 200 the first time and every other time", async () => {
    const [alice, bob] = [await server.person("alice"), await server.person("bob")];
    const { id } = await alice.makeRoom({ isPrivate: false });
    assert.equal((await openRoom(bob, id)).already, false);
    assert.equal((await openRoom(bob, id)).already, true);
    assert.equal((await openRoom(alice, id)).already, true);
  });

  test("messages sent without acks reach both", async () => {
    const { alice, roomId, a, b } = await twoInARoom();
    a.emit("send_message", { roomId, content: "Hello" });
    a.emit("send_message", { roomId, content: "World", messageType: "text" });
    for (const socket of [a, b]) {
      const common = { roomId, userId: alice.id, username: alice.username, messageType: "text" };
      holds(await next(socket, "receive_message"), { ...common, content: "Hello" });
      holds(await next(socket, "receive_message"), { ...common, content: "World" });
    }
  });

  test("coming and going is seen", async () => {
    const { bob, roomId, a, b } = await twoInARoom();
    const sees = (event, type) => next(a, event, (data) => data.type === type && data.userId === bob.id && data.roomId === roomId);
    await sees("user_joined", "permanent");
    await sees("user_joined", "temporary");
    b.emit("leave_room", { roomId });
    await sees("user_left", "temporary");
    b.emit("join_room", { roomId });
    await sees("user_joined", "temporary");
    await bob.request(204, "POST", `/api/rooms/${roomId}/leave`);
    await sees("user_left", "permanent");
  });

  test("who closed a room hears nothing from it but may still write", async () => {
    const { roomId, a, b } = await twoInARoom();
    b.emit("leave_room", { roomId });
    b.emit("send_message", { roomId, content: "from outside" });
    await next(a, "receive_message");
    b.emit("get_room_users", { roomId });
    await next(b, "room_users");
    assert.deepEqual(untaken(b, "receive_message"), []);
  });

  test("the list of people comes when it is asked for", async () => {
    const { alice, bob, roomId, a } = await twoInARoom();
    a.emit("get_room_users", { roomId });
    const { users, ...rest } = await next(a, "room_users");
    holds(rest, { roomId, total: 2 });
    assert.deepEqual(users.map(({ userId }) => userId).sort(), [alice.id, bob.id].sort());
  });

  test("a true on every key and a false 2 s later are told once each, and no key is refused", async () => {
    const { roomId, a, b } = await twoInARoom();
    const input = field(a, roomId);
    for (let key = 0; key < 300; key += 1) input.key();
    await typed(b, true);
    await typed(b, false);
    assert.deepEqual(untaken(b, "user_typing"), []);
    assert.deepEqual(untaken(a, "error"), []);
  });

  test("typing that nobody ends is ended by the server", async () => {
    const { roomId, a, b } = await twoInARoom();
    a.emit("typing", { roomId, isTyping: true });
    await typed(b, true);
    const began = performance.now();
    await typed(b, false, SERVER_STOPS_TYPING_MS.most);
    assert.ok(performance.now() - began > SERVER_STOPS_TYPING_MS.least, "ended too early");
  });

  test("typing ends with the connection", async () => {
    const { roomId, a, b } = await twoInARoom();
    a.emit("typing", { roomId, isTyping: true });
    await typed(b, true);
    a.disconnect();
    await typed(b, false, SERVER_STOPS_TYPING_MS.least);
  });

  test("what goes wrong comes as an error event", async () => {
    const { roomId } = await twoInARoom();
    const carol = await server.person("carol");
    const c = await carol.connect();
    c.emit("join_room", { roomId });
    holds(await next(c, "error"), { code: "not_a_member", event: "join_room", roomId });
  });

  test("a development server of its own is a welcome origin, a stranger's site is not", async () => {
    const preflight = async (origin) => {
      const headers = { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type" };
      const answer = await fetch(`${server.url}/api/rooms`, { method: "OPTIONS", headers });
      return answer.headers.get("access-control-allow-origin");
    };
    const own = "http://localhost:3000";
    assert.equal(await preflight(own), own);
    assert.notEqual(await preflight("https://evil.example"), "https://evil.example");

    const alice = await server.person("alice");
    const from = (origin, transport) => server.open(alice.token, { transports: [transport], extraHeaders: { origin } });
    for (const transport of ["websocket", "polling"]) await next(from(own, transport), "connect");
    await next(from("https://evil.example", "websocket"), "connect_error");
  });
});
