// Getting about by keys alone.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server } from "../clients/harness.mjs";
import { accessible } from "./axe.mjs";
import { Visitor, launch } from "./browser.mjs";

let server, browser, ada, bob, page, keyboard;
const rooms = {};

before(async () => {
  server = await Server.start();
  browser = await launch();
  bob = await server.person("bob");
  ada = await Visitor.arrive(browser, server, "ada");
  ({ page } = ada);
  ({ keyboard } = page);
  await page.goto("/");
  await ada.register();
  await ada.sees(page.getByText("You are in no room yet."));
  const token = await page.evaluate(() => JSON.parse(localStorage.getItem("chatd.session")).token);
  for (const name of ["Éclair recipes", "The kitchen", "The garden", "Night kitchen"]) {
    const room = await bob.makeRoom({ name });
    const invite = await bob.request(201, "POST", `/api/rooms/${room.id}/invites`, {});
    await server.request(200, "POST", `/api/rooms/invites/${invite.token}/join`, undefined, token);
    rooms[name] = room;
    await ada.sees(page.getByRole("link", { name }));
  }
  await open("Éclair recipes");
});

after(async () => {
  await browser?.close();
  await server?.close();
});

const says = (name, content) => bob.request(201, "POST", `/api/rooms/${rooms[name].id}/messages`, { content });
const unread = (name) => page.getByRole("link", { name: new RegExp(`${name}.*unread message`) });
const at = (name) => ada.sees(page.getByRole("main").getByRole("heading", { name }));
const dialog = (name) => page.getByRole("dialog", { name });
const switcher = () => dialog("Go to a room");
const options = () => switcher().getByRole("option").allInnerTexts();
/** What the list points at, once it is this. */
const chosen = (name) => ada.sees(switcher().getByRole("option", { name, selected: true }));
const writes = () => page.waitForFunction(() => document.activeElement.matches(".composer textarea"));

async function open(name) {
  await page.getByRole("link", { name }).click();
  await at(name);
  await writes();
}

test("the room switcher finds a room by the beginning of any of its words, whatever its case and accents", async () => {
  await keyboard.type("half a sen");
  await keyboard.press("Control+k");
  await ada.sees(switcher());
  await keyboard.type("KITCH");
  await chosen("Night kitchen");
  assert.deepEqual(await options(), ["Night kitchen", "The kitchen", "Find rooms", "New room"]);
  await ada.sees(page.getByRole("status").getByText("2 rooms"));
  await keyboard.press("ControlOrMeta+a");
  await keyboard.type("ec");
  await chosen("Éclair recipes");
  assert.deepEqual(await options(), ["Éclair recipes", "Find rooms", "New room"]);
  await keyboard.press("ControlOrMeta+a");
  await keyboard.type("the g");
  await keyboard.press("Enter");
  await at("The garden");
  await writes();
  await open("Éclair recipes");
  assert.equal(await ada.box.inputValue(), "half a sen");
  await ada.box.fill("");
});

test("unread rooms come first in it, and its end leads to rooms that one is not in", async () => {
  await says("The garden", "Look, a hedgehog");
  await ada.sees(unread("The garden"));
  await keyboard.press("Control+k");
  await chosen("The garden 1 unread message");
  await keyboard.press("ArrowUp");
  await chosen("New room");
  await keyboard.press("ArrowUp");
  await chosen("Find rooms");
  await keyboard.press("Enter");
  await ada.sees(dialog("Find rooms"));
  await keyboard.press("Escape");
  await ada.misses(page.getByRole("dialog"));
  await writes();
  await keyboard.press("Control+k");
  await keyboard.press("Enter");
  await at("The garden");
  await ada.sees(ada.message("hedgehog"));
  await ada.misses(unread("The garden"));
});

test("Escape closes the switcher and leaves everything as it was, and a click chooses too", async () => {
  await keyboard.press("Control+k");
  await keyboard.type("zzz");
  await chosen("Find rooms");
  await keyboard.press("Escape");
  await ada.misses(switcher());
  await at("The garden");
  await writes();
  await keyboard.press("Control+k");
  await switcher().getByRole("option", { name: "Night kitchen" }).click();
  await at("Night kitchen");
});

