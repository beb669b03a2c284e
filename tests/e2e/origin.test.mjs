// Pages of another origin, in the real browser: what the server keeps from them, and what it allows by its configuration.
import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { Server, next } from "../clients/harness.mjs";
import { launch } from "./browser.mjs";

// Loopback too, and none of the names that developers' pages have.
const FOREIGN_HOST = "127.0.0.2";
const PATIENCE_MS = 5_000;

const clients = createRequire(new URL("../clients/harness.mjs", import.meta.url));
const client = clients.resolve("socket.io-client/dist/socket.io.js");

let browser, site, origin;

before(async () => {
  site = createServer((request, response) => response.setHeader("content-type", "text/html").end("<!doctype html><title>Elsewhere</title>"));
  await once(site.listen(0, FOREIGN_HOST), "listening");
  origin = `http://${FOREIGN_HOST}:${site.address().port}`;
  browser = await launch();
});

after(async () => {
  await browser?.close();
  site?.close();
  site?.closeAllConnections();
});

/** A server, somebody on it, and a foreign page that knows their token. */
async function visit(env, scene) {
  const server = await Server.start(env);
  const page = await browser.newPage();
  try {
    const ada = await server.person("ada");
    await page.goto(origin);
    await page.addScriptTag({ path: client });
    await scene({ server, ada, page });
  } finally {
    await page.close();
    await server.close();
  }
}

/** What the page can do: each thing by name, and what came of it. */
const tries = (page, url, token) =>
  page.evaluate(
    async ({ url, token, PATIENCE_MS }) => {
      const request = (path, options) =>
        fetch(url + path, { credentials: "include", ...options }).then(
          async (answer) => `read ${answer.status} ${(await answer.text()).length > 0}`,
          (error) => error.name,
        );
      const authorization = { authorization: `Bearer ${token}` };
      const json = { ...authorization, "content-type": "application/json" };
      const socket = (address) =>
        new Promise((resolve) => {
          const socket = new WebSocket(address);
          socket.onmessage = (message) => resolve(`read ${message.data[0]}`) || socket.close();
          socket.onerror = () => resolve("error");
        });
      const stock = (transports) =>
        new Promise((resolve) => {
          const socket = io(url, { auth: { token }, transports, forceNew: true, reconnection: false, timeout: PATIENCE_MS });
          const done = (what) => resolve(what) || socket.disconnect();
          socket.on("connect", () => done("connect"));
          socket.on("connect_error", () => done("connect_error"));
        });
      const engine = "/socket.io/?EIO=4&transport=";
      return {
        "a WebSocket": await socket(url.replace("http", "ws") + engine + "websocket"),
        "a poll": await request(engine + "polling", {}),
        "a request": await request("/api/users/me", { headers: authorization }),
        "a request without a token": await request("/healthz", {}),
        "a change": await request("/api/rooms", { method: "POST", headers: json, body: '{"name":"made elsewhere"}' }),
        "a stock client over WebSocket": await stock(["websocket"]),
        "a stock client over polling": await stock(["polling"]),
      };
    },
    { url, token, PATIENCE_MS },
  );

function report(figure) {
  const line = `origin: ${figure}\n`;
  if (process.env.CHATD_FAULTS_REPORT) appendFileSync(process.env.CHATD_FAULTS_REPORT, line);
}

const nothing = {
  "a WebSocket": "error",
  "a poll": "TypeError",
  "a request": "TypeError",
  "a request without a token": "TypeError",
  "a change": "TypeError",
  "a stock client over WebSocket": "connect_error",
  "a stock client over polling": "connect_error",
};

const everything = {
  "a WebSocket": "read 0",
  "a poll": "read 200 true",
  "a request": "read 200 true",
  "a request without a token": "read 200 true",
  "a change": "read 201 true",
  "a stock client over WebSocket": "connect",
  "a stock client over polling": "connect",
};

test("a page of a foreign origin opens no socket, reads no answer and changes nothing", async () => {
  await visit({}, async ({ server, ada, page }) => {
    assert.deepEqual(await tries(page, server.url, ada.token), nothing);
    const { rooms } = await ada.request(200, "GET", "/api/rooms");
    assert.deepEqual(rooms, []);
    report(`a foreign page got through in 0 of ${Object.keys(nothing).length} ways`);
  });
});

test("a page whose origin server.allowed_origins names may do all of it, and no other page", async () => {
  await visit({ CHATD_SERVER__ALLOWED_ORIGINS: origin }, async ({ server, ada, page }) => {
    assert.deepEqual(await tries(page, server.url, ada.token), everything);
    report(`an allowed page in ${Object.keys(everything).length} of ${Object.keys(everything).length}`);
  });
  const other = origin.replace(/\d+$/, "1");
  await visit({ CHATD_SERVER__ALLOWED_ORIGINS: other }, async ({ server, ada, page }) => {
    assert.deepEqual(await tries(page, server.url, ada.token), nothing);
  });
});

test("a program, which names no origin, is fine, and one that names a foreign one is not", async () => {
  await visit({}, async ({ server, ada }) => {
    for (const transport of ["websocket", "polling"]) {
      const options = { transports: [transport] };
      await ada.connect(options);
      const foreign = server.open(ada.token, { ...options, extraHeaders: { origin } });
      await next(foreign, "connect_error");
    }
  });
});
