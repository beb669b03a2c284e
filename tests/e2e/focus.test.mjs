// Where the focus is after something was refused, closed or left, and what a slow answer may still do.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { Server } from "../clients/harness.mjs";
import { accessible } from "./axe.mjs";
import { Visitor, gate, launch } from "./browser.mjs";

const MANY = 51;
const PHONE = { width: 360, height: 740 };
const WIDE = { width: 1280, height: 800 };
const BUSY = { status: 503, json: { error: { code: "overloaded", message: "Busy." } } };

let server, browser, ada, page, keyboard, hold;

before(async () => {
  server = await Server.start();
  browser = await launch();
  ada = await Visitor.arrive(browser, server, "ada");
  ({ page } = ada);
  ({ keyboard } = page);
  hold = await gate(page);
  await page.goto("/");
  await ada.register();
  await ada.makeRoom("The kitchen");
  await ada.makeRoom("The garden");
});

after(async () => {
  await browser?.close();
  await server?.close();
});

afterEach(() => {
  // The browser itself notes a refusal.
  for (const one of ada.complaints.splice(0)) assert.match(one, /^error: Failed to load resource: .* 503 \(Service Unavailable\)$/);
});

const dialog = (name) => page.getByRole("dialog", name && { name });
const open = async (name) => {
  await page.getByRole("link", { name }).click();
  await ada.sees(page.getByRole("main").getByRole("heading", { name }));
};
const focused = (wanted, on = page) =>
  on.waitForFunction((name) => (document.activeElement.ariaLabel ?? document.activeElement.textContent).startsWith(name), wanted);

/** Presses a button that is busy for a while and then refused, twice. */
async function refusedAt(button) {
  const held = hold(BUSY);
  await button.press("Enter");
  await held.begun;
  assert.equal(await button.getAttribute("aria-disabled"), "true");
  await keyboard.press("Enter");
  await held.done();
  await ada.sees(page.getByRole("alert").getByText("The server is busy."));
  assert.equal(await button.evaluate((one) => one === document.activeElement), true);
}

test("a button that was refused keeps the focus", async () => {
  await page.getByRole("button", { name: "New room" }).first().click();
  await dialog().getByLabel("Name").fill("The roof");
  await refusedAt(dialog().getByRole("button", { name: "Create" }));
  await dialog().getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "About this room" }).click();
  await dialog().getByRole("button", { name: "Edit room" }).click();
  await dialog().getByLabel("Name").fill("The roof");
  await refusedAt(dialog().getByRole("button", { name: "Save" }));
  await dialog().getByRole("button", { name: "Cancel" }).click();
  await dialog().getByRole("button", { name: "Delete room" }).click();
  await refusedAt(dialog().getByRole("button", { name: "Delete room" }));
  await dialog().getByRole("button", { name: "Cancel" }).click();
  await dialog().getByRole("button", { name: "Close" }).click();
});

test("a sign-in that was refused keeps the focus", async () => {
  const bob = await Visitor.arrive(browser, server, "bob");
  await bob.page.goto("/");
  await bob.page.getByLabel("Username or e-mail").fill("bob");
  await bob.page.getByLabel("Password").fill("nobody's password");
  await bob.page.getByRole("button", { name: "Sign in", exact: true }).press("Enter");
  await bob.sees(bob.page.getByRole("alert").getByText("The name or the password is wrong."));
  await focused("Sign in", bob.page);
});

test("both forms of a room take a description of several lines", async () => {
  await page.getByRole("button", { name: "New room" }).first().click();
  await dialog().getByLabel("Name").fill("The attic");
  await dialog().getByLabel("What it is for (optional)").fill("Old\nthings");
  await dialog().getByRole("button", { name: "Create" }).click();
  await ada.sees(page.getByRole("main").getByRole("heading", { name: "The attic" }));
  await page.getByRole("button", { name: "About this room" }).click();
  await dialog().getByRole("button", { name: "Edit room" }).click();
  assert.equal(await dialog().getByLabel("What it is for (optional)").inputValue(), "Old\nthings");
  await keyboard.press("Escape");
  await dialog().getByRole("button", { name: "Close" }).click();
  await ada.misses(dialog());
});

test("the browser's way back closes what is open, and leads to writing", async () => {
  await open("The kitchen");
  await open("The garden");
  await page.getByRole("button", { name: "About this room" }).click();
  await ada.sees(dialog());
  await page.goBack();
  await ada.misses(dialog());
  await focused("Message The kitchen");
});

test("on a phone the way back leads to the room that one comes from", async () => {
  await page.setViewportSize(PHONE);
  await page.getByRole("link", { name: "Back to the rooms" }).press("Enter");
  await page.waitForFunction(() => document.activeElement.matches(".rooms a") && document.activeElement.textContent.startsWith("The kitchen"));
  await keyboard.press("Enter");
  await ada.sees(page.getByRole("link", { name: "Back to the rooms" }));
  await page.setViewportSize(WIDE);
});

test("whoever is elsewhere when a slow answer comes stays there, with what is open there", async () => {
  await page.getByRole("button", { name: "New room" }).first().click();
  await dialog().getByLabel("Name").fill("The late room");
  const made = hold();
  await dialog().getByRole("button", { name: "Create" }).click();
  await made.begun;
  await keyboard.press("Escape");
  await page.getByRole("button", { name: "Find rooms" }).first().click();
  await made.done();
  await ada.sees(page.getByRole("link", { name: "The late room", includeHidden: true }));
  await ada.sees(dialog("Find rooms"));
  assert.equal(await page.getByRole("main", { includeHidden: true }).getByRole("heading", { includeHidden: true }).first().innerText(), "The kitchen");
  await keyboard.press("Escape");
  await ada.misses(dialog());

  await open("The late room");
  await page.getByRole("button", { name: "About this room" }).click();
  await dialog().getByRole("button", { name: "Delete room" }).click();
  const deleted = hold();
  await dialog().getByRole("button", { name: "Delete room" }).click();
  await deleted.begun;
  await page.goBack();
  await focused("Message The kitchen");
  await deleted.done();
  await ada.misses(page.getByRole("link", { name: "The late room" }));
  await ada.sees(page.getByRole("main").getByRole("heading", { name: "The kitchen" }));
});

test("a list of public rooms that is cut off says so", async () => {
  const bob = await server.person("bob");
  for (let n = 1; n <= MANY; n++) await bob.makeRoom({ name: `Public ${n}`, isPrivate: false });
  await page.getByRole("button", { name: "Find rooms" }).first().click();
  await ada.sees(dialog().getByText("These are the first 50. Type more of a name to find others."));
  await accessible(ada, "finding rooms");
  await dialog().getByRole("searchbox").fill("public 51");
  await ada.misses(dialog().getByText(/^These are the first/));
  await ada.sees(dialog().getByRole("button", { name: "Join: Public 51" }));
  await keyboard.press("Escape");
});
