// Two people in two browsers, from the first page to the last word.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server } from "../clients/harness.mjs";
import { Visitor, launch } from "./browser.mjs";

let server, browser, ada, bob;

before(async () => {
  server = await Server.start();
  browser = await launch();
  ada = await Visitor.arrive(browser, server, "ada");
  bob = await Visitor.arrive(browser, server, "bob");
});

after(async () => {
  await browser?.close();
  await server?.close();
});

test("one registers, makes a room and gets an invite link for it", async () => {
  await ada.page.goto("/");
  await ada.register();
  await ada.makeRoom("The kitchen");
  ada.link = await ada.invite();
  assert.match(ada.link, /^http:\/\/127\.0\.0\.1:\d+\/invite\/[\w-]+$/);
});

test("whoever follows the link sees what it is for, registers and is in the room", async () => {
  const { page } = bob;
  await page.goto(ada.link);
  await bob.sees(page.getByText(/^.?ada.? invites you to$/));
  await bob.sees(page.getByRole("heading", { name: "The kitchen" }));
  await bob.register();
  await bob.sees(bob.box);
  await ada.sees(ada.page.getByText("2 members"));
});

test("what one writes the other sees, in order and safely", async () => {
  await ada.say("Hello <b>there</b>");
  await bob.say("See https://example.org/a_(b), and `let x = 1`.");
  await bob.sees(bob.message("Hello <b>there</b>"));
  const link = ada.log.getByRole("link");
  assert.equal(await link.getAttribute("href"), "https://example.org/a_(b)");
  assert.equal(await ada.log.locator("code").innerText(), "let x = 1");
  assert.equal(await bob.log.locator(".text b").count(), 0);

  await ada.box.pressSequentially("one");
  await ada.box.press("Shift+Enter");
  await ada.box.pressSequentially("two");
  await ada.box.press("Enter");
  await bob.sees(bob.message("one"));
  const expected = ["Hello <b>there</b>", "See https://example.org/a_(b), and let x = 1.", "one\ntwo"];
  for (const one of [ada, bob]) {
    assert.deepEqual(await one.texts(3), expected);
    await one.misses(one.log.locator(".is-pending"));
  }
  assert.equal(await ada.box.inputValue(), "");
});

test("Enter in the middle of a composition sends nothing", async () => {
  await ada.box.fill("に");
  await ada.box.dispatchEvent("keydown", { key: "Enter", isComposing: true, bubbles: true });
  await ada.box.dispatchEvent("keydown", { key: "Enter", keyCode: 229, bubbles: true });
  assert.equal(await ada.box.inputValue(), "に");
  await ada.box.fill("");
});

test("who writes is told to the other until they send", async () => {
  await bob.box.pressSequentially("Well");
  await ada.sees(ada.page.getByText(/^.?bob.? is typing…$/));
  await bob.box.press("Enter");
  await ada.misses(ada.page.getByText(/^.?bob.? is typing…$/));
  await ada.sees(ada.message("Well"));
});

test("messages are edited, answered and deleted for both", async () => {
  await ada.message("one").hover();
  await ada.message("one").getByRole("button", { name: "Edit" }).click();
  await ada.box.fill("three");
  await ada.box.press("Enter");
  await bob.sees(bob.message("three(edited)").or(bob.message("three (edited)")));

  await bob.message("three").hover();
  await bob.message("three").getByRole("button", { name: "Reply" }).click();
  await bob.say("Three indeed");
  await ada.sees(ada.message("Three indeed").getByRole("button", { name: "In reply to ada" }));

  await ada.message("Well").hover();
  await ada.message("Well").getByRole("button", { name: "Delete" }).click();
  await ada.page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await bob.sees(bob.message("This message was deleted."));
  assert.equal(await bob.message("Well").count(), 0);
});

test("one sees who has seen what one wrote", async () => {
  await bob.page.goto("/");
  await bob.sees(bob.page.getByText("Pick a room, or make one."));
  await ada.say("Seen?");
  await ada.misses(ada.page.getByRole("button", { name: /^Seen by .?bob.?$/ }));
  await ada.message("Seen?").hover();
  await ada.message("Seen?").getByRole("button", { name: "Who has seen this" }).click();
  const dialog = ada.page.getByRole("dialog");
  await ada.sees(dialog.getByText("Nobody else has seen this message yet."));
  await bob.page.getByRole("link", { name: /The kitchen/ }).click();
  await ada.sees(dialog.getByRole("heading", { name: "Seen by 1" }));
  await ada.sees(dialog.getByText("bob"));
  await ada.page.keyboard.press("Escape");
  await ada.sees(ada.page.getByRole("button", { name: /^Seen by .?bob.?$/ }));
});

test("unread messages are counted, marked with a line, and read by looking", async () => {
  await ada.makeRoom("The garden");
  await bob.say("Are you there?");
  const kitchen = ada.page.getByRole("link", { name: /The kitchen.*1 unread message/ });
  await ada.sees(kitchen);
  await kitchen.click();
  await ada.sees(ada.log.locator(".unread-line"));
  await ada.sees(ada.message("Are you there?"));
  await ada.misses(kitchen);
  await ada.page.reload();
  await ada.sees(ada.message("Are you there?"));
  await ada.misses(kitchen);
});

test("presence goes off and comes back", async () => {
  const members = ada.page.getByRole("complementary", { name: "Members" });
  await ada.sees(members.getByRole("heading", { name: "Online 2" }));
  await bob.page.goto("about:blank");
  await ada.sees(members.getByRole("heading", { name: "Offline 1" }));
  await bob.page.goBack();
  await ada.sees(members.getByRole("heading", { name: "Online 2" }));
});

test("one stays signed in through a reload, and is shown the way in after signing out", async () => {
  await bob.page.reload();
  await bob.sees(bob.message("Are you there?"));
  await bob.page.getByRole("button", { name: /^Settings/ }).click();
  await bob.page.getByRole("button", { name: "Sign out" }).click();
  await bob.signIn();
  await bob.sees(bob.message("Are you there?"));
});

test("the browsers had nothing to complain of", () => {
  for (const { complaints } of [ada, bob]) assert.deepEqual(complaints, []);
});
