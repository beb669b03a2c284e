// Stock clients through the reverse proxies that README shows, set up by README's own words.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import https from "node:https";
import net from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Server, does, next } from "./harness.mjs";
import { instead, snippet } from "./readme.mjs";

// The certificates sign themselves, so nobody vouches for them; each test file is a process of its own.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";

const NAME = "chat.example.org";
/** People come from here, the proxy from 127.0.0.1: so it shows whose address is counted. */
const CLIENT = "127.0.0.2";
const START_MS = 10_000;
const LOOK_MS = 20;
const LOG_MS = 5_000;

/** A port that nobody listens on. */
async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

async function certify(folder) {
  const files = { certificate: join(folder, "fullchain.pem"), key: join(folder, "privkey.pem") };
  const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", files.key, "-out", files.certificate];
  const about = ["-days", "2", "-subj", `/CN=${NAME}`, "-addext", `subjectAltName=DNS:${NAME}`];
  execFileSync("openssl", ["req", "-x509", ...made, ...about], { stdio: "pipe" });
  return files;
}

const proxies = {
  async nginx({ folder, port, upstream, certificate, key }) {
    const server = instead(await snippet("nginx has to be told about WebSockets and addresses:"), {
      "listen 443 ssl;": `listen 127.0.0.1:${port} ssl;`,
      "127.0.0.1:5000": upstream,
      [`/etc/letsencrypt/live/${NAME}/fullchain.pem`]: certificate,
      [`/etc/letsencrypt/live/${NAME}/privkey.pem`]: key,
    });
    const folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/${name};`);
    const file = join(folder, "nginx.conf");
    const http = `http {\naccess_log off;\n${folders.join("\n")}\n${server}}\n`;
    await writeFile(file, `user ${userInfo().username};\ndaemon off;\npid ${folder}/nginx.pid;\nevents {}\n${http}`);
    // Debian keeps it where only root looks.
    return ["/usr/sbin/nginx", "-c", file, "-p", folder, "-e", "stderr"];
  },
  async caddy({ folder, port, upstream, certificate, key }) {
    const site = instead(await snippet("With Caddy, which gets the certificate, this is all:"), {
      "127.0.0.1:5000": upstream,
      [`${NAME} {`]: `${NAME} {\n\tbind 127.0.0.1\n\ttls ${certificate} ${key}`,
    });
    const file = join(folder, "Caddyfile");
    const all = ["admin off", "auto_https disable_redirects", `https_port ${port}`, `storage file_system ${folder}`];
    await writeFile(file, `{\n${all.join("\n")}\n}\n${site}`);
    return ["caddy", "run", "--adapter", "caddyfile", "--config", file];
  },
};

/** Connects until somebody listens, or the proxy has ended. */
async function reachable(port, proxy, log) {
  const deadline = Date.now() + START_MS;
  for (;;) {
    const socket = net.connect(port, "127.0.0.1");
    // An error rejects this.
    const isThere = await once(socket, "connect").then(() => true, () => false);
    socket.destroy();
    if (isThere) return;
    assert.ok(proxy.exitCode === null && Date.now() < deadline, `the proxy does not listen; its log:\n${log()}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** A server behind a proxy, and how to get there. */
async function behind(t, name) {
  const folder = await mkdtemp(join(tmpdir(), "chatd-clients-proxy-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const env = { CHATD_SERVER__PUBLIC_URL: `https://${NAME}`, CHATD_SERVER__TRUSTED_PROXIES: "127.0.0.1" };
  const server = await Server.start(env);
  t.after(() => server.close());
  const port = await freePort();
  const [program, ...words] = await proxies[name]({ folder, port, upstream: new URL(server.url).host, ...(await certify(folder)) });
  const proxy = spawn(program, words, { env: { ...process.env, HOME: folder }, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  for (const stream of [proxy.stdout, proxy.stderr]) stream.setEncoding("utf8").on("data", (text) => (log += text));
  proxy.on("error", (error) => (log += `${error.message}: tests/run installs it`));
  const ended = once(proxy, "exit").catch(() => {});
  const orphaned = () => proxy.kill("SIGKILL");
  process.once("exit", orphaned);
  t.after(async () => {
    proxy.kill("SIGTERM");
    await ended;
    process.off("exit", orphaned);
  });
  await reachable(port, proxy, () => log);
  const lookup = (_, { all }, found) => (all ? found(null, [{ address: "127.0.0.1", family: 4 }]) : found(null, "127.0.0.1", 4));
  const agent = new https.Agent({ lookup, localAddress: CLIENT, servername: NAME, rejectUnauthorized: false });
  t.after(() => agent.destroy());
  return { server, agent, via: `https://${NAME}:${port}` };
}

/** A request through the proxy, with its answer's status. */
async function post({ agent, via }, path, body, headers) {
  const request = https.request(via + path, { method: "POST", agent, headers: { "content-type": "application/json", ...headers } });
  request.end(JSON.stringify(body));
  const [response] = await once(request, "response");
  response.resume();
  await once(response, "end");
  return response.statusCode;
}

/** Not every system has a package of Caddy; nginx is everywhere. */
const skip = { caddy: spawnSync("caddy", ["version"]).error && "caddy is not installed" };

for (const name of Object.keys(proxies)) {
  describe(`behind ${name}, as README sets it up`, { skip: skip[name] ?? false }, () => {
    for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
      test(`people talk over ${transports.join(", upgraded to ")}`, async (t) => {
        const { server, agent, via } = await behind(t, name);
        const [alice, bob] = [await server.person("alice"), await server.person("bob")];
        const room = await alice.makeRoom();
        await alice.admit(bob, room);
        // A browser says where the page is from, which has to be the public URL.
        const stock = { via, transports, agent, extraHeaders: { origin: `https://${NAME}` } };
        const [a, b] = [await alice.connect(stock), await bob.connect(stock)];
        for (const socket of [a, b]) {
          await does(socket, "join_room", { roomId: room.id });
          await next(socket, "room_joined");
        }
        for (const content of ["Hello!", "x".repeat(4_000)]) {
          const heard = next(b, "receive_message", (message) => message.content === content);
          await does(a, "send_message", { roomId: room.id, content });
          await heard;
        }
      });
    }

    test("whoever signs in is known by the address that the proxy saw, whatever they claim", async (t) => {
      const place = await behind(t, name);
      const nobody = { username: "nobody", password: "wrong horse battery" };
      const claim = { "x-forwarded-for": "198.51.100.7" };
      assert.equal(await post(place, "/api/auth/login", nobody, claim), 401);
      const deadline = Date.now() + LOG_MS;
      while (!place.server.log.includes("a sign-in failed") && Date.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
      const told = place.server.log.split("\n").find((line) => line.includes("a sign-in failed"));
      assert.match(told ?? place.server.log, new RegExp(`address=${CLIENT.replaceAll(".", "\\.")}\\b`));
    });
  });
}
