// Exactly once: stock clients retry by themselves over a network that loses requests and answers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Server, does, next, untaken } from "../harness.mjs";
import { either, report } from "./form.mjs";
import { Proxy, textOf } from "./proxy.mjs";

const SENDS = either(10_000, 500);
const SENDERS = 10;
/** Each request and each answer is met by a cut so often. */
const CUT_CHANCE = 1 / 12;
const PLACES = ["before", "amid", "after"];
const TRANSPORTS = [["websocket"], ["polling"], ["websocket"], ["polling", "websocket"]];
const RETRIES = 100;
const ACK_TIMEOUT_MS = 5_000;
/** A client that was cut comes back after this, more or less; the default of a second would only take longer. */
const BACK_MS = 20;
const DEADLINE_MS = either(300_000, 60_000);
const PAGE = 200;

test(`${SENDS} sends over a network that cuts connections before and after the ack make as many messages`, async (t) => {
  const began = Date.now();
  const server = await Server.start();
  t.after(() => server.close());
  const cuts = Object.fromEntries(["request", "ack"].flatMap((what) => PLACES.map((place) => [`${place} the ${what}`, 0])));
  const proxy = await Proxy.before(server.url, (fromClient, piece) => {
    const text = textOf(fromClient, piece);
    const met = fromClient ? text.includes('["send_message"') : /43\d+\[\{/.test(text);
    if (!met || Math.random() >= CUT_CHANCE) return undefined;
    const place = PLACES[Math.floor(Math.random() * PLACES.length)];
    cuts[`${place} the ${fromClient ? "request" : "ack"}`] += 1;
    return place;
  });
  t.after(() => proxy.close());

  const alice = await server.person("alice");
  const { id: roomId } = await alice.makeRoom({ isPrivate: false });
  const witness = await alice.connect({ transports: ["websocket"] });
  await does(witness, "join_room", { roomId });

  const each = SENDS / SENDERS;
  const names = Array.from({ length: SENDERS }, (_, index) => `s${index}`);
  const sent = names.map(async (name, index) => {
    const person = await server.person(name);
    await person.request(200, "POST", `/api/rooms/${roomId}/join`);
    const socket = server.open(person.token, {
      via: proxy.url,
      transports: TRANSPORTS[index % TRANSPORTS.length],
      reconnection: true,
      reconnectionDelay: BACK_MS,
      reconnectionDelayMax: BACK_MS,
      retries: RETRIES,
      ackTimeout: ACK_TIMEOUT_MS,
    });
    // All at once: the client's own queue has one of them on its way at a time.
    const sends = Array.from({ length: each }, (_, number) => {
      const content = `${name} ${number}`;
      return socket.emitWithAck("send_message", { roomId, content, clientId: `${name}-${number}` });
    });
    const acks = await Promise.all(sends);
    // A client takes a refusal for delivered and does not retry it, so there must be none.
    acks.forEach((ack, number) => {
      assert.equal(ack.ok, true, JSON.stringify(ack));
      assert.equal(ack.message.content, `${name} ${number}`);
    });
    assert.deepEqual(untaken(socket, "disconnect").filter((reason) => reason === "io server disconnect"), []);
    return acks.map((ack) => ack.message.seq);
  });
  let late;
  const deadline = new Promise((_, reject) => {
    late = setTimeout(() => reject(new Error(`not done within ${DEADLINE_MS} ms: ${JSON.stringify(cuts)}`)), DEADLINE_MS);
  });
  t.after(() => clearTimeout(late));
  const acknowledged = await Promise.race([Promise.all(sent), deadline]);

  const kept = [];
  for (let more = true; more; ) {
    const page = await alice.request(200, "GET", `/api/rooms/${roomId}/messages?after=${kept.length}&limit=${PAGE}`);
    kept.push(...page.messages);
    more = page.hasAfter;
  }
  assert.equal(kept.length, SENDS);
  assert.deepEqual(kept.map(({ seq }) => seq), Array.from({ length: SENDS }, (_, index) => index + 1));
  for (const [index, name] of names.entries()) {
    const own = kept.filter(({ clientId }) => clientId.startsWith(`${name}-`));
    assert.deepEqual(own.map(({ content }) => content), Array.from({ length: each }, (_, number) => `${name} ${number}`));
    assert.deepEqual(own.map(({ seq }) => seq), acknowledged[index], "an ack named another message than is kept");
  }
  await next(witness, "receive_message", ({ seq }) => seq === SENDS);
  const told = untaken(witness, "receive_message").map(({ seq }) => seq);
  assert.deepEqual([...told, SENDS], kept.map(({ seq }) => seq));

  for (const [place, count] of Object.entries(cuts)) assert.ok(count > 0, `no cut ${place}`);
  const places = Object.entries(cuts).map(([place, count]) => `${count} ${place}`).join(", ");
  report(
    "exactly once",
    `${SENDS} sends, ${kept.length} messages in each sender's order, ${proxy.cuts} cuts (${places}), ` +
      `${Date.now() - began} ms`,
  );
});
