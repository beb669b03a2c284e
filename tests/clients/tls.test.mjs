// Stock clients within TLS, while the certificate is renewed and the server comes back.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Server, does, next } from "./harness.mjs";

// The certificates sign themselves, so nobody vouches for them; each test file is a process of its own.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";

/** Puts a fresh certificate and its key into a folder, under the names that it had before. */
function certify(folder) {
  const certificate = join(folder, "certificate.pem");
  const key = join(folder, "key.pem");
  const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate];
  const about = ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync("openssl", ["req", "-x509", ...made, ...about], { stdio: "pipe" });
  return { CHATD_TLS__CERTIFICATE: certificate, CHATD_TLS__KEY: key };
}

for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
  describe(`within TLS over ${transports.join(", upgraded to ")}`, () => {
    test("people talk, whatever becomes of the certificate and the server", async (t) => {
      const folder = await mkdtemp(join(tmpdir(), "chatd-clients-tls-"));
      t.after(() => rm(folder, { recursive: true, force: true }));
      const server = await Server.start(certify(folder));
      t.after(() => server.close());
      assert.match(server.url, /^https:/);
      const [alice, bob] = [await server.person("alice"), await server.person("bob")];
      const room = await alice.makeRoom();
      await alice.admit(bob, room);
      const stock = { transports, reconnection: true, rejectUnauthorized: false };
      const [a, b] = [await alice.connect(stock), await bob.connect(stock)];
      for (const socket of [a, b]) {
        socket.on("connect", () => socket.emit("join_room", { roomId: room.id }));
        await does(socket, "join_room", { roomId: room.id });
        await next(socket, "room_joined");
      }
      const says = async (content) => {
        const heard = next(b, "receive_message", (message) => message.content === content);
        await does(a, "send_message", { roomId: room.id, content });
        await heard;
      };

      await says("before");
      certify(folder);
      server.reload();
      await says("x".repeat(4_000));
      await server.stop();
      await server.run();
      for (const socket of [a, b]) await next(socket, "room_joined", undefined, 20_000);
      await says("after");
    });
  });
}
