// The real executable, people on it, and stock Socket.IO clients whose events can be waited for.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { io } from "socket.io-client";

const START_MS = 10_000;
const STOP_MS = 10_000;
const REQUEST_MS = 10_000;
const EVENT_MS = 5_000;
const LOG_CHARACTERS = 4_000;

export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
export const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** One chatd process with a data folder of its own, which outlives `stop` and ends with `close`. */
export class Server {
  #child;
  #exit;
  #log = "";
  #sockets = new Set();

  /** Starts a server with the rate limits off, unless `env` says otherwise. */
  static async start(env = {}) {
    const server = new Server();
    server.env = { CHATD_LIMITS__ENABLED: "false", ...env };
    server.dataDir = await mkdtemp(join(tmpdir(), "chatd-clients-"));
    try {
      await server.run();
    } catch (error) {
      await rm(server.dataDir, { recursive: true, force: true });
      throw error;
    }
    return server;
  }

  /** Runs the executable: the first time on a free port, after a `stop` on the same one again. */
  async run() {
    assert.ok(process.env.CHATD_BIN, "CHATD_BIN names no executable");
    const listen = this.url ? new URL(this.url).host : "127.0.0.1:0";
    const foreign = Object.entries(process.env).filter(([name]) => !name.startsWith("CHATD_"));
    const child = spawn(process.env.CHATD_BIN, ["serve", "--listen", listen, "--data-dir", this.dataDir], {
      env: { ...Object.fromEntries(foreign), ...this.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    const orphaned = () => child.kill("SIGKILL");
    process.once("exit", orphaned);
    this.#exit = new Promise((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, signal) => resolve(signal ?? code));
    }).finally(() => process.off("exit", orphaned));

    this.#log = "";
    const log = (text) => (this.#log = (this.#log + text).slice(-LOG_CHARACTERS));
    child.stderr.setEncoding("utf8").on("data", log);
    const listening = new Promise((resolve) => {
      let out = "";
      child.stdout.setEncoding("utf8").on("data", (text) => {
        log(text);
        out = (out + text).slice(-LOG_CHARACTERS);
        const address = out.match(/https?:\/\/127\.0\.0\.1:\d+(?=\D)/);
        if (address) resolve(address[0]);
      });
    });
    const exited = this.#exit.then((how) => Promise.reject(new Error(`chatd ended (${how}) before it listened`)));
    exited.catch(() => {});
    try {
      this.url = await within(START_MS, "chatd did not say where it listens", Promise.race([listening, exited]));
    } catch (error) {
      child.kill("SIGKILL");
      throw new Error(`${error.message}; its log:\n${this.#log}`);
    }
  }

  /** The end of what it printed and logged. */
  get log() {
    return this.#log;
  }

  /** The link by which the first admin is made, if it has printed one. */
  get setupLink() {
    return this.#log.match(/http\S+\/setup#\S+/)?.[0];
  }

  /** Has it read its certificate again, as a renewal does. */
  reload() {
    this.#child.kill("SIGHUP");
  }

  /** Ends the process as an administrator does, and expects an orderly exit. */
  async stop() {
    this.#child.kill("SIGTERM");
    let how;
    try {
      how = await within(STOP_MS, "chatd did not end after SIGTERM", this.#exit);
    } finally {
      this.#child.kill("SIGKILL");
    }
    assert.equal(how, 0, `chatd ended badly; its log:\n${this.#log}`);
  }

  /** Closes what the tests opened, then stops the server and removes its data. */
  async close() {
    for (const socket of this.#sockets) socket.disconnect();
    try {
      await this.stop();
    } finally {
      await rm(this.dataDir, { recursive: true, force: true });
    }
  }

  /** A request; the answer's status is checked (one, or any of a list), its body given. */
  async request(status, method, path, body, token) {
    const response = await fetch(this.url + path, {
      method,
      headers: { ...(body && { "content-type": "application/json" }), ...(token && { authorization: `Bearer ${token}` }) },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    const text = await response.text();
    assert.ok([status].flat().includes(response.status), `${method} ${path} answered ${response.status}: ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  /** The same for a refusal: both its status and its code are checked. */
  async refused(status, code, ...request) {
    const { error } = await this.request(status, ...request);
    assert.equal(error.code, code);
    assert.equal(typeof error.message, "string");
    return error;
  }

  /** Registers somebody whose name starts with `name`. */
  async person(name) {
    const username = `${name}-${randomBytes(6).toString("hex")}`;
    const account = { username, email: `${username}@example.org`, password: "correct horse battery" };
    return new Person(this, account, await this.request(201, "POST", "/api/auth/register", account));
  }

  /**
   * A stock client, connecting, without reconnection unless `options` ask for it; `via` a proxy if they name
   * its URL.
   */
  open(token, { via = this.url, ...options } = {}, namespace = "/") {
    const socket = io(via + namespace, { auth: { token }, forceNew: true, reconnection: false, ...options });
    record(socket);
    this.#sockets.add(socket);
    return socket;
  }
}

/** Somebody with an account and a token. */
class Person {
  constructor(server, account, { user, token }) {
    Object.assign(this, { server, account, token, id: user.id, username: user.username });
  }

  request(status, method, path, body) {
    return this.server.request(status, method, path, body, this.token);
  }

  refused(status, code, method, path, body) {
    return this.server.refused(status, code, method, path, body, this.token);
  }

  /** A connected client; one that may upgrade its transport has done so. */
  async connect(options = {}) {
    const socket = this.server.open(this.token, options);
    await next(socket, "connect");
    if (options.transports?.length > 1) await next(socket, "upgrade");
    return socket;
  }

  makeRoom(options = {}) {
    return this.request(201, "POST", "/api/rooms", { name: "The kitchen", isPrivate: true, ...options });
  }

  /** Makes `guest` a member of a room of this person's, by an invite. */
  async admit(guest, room) {
    const { token } = await this.request(201, "POST", `/api/rooms/${room.id}/invites`, {});
    await guest.request(200, "POST", `/api/rooms/invites/${token}/join`);
  }
}

const inboxes = new WeakMap();

/** Keeps what a socket is told until somebody asks, so that no event can come too early for its test. */
function record(socket) {
  const inbox = { events: [], waiting: new Set() };
  const put = (event, data) => {
    const entry = { event, data };
    for (const wants of inbox.waiting) if (wants(entry)) return;
    inbox.events.push(entry);
  };
  socket.onAny(put);
  for (const event of ["connect", "disconnect", "connect_error"]) socket.on(event, (data) => put(event, data));
  socket.io.on("open", () => socket.io.engine.once("upgrade", () => put("upgrade")));
  inboxes.set(socket, inbox);
}

/** Takes the first event of that name that fits and was not taken before; waits for it at most `ms`. */
export function next(socket, event, predicate = () => true, ms = EVENT_MS) {
  const inbox = inboxes.get(socket);
  const fits = (entry) => entry.event === event && predicate(entry.data);
  const index = inbox.events.findIndex(fits);
  if (index >= 0) return Promise.resolve(inbox.events.splice(index, 1)[0].data);
  return new Promise((resolve, reject) => {
    const wants = (entry) => {
      if (!fits(entry)) return false;
      clearTimeout(timer);
      inbox.waiting.delete(wants);
      resolve(entry.data);
      return true;
    };
    const late = () => {
      inbox.waiting.delete(wants);
      const others = inbox.events.slice(-20).map((entry) => `${entry.event} ${JSON.stringify(entry.data)}`);
      reject(new Error(`no such ${event} within ${ms} ms; the last others:\n${others.join("\n")}`));
    };
    const timer = setTimeout(late, ms);
    inbox.waiting.add(wants);
  });
}

/** The events of that name that came and were not taken, oldest first. */
export function untaken(socket, event) {
  return inboxes.get(socket).events.filter((entry) => entry.event === event).map((entry) => entry.data);
}

/** Emits an event and gives its ack, whatever that says. */
export function ask(socket, event, ...data) {
  return socket.timeout(EVENT_MS).emitWithAck(event, ...data);
}

/** Emits an event and gives its ack, which must be a good one. */
export async function does(socket, event, data) {
  const ack = await ask(socket, event, data);
  assert.equal(ack?.ok, true, `${event} was answered ${JSON.stringify(ack)}`);
  return ack;
}

/** Emits an event whose ack must be a refusal with this code. */
export async function fails(code, socket, event, ...data) {
  const ack = await ask(socket, event, ...data);
  assert.equal(ack?.ok, false, `${event} was answered ${JSON.stringify(ack)}`);
  assert.equal(ack.error.code, code, JSON.stringify(ack.error));
  assert.equal(typeof ack.error.message, "string");
  return ack.error;
}

/** Checks the keys that `expected` names, a pattern by matching; what else there is may be anything. */
export function holds(actual, expected) {
  for (const [key, value] of Object.entries(expected)) {
    const complaint = `${key} in ${JSON.stringify(actual)}`;
    if (value instanceof RegExp) assert.match(String(actual?.[key]), value, complaint);
    else assert.deepEqual(actual?.[key], value, complaint);
  }
}

function within(ms, complaint, promise) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`${complaint} within ${ms} ms`)), ms)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
