// No gap after a reconnect: stock clients are cut all the time, come back by themselves and say what they saw.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Server, ask, next } from "../harness.mjs";
import { either, report } from "./form.mjs";
import { Proxy } from "./proxy.mjs";

const FOR_MS = either(60_000, 8_000);
const CUT_EVERY_MS = 1_000;
const A_SECOND = 100;
/** So many are replayed at most; who missed more fetches it. */
const REPLAYED = 100;
/** Some come back at once, others so late that they missed more than is replayed. */
const SOON_MS = 50;
const LATE_MS = 1_500;
const PAGE = 200;
const CAUGHT_UP_MS = 20_000;

const READERS = [
  { transports: ["websocket"], reconnectionDelay: SOON_MS },
  { transports: ["websocket"], reconnectionDelay: SOON_MS },
  { transports: ["polling"], reconnectionDelay: SOON_MS },
  { transports: ["polling", "websocket"], reconnectionDelay: SOON_MS },
  { transports: ["websocket"], reconnectionDelay: LATE_MS },
  { transports: ["polling"], reconnectionDelay: LATE_MS },
];

/** Somebody who keeps what they were shown, and drops nothing that comes twice: it is not to come twice. */
class Reader {
  shown = [];
  replays = 0;
  fetches = 0;
  faults = [];
  /** What comes live while the rest is still being fetched. */
  #held = null;
  #connection = 0;
  #waiting = () => {};

  constructor(person, roomId, options) {
    Object.assign(this, { person, roomId });
    this.socket = person.server.open(person.token, {
      ...options,
      reconnection: true,
      reconnectionDelayMax: options.reconnectionDelay,
    });
    this.socket.on("receive_message", (message) => (this.#held ? this.#held.push(message) : this.#show(message)));
    this.socket.on("connect", () => this.#open().catch((error) => this.faults.push(error.message)));
    this.socket.on("disconnect", (reason) => {
      if (reason === "io server disconnect") this.faults.push("a stock client does not come back after that");
    });
  }

  get seen() {
    return this.shown.at(-1)?.seq ?? 0;
  }

  #show(...messages) {
    this.shown.push(...messages);
    this.#waiting();
  }

  /** Resolves when the message with this number is shown. */
  hasSeen(seq) {
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error(`${this.seen} of ${seq} within ${CAUGHT_UP_MS} ms; ${this.faults}`));
      const timer = setTimeout(late, CAUGHT_UP_MS);
      this.#waiting = () => this.seen >= seq && resolve(clearTimeout(timer));
      this.#waiting();
    });
  }

  async #open() {
    this.#connection += 1;
    this.#held = null;
    const [connection, since] = [this.#connection, this.seen];
    const isOver = () => connection !== this.#connection || !this.socket.connected;
    // Replayed messages come before `room_joined`; if none are, what comes after it waits for the rest.
    this.socket.once("room_joined", ({ complete }) => {
      if (!complete && connection === this.#connection) this.#held = [];
    });
    const joined = await ask(this.socket, "join_room", { roomId: this.roomId, since }).catch((error) => {
      if (!isOver()) throw error;
    });
    if (isOver() || !joined) return;
    assert.equal(joined.ok, true, JSON.stringify(joined));
    if (joined.complete) {
      this.replays += joined.replayed > 0 ? 1 : 0;
      return;
    }
    assert.ok(joined.lastSeq - since > REPLAYED, `${joined.lastSeq - since} missed and none replayed`);
    const rest = await this.#fetch(since, joined.lastSeq);
    // Whoever is cut over it begins again.
    if (isOver()) return;
    this.fetches += 1;
    this.#show(...rest, ...this.#held);
    this.#held = null;
  }

  async #fetch(after, upTo) {
    const rest = [];
    for (let seq = after; seq < upTo; seq = rest.at(-1).seq) {
      const path = `/api/rooms/${this.roomId}/messages?after=${seq}&limit=${PAGE}`;
      const { messages } = await this.person.request(200, "GET", path);
      rest.push(...messages.filter((message) => message.seq <= upTo));
    }
    return rest;
  }
}

test(`each message comes once and in order over connections that are cut every second for ${FOR_MS / 1000} s`, async (t) => {
  const server = await Server.start();
  t.after(() => server.close());
  const proxy = await Proxy.before(server.url);
  t.after(() => proxy.close());
  const alice = await server.person("alice");
  const { id: roomId } = await alice.makeRoom({ isPrivate: false });
  const readers = [];
  for (const [index, options] of READERS.entries()) {
    const person = await server.person(`reader${index}`);
    await person.request(200, "POST", `/api/rooms/${roomId}/join`);
    const reader = new Reader(person, roomId, { ...options, via: proxy.url });
    await next(reader.socket, "room_joined");
    readers.push(reader);
  }

  const sender = await alice.connect({ transports: ["websocket"] });
  const acks = [];
  const began = Date.now();
  const cutting = setInterval(() => proxy.cutAll(), CUT_EVERY_MS);
  t.after(() => clearInterval(cutting));
  await new Promise((resolve) => {
    const sending = setInterval(() => {
      const due = (Math.min(Date.now() - began, FOR_MS) * A_SECOND) / 1_000;
      while (acks.length < due) acks.push(ask(sender, "send_message", { roomId, content: `message ${acks.length + 1}` }));
      if (Date.now() - began >= FOR_MS) resolve(clearInterval(sending));
    }, 1_000 / A_SECOND);
  });
  clearInterval(cutting);
  for (const ack of await Promise.all(acks)) assert.equal(ack.ok, true, JSON.stringify(ack));

  const sent = acks.length;
  await Promise.all(readers.map((reader) => reader.hasSeen(sent)));
  const expected = Array.from({ length: sent }, (_, index) => [index + 1, `message ${index + 1}`]);
  for (const [index, { shown, faults }] of readers.entries()) {
    assert.deepEqual(faults, [], `reader ${index}`);
    assert.deepEqual(shown.map(({ seq, content }) => [seq, content]), expected, `reader ${index}`);
  }
  const total = (what) => readers.reduce((sum, reader) => sum + reader[what], 0);
  for (const what of ["replays", "fetches"]) assert.ok(total(what) > 0, `no ${what}`);
  assert.ok(proxy.cuts >= (READERS.length * FOR_MS) / CUT_EVERY_MS / 4, `only ${proxy.cuts} cuts`);
  report(
    "no gap after a reconnect",
    `${sent} messages at ${A_SECOND}/s to ${READERS.length} clients, each once and in order over ${proxy.cuts} cuts, ` +
      `${total("replays")} replays and ${total("fetches")} fetches by REST`,
  );
});
