// Bundles the web UI into the folder that is named: node build.mjs <folder>. build.rs calls it, and embeds the folder.
//
// Scripts and styles get names with a hash of their content, so that browsers may keep them for good; beside each text
// stands what it is when compressed, so that the server need not do it.
import { build } from "esbuild";
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2];
if (!out) throw new Error("usage: node build.mjs <folder>");
const dev = process.argv.includes("--dev");

await rm(out, { recursive: true, force: true });
await mkdir(join(out, "socket.io"), { recursive: true });

const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ["src/main.tsx"],
  outdir: join(out, "assets"),
  entryNames: "[name]-[hash]",
  bundle: true,
  minify: !dev,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});
// The service worker keeps its name: browsers ask under it whether there is a newer one.
await build({
  absWorkingDir: here,
  entryPoints: ["src/worker.ts"],
  outdir: out,
  bundle: true,
  minify: !dev,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  logLevel: "warning",
});
const made = Object.keys(metafile.outputs).map((path) => basename(path));
const named = (end) => {
  const name = made.find((file) => file.endsWith(end));
  if (!name) throw new Error(`esbuild made no ${end}`);
  return `/assets/${name}`;
};

const template = await readFile(join(here, "index.html"), "utf8");
const index = template.replaceAll("{{script}}", named(".js")).replaceAll("{{style}}", named(".css"));
await writeFile(join(out, "index.html"), index);
for (const file of ["icon.svg", "icon-maskable.svg", "icon-unread.svg", "manifest.webmanifest"]) await copyFile(join(here, file), join(out, file));

// The official client, as its authors built it, for pages that load it from the server they talk to.
const client = dirname(createRequire(import.meta.url).resolve("socket.io-client/package.json"));
for (const file of ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js"]) {
  await copyFile(join(client, "dist", file), join(out, "socket.io", file));
}

for (const folder of ["", "assets", "socket.io"]) {
  for (const entry of await readdir(join(out, folder), { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(out, folder, entry.name);
    const plain = await readFile(path);
    const params = { [constants.BROTLI_PARAM_SIZE_HINT]: plain.length };
    await writeFile(`${path}.gz`, gzipSync(plain, { level: 9 }));
    await writeFile(`${path}.br`, brotliCompressSync(plain, { params }));
  }
}
