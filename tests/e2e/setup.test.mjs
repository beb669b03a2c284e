// The first admin of a server, by the link that it prints.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server } from "../clients/harness.mjs";
import { accessible } from "./axe.mjs";
import { Visitor, launch } from "./browser.mjs";

const REFUSED = /^error: Failed to load resource: the server responded with a status of 403/;

let server, browser;

before(async () => {
  server = await Server.start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

test("whoever opens the link makes the admin and is signed in", async () => {
  const ada = await Visitor.arrive(browser, server, "ada");
  const { page } = ada;
  await page.goto(server.setupLink);
  await ada.sees(page.getByRole("heading", { name: "Create the admin of this server" }));
  await ada.misses(page.getByRole("button", { name: /account\?/ }));
  await accessible(ada, "the first admin");
  await page.getByLabel("Username").fill("ada");
  await page.getByLabel("E-mail").fill("ada@example.org");
  await page.getByLabel("Password").fill("short");
  await page.getByRole("button", { name: "Create account" }).click();
  await ada.sees(page.getByText("This server asks for 8 to 256 characters"));
  assert.equal(await page.locator(".problem").count(), 1);
  assert.equal(ada.complaints.splice(0).length, 1);
  await ada.register();
  await ada.sees(page.getByText("You are in no room yet."));
  assert.equal(new URL(page.url()).pathname, "/");
  assert.equal(new URL(page.url()).hash, "");
  const { token } = await page.evaluate(() => JSON.parse(localStorage["chatd.session"]));
  const { role } = await server.request(200, "GET", "/api/users/me", undefined, token);
  assert.equal(role, "admin");
  assert.deepEqual(ada.complaints, []);
});

test("a link that is used or mistyped is told before anything is typed", async () => {
  const eve = await Visitor.arrive(browser, server, "eve");
  const { page } = eve;
  for (const link of [server.setupLink, `${server.setupLink}x`, `${server.url}/setup`]) {
    await page.goto(link);
    await eve.sees(page.getByText(/^This setup link is wrong, used, or older than 30 minutes[^]*\schatd user add NAME --email ADDRESS --admin$/));
    assert.equal(await page.getByLabel("Username").count(), 0);
  }
  await accessible(eve, "a setup link that is over");
  await page.getByRole("link", { name: "Sign in" }).click();
  await eve.sees(page.getByRole("heading", { name: "Sign in to your server" }));
  assert.deepEqual(eve.complaints.filter((text) => !REFUSED.test(text)), []);
});

test("a link that is used elsewhere while somebody types is told, too", async (t) => {
  const other = await Server.start();
  t.after(() => other.close());
  const [bob, eve] = [await Visitor.arrive(browser, other, "bob"), await Visitor.arrive(browser, other, "eve")];
  for (const { page } of [bob, eve]) await page.goto(other.setupLink);
  await bob.register();
  await bob.sees(bob.page.getByText("You are in no room yet."));
  await eve.register();
  await eve.sees(eve.page.getByText("This setup link is wrong, used"));
});
