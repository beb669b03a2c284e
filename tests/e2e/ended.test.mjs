// What a page shows when somebody else ends something.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server } from "../clients/harness.mjs";
import { accessible } from "./axe.mjs";
import { Visitor, launch } from "./browser.mjs";

let server, browser;

before(async () => {
  server = await Server.start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

const told = ({ page }) => page.getByRole("alert").getByText("You have been signed out.");
const wayIn = ({ page }) => page.getByRole("heading", { name: "Sign in to your server" });
const token = ({ page }) => page.evaluate(() => JSON.parse(localStorage.getItem("chatd.session")).token);

test("who is removed while looking is told so, and sees no more of the room", async () => {
  const ada = await server.person("ada");
  const room = await ada.makeRoom({ name: "The kitchen", isPrivate: false });
  const bob = await Visitor.arrive(browser, server, "bob");
  await bob.page.goto("/");
  await bob.register();
  await bob.page.getByRole("button", { name: "Find rooms" }).first().click();
  await bob.page.getByRole("button", { name: "Join: The kitchen" }).click();
  await bob.say("I am here");
  await bob.sees(bob.message("I am here"));
  const { users } = await ada.request(200, "GET", `/api/rooms/${room.id}/users`);
  const { userId } = users.find(({ username }) => username === "bob");
  await ada.request(204, "DELETE", `/api/rooms/${room.id}/users/${userId}`);
  await bob.sees(bob.page.getByRole("alert").getByText(/^You are not in “.*The kitchen.*” any more\.$/));
  await bob.sees(bob.page.getByText("You are in no room yet."));
  assert.equal(await bob.page.getByText("I am here").count(), 0);
  assert.deepEqual(bob.complaints, []);

  // The room is public, so there is a way back.
  await bob.page.getByRole("button", { name: "Join room" }).click();
  await bob.sees(bob.message("I am here"));
  await ada.request(204, "DELETE", `/api/rooms/${room.id}`);
  await bob.sees(bob.page.getByText("This room does not exist, or it is private"));
  assert.deepEqual(bob.complaints, []);
});

test("a room that cannot be asked for is not said to be missing, and is asked for again", async () => {
  const owner = await server.person("owner");
  const room = await owner.makeRoom({ name: "The shed", isPrivate: false });
  const fred = await Visitor.arrive(browser, server, "fred");
  const { page } = fred;
  await page.goto("/");
  await fred.register();
  await fred.sees(page.getByText("You are in no room yet."));
  const refusal = { status: 503, json: { error: { code: "overloaded", message: "Busy." } } };
  let answer;
  await page.route(`**/api/rooms/${room.id}`, async (route) => {
    await new Promise((go) => (answer = go));
    await route.fulfill(refusal);
  });
  const asked = page.waitForRequest(`**/api/rooms/${room.id}`);
  await page.goto(`/r/${room.id}`);
  await asked;
  await fred.sees(page.getByRole("main").getByText("Loading…"));
  answer();
  await fred.sees(page.getByRole("alert").getByText("The server is busy."));
  assert.equal(await page.getByText("This room does not exist").count(), 0);
  // The browser itself notes a refusal.
  assert.match(fred.complaints.splice(0).join("\n"), /^error: Failed to load resource: .* 503 \(Service Unavailable\)$/);
  await accessible(fred, "a door that cannot be asked for");
  await page.unrouteAll();
  await page.getByRole("button", { name: "Retry" }).click();
  await fred.sees(page.getByRole("heading", { name: "The shed" }));
  await accessible(fred, "a door");
  assert.deepEqual(fred.complaints, []);
});

test("a session that is ended elsewhere leads back to the sign-in page", async () => {
  const carol = await Visitor.arrive(browser, server, "carol");
  await carol.page.goto("/");
  await carol.sees(wayIn(carol));
  assert.equal(await told(carol).count(), 0);
  await carol.register();
  await carol.sees(carol.page.getByText("You are in no room yet."));
  await server.request(204, "POST", "/api/auth/logout", undefined, await token(carol));
  await carol.sees(wayIn(carol));
  await carol.sees(told(carol));
  assert.equal(await carol.page.evaluate(() => localStorage.getItem("chatd.session")), null);
  for (const one of carol.complaints.splice(0)) assert.match(one, /^error: Failed to load resource: .* 401 \(Unauthorized\)$/);

  // It is said once, and not after one has signed out oneself.
  await carol.page.reload();
  await carol.sees(wayIn(carol));
  assert.equal(await told(carol).count(), 0);
  await carol.signIn();
  await carol.page.getByRole("button", { name: /^Settings/ }).click();
  await carol.page.getByRole("button", { name: "Sign out" }).click();
  await carol.sees(wayIn(carol));
  assert.equal(await told(carol).count(), 0);
  assert.deepEqual(carol.complaints, []);
});

test("what was open above one account's page is closed for the next", async () => {
  const gina = await Visitor.arrive(browser, server, "gina");
  const { page } = gina;
  await page.goto("/");
  await gina.register();
  await page.getByRole("button", { name: "Find rooms" }).first().click();
  await page.getByRole("dialog").getByRole("searchbox").fill("A secret");
  await server.request(204, "POST", "/api/auth/logout", undefined, await token(gina));
  await gina.sees(wayIn(gina));
  await page.evaluate(() => {
    window.dialogs = 0;
    const count = () => (window.dialogs += document.querySelectorAll("dialog").length);
    new MutationObserver(count).observe(document.body, { childList: true, subtree: true });
  });
  gina.name = "hans";
  await gina.register();
  await gina.sees(page.getByRole("button", { name: /^Settings: .*hans$/, includeHidden: true }));
  // Not even for a moment.
  assert.equal(await page.evaluate(() => window.dialogs), 0);
  for (const one of gina.complaints) assert.match(one, /^error: Failed to load resource: .* 401 \(Unauthorized\)$/);
});

test("signing out in one tab signs out in the other", async () => {
  const dora = await Visitor.arrive(browser, server, "dora");
  await dora.page.goto("/");
  await dora.register();
  await dora.sees(dora.page.getByText("You are in no room yet."));
  const other = await dora.context.newPage();
  await other.goto("/");
  await other.getByRole("button", { name: /^Settings/ }).click();
  await other.getByRole("button", { name: "Sign out" }).click();
  await dora.sees(wayIn(dora));
  assert.equal(await told(dora).count(), 0);
  assert.deepEqual(dora.complaints, []);
});

test("the browser's language is spoken", async () => {
  const emil = await Visitor.arrive(browser, server, "emil", { locale: "de-AT" });
  await emil.page.goto("/");
  await emil.sees(emil.page.getByRole("heading", { name: "Auf diesem Server anmelden" }));
  assert.equal(await emil.page.evaluate(() => document.documentElement.lang), "de");
  assert.equal(await emil.page.evaluate(() => document.documentElement.dir), "ltr");
  assert.deepEqual(emil.complaints, []);
});
