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
  await ada.register();
  await ada.sees(page.getByText("You are in no room yet."));
  assert.equal(new URL(page.url()).pathname, "/");
  assert.equal(new URL(page.url()).hash, "");
  const { token } = await page.evaluate(() => JSON.parse(localStorage["chatd.session"]));
  const { role } = await server.request(200, "GET", "/api/users/me", undefined, token);
  assert.equal(role, "admin");
  assert.deepEqual(ada.complaints, []);
});

test("the link is good once, and the page says so", async () => {
  const eve = await Visitor.arrive(browser, server, "eve");
  await eve.page.goto(server.setupLink);
  await eve.register();
  await eve.sees(eve.page.getByText("This setup link is used or out of date. Restart the server for another."));
  assert.deepEqual(eve.complaints.filter((text) => !REFUSED.test(text)), []);
});
