// What a page shows when somebody else ends something.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server } from "../clients/harness.mjs";
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
  await bob.sees(bob.page.getByText("You are not a member of this room."));
  await bob.sees(bob.page.getByText("You are in no room yet."));
  assert.equal(await bob.page.getByText("I am here").count(), 0);
  assert.deepEqual(bob.complaints, []);

  // The room is public, so there is a way back.
  await bob.page.getByRole("button", { name: "Join room" }).click();
  await bob.sees(bob.message("I am here"));
  await ada.request(204, "DELETE", `/api/rooms/${room.id}`);
  await bob.sees(bob.page.getByText("This room does not exist, or it is private"));
});

test("a session that is ended elsewhere leads back to the sign-in page", async () => {
  const carol = await Visitor.arrive(browser, server, "carol");
  await carol.page.goto("/");
  await carol.register();
  await carol.sees(carol.page.getByText("You are in no room yet."));
  await server.request(204, "POST", "/api/auth/logout", undefined, await token(carol));
  await carol.sees(carol.page.getByRole("heading", { name: "Sign in to your server" }));
  assert.equal(await carol.page.evaluate(() => localStorage.getItem("chatd.session")), null);
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
  await dora.sees(dora.page.getByRole("heading", { name: "Sign in to your server" }));
});

test("the browser's language is spoken", async () => {
  const emil = await Visitor.arrive(browser, server, "emil", { locale: "de-AT" });
  await emil.page.goto("/");
  await emil.sees(emil.page.getByRole("heading", { name: "Auf diesem Server anmelden" }));
  assert.equal(await emil.page.evaluate(() => document.documentElement.lang), "de");
});
