// The program that README begins with, as it stands there.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Server } from "./harness.mjs";
import { instead, snippet } from "./readme.mjs";

const RUN_MS = 10_000;

/** Runs a program beside the clients' packages. */
function run(program) {
  const cwd = fileURLToPath(new URL(".", import.meta.url));
  return spawnSync(process.execPath, ["--input-type=module"], { cwd, input: program, encoding: "utf8", timeout: RUN_MS });
}

test("README's program says hello each time, and a refusal ends it with the reason", async (t) => {
  const server = await Server.start({ CHATD_LIMITS__ENABLED: "true", CHATD_LIMITS__REGISTRATIONS_PER_HOUR: "1" });
  t.after(() => server.close());
  const program = instead(await snippet("Save this as `hello.mjs`"), { "http://127.0.0.1:5000": server.url });
  for (const _ of ["registers", "signs in"]) {
    const { status, stdout, stderr } = run(program);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^#1 hello: Hello!$/m);
  }
  const { status, stderr } = run(instead(program, { hello: "bob" }));
  assert.equal(status, 1);
  assert.match(stderr, /rate_limited/);
});