test("the switcher takes the place of another dialog, unless something was written there", async () => {
  const form = dialog("New room");
  await page.getByRole("button", { name: "New room" }).first().click();
  await keyboard.type("A room?");
  await keyboard.press("Control+k");
  await form.getByLabel("Private: only by invite").focus();
  await keyboard.press("?");
  // The key after them has come through, so that they have too.
  await keyboard.press("Space");
  assert.equal(await form.getByLabel("Private: only by invite").isChecked(), false);
  assert.equal(await form.getByLabel("Name").inputValue(), "A room?");
  assert.equal(await page.getByRole("dialog").count(), 1);
  await form.getByLabel("Name").fill("");
  await keyboard.press("Control+k");
  await ada.sees(switcher());
  assert.equal(await page.getByRole("dialog").count(), 1);
  await keyboard.type("The kitchen");
  await keyboard.press("Enter");
  await at("The kitchen");
  await ada.misses(page.getByRole("dialog"));
});

test("Alt+Shift and an arrow go to the next and the previous unread room, round the ends of the list", async () => {
  await keyboard.press("Alt+Shift+ArrowDown");
  // Nothing is unread. A key that came later has come through, and nobody has gone anywhere.
  await keyboard.press("Control+k");
  await ada.sees(switcher());
  await keyboard.press("Escape");
  await ada.misses(switcher());
  await at("The kitchen");
  // The list is now: The garden, Éclair recipes, The kitchen.
  for (const name of ["Night kitchen", "The kitchen", "Éclair recipes", "The garden"]) {
    await says(name, `Hello ${name}`);
    if (name !== "The kitchen") await ada.sees(unread(name));
  }
  await keyboard.press("Alt+Shift+ArrowDown");
  await at("Night kitchen");
  await ada.misses(unread("Night kitchen"));
  await keyboard.press("Alt+Shift+ArrowDown");
  await at("The garden");
  await ada.misses(unread("The garden"));
  await open("The kitchen");
  await says("Night kitchen", "Again");
  await ada.sees(unread("Night kitchen"));
  await keyboard.press("Alt+Shift+ArrowUp");
  await at("Éclair recipes");
});

test("a question mark is written where one writes, and asks for help elsewhere", async () => {
  await writes();
  await keyboard.type("Really?");
  assert.equal(await ada.box.inputValue(), "Really?");
  assert.equal(await page.getByRole("dialog").count(), 0);
  await keyboard.press("Enter");
  await ada.sees(ada.message("Really?"));
  await ada.misses(ada.log.locator(".is-pending"));
  await keyboard.press("Shift+Tab");
  await keyboard.press("ArrowUp");
  await keyboard.press("?");
  await ada.sees(dialog("Keyboard"));
  await ada.sees(dialog("Keyboard").getByText("Next unread room"));
  await ada.sees(dialog("Keyboard").getByText("Ctrl", { exact: true }));
  await keyboard.press("Escape");
  await ada.misses(page.getByRole("dialog"));
});

test("Escape leads from the messages back to writing", async () => {
  await page.waitForFunction(() => document.activeElement.matches(".message"));
  await keyboard.press("Escape");
  await writes();
});

test("keys in the middle of a composition mean nothing to the page", async () => {
  for (const how of [{ isComposing: true }, { keyCode: 229 }]) {
    await ada.box.dispatchEvent("keydown", { key: "k", ctrlKey: true, bubbles: true, ...how });
  }
  await ada.box.focus();
  await keyboard.type("x");
  await ada.page.waitForFunction(() => document.activeElement.value === "x");
  assert.equal(await page.getByRole("dialog").count(), 0);
  await ada.box.fill("");
  // Where the letters are not Latin, the same key does.
  await ada.box.dispatchEvent("keydown", { key: "л", code: "KeyK", ctrlKey: true, bubbles: true });
  await ada.sees(switcher());
  await keyboard.press("Escape");
});

test("help is found without knowing its key, and both are accessible and fit the smallest screen", async () => {
  const phone = { width: 320, height: 640 };
  const wide = page.viewportSize();
  const fits = async (what) => {
    const over = await page.evaluate(() => [document.documentElement, ...document.querySelectorAll("dialog, dialog *")].filter((one) => one.scrollWidth > one.clientWidth + 1 && !one.matches(".unseen, .name, svg *, span")).map((one) => one.outerHTML));
    assert.deepEqual(over, [], `${what} is wider than the screen`);
  };
  await page.getByRole("button", { name: "Keyboard" }).click();
  await ada.sees(dialog("Keyboard"));
  await accessible(ada, "the keys");
  await page.setViewportSize(phone);
  await accessible(ada, "the keys on a phone");
  await fits("the help");
  await keyboard.press("Control+k");
  await ada.sees(switcher());
  await says("The kitchen", "Once more");
  await ada.sees(switcher().getByRole("option", { name: "The kitchen 1 unread message" }));
  await accessible(ada, "the switcher on a phone");
  await fits("the switcher");
  await page.setViewportSize(wide);
  await accessible(ada, "the switcher");
  await keyboard.press("Escape");
  assert.deepEqual(ada.complaints, []);
});
