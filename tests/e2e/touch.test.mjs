// The web UI by fingers alone, on a phone.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server, does } from "../clients/harness.mjs";
import { Visitor, launch } from "./browser.mjs";

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
const QUARTERS = [0.125, 0.375, 0.625, 0.875];
const HISTORY = 80;

let server, browser, ada, page, bob;

before(async () => {
  server = await Server.start();
  browser = await launch();
  ada = await Visitor.arrive(browser, server, "ada", PHONE);
  ({ page } = ada);
  await page.goto("/");
  await ada.register();
  await ada.makeRoom("The balcony");
  const roomId = page.url().split("/").at(-1);
  const token = await page.evaluate(() => JSON.parse(localStorage.getItem("chatd.session")).token);
  const invite = await server.request(201, "POST", `/api/rooms/${roomId}/invites`, {}, token);
  const person = await server.person("bob");
  await person.request(200, "POST", `/api/rooms/invites/${invite.token}/join`);
  const socket = await person.connect();
  bob = { says: (content) => does(socket, "send_message", { roomId, content }) };
  for (const text of ["One line", "Another line"]) await bob.says(text);
  await ada.box.fill("My own line");
  await button("Send").tap();
  await ada.misses(ada.log.locator(".is-pending"));
});

after(async () => {
  await browser?.close();
  await server?.close();
});

const tools = (text) => ada.message(text).locator(".tools");
const button = (name) => page.getByRole("button", { name, exact: true });
const typesIn = () => page.evaluate(() => document.activeElement.matches(".composer textarea"));

/** Taps a row at this part of its width, in the upper and in the lower half of its height. */
async function tap(text, part, height = 0.25) {
  const { x, y, width, height: tall } = await ada.message(text).boundingBox();
  await page.touchscreen.tap(x + width * part, y + tall * height);
}

/** Somewhere that nothing is, so that the tools of all messages go. */
async function tapAway() {
  await page.getByRole("heading", { name: "The balcony" }).tap();
  await ada.misses(page.locator(".tools:visible"));
}

test("the first tap on a message only shows what can be done with it, wherever it falls", async () => {
  assert.equal(await page.evaluate(() => matchMedia("(hover: none)").matches), true);
  for (const text of ["My own line", "Another line"]) {
    for (const part of QUARTERS) {
      for (const height of [0.1, 0.9]) {
        await tap(text, part, height);
        await ada.sees(tools(text));
        const where = `${text} at ${part}, ${height}`;
        assert.equal(await page.getByRole("dialog").count(), 0, where);
        assert.equal(await page.locator(".concern").count(), 0, where);
        await tapAway();
      }
    }
  }
});

test("the second tap does what it is on", async () => {
  await tap("One line", 0.875);
  await ada.sees(tools("One line"));
  await ada.message("One line").getByRole("button", { name: "Reply" }).tap();
  await ada.sees(page.getByText(/^Replying to .?bob/));
  assert.equal(await typesIn(), true);
  await ada.box.fill("An answer");
  await button("Send").tap();
  await ada.sees(ada.message("An answer").getByRole("button", { name: /In reply to .?bob/ }));
});

test("a dialog is opened and closed by taps, by its cross and beside it", async () => {
  await tap("My own line", 0.5);
  await ada.message("My own line").getByRole("button", { name: "Delete" }).tap();
  await ada.sees(page.getByRole("dialog", { name: "Delete this message?" }));
  await button("Close").tap();
  await ada.misses(page.getByRole("dialog"));
  await page.getByRole("button", { name: "About this room" }).tap();
  await ada.sees(page.getByRole("dialog"));
  await page.touchscreen.tap(10, 10);
  await ada.misses(page.getByRole("dialog"));
  assert.equal(await ada.message("My own line").count(), 1);
});

test("an invite is made and copied by taps, and the word for it turns back", async () => {
  await ada.context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByRole("button", { name: "Invite people" }).tap();
  await button("Make a new link").tap();
  await button("Copy").tap();
  await ada.sees(button("Copied"));
  const link = await page.getByLabel("Invite link").inputValue();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), link);
  await ada.sees(button("Copy"));
  await button("Close").tap();
});

test("a tap leads to the end of a long list, and back to the rooms", async () => {
  for (let n = 1; n <= HISTORY; n++) await bob.says(`entry ${n}`);
  await ada.sees(ada.message(`entry ${HISTORY}`));
  await ada.log.evaluate((box) => (box.scrollTop = 0));
  await button("To the newest").tap();
  await ada.misses(button("To the newest"));
  const end = await ada.log.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight);
  assert.ok(end < 2, `${end} px below`);
  await page.getByRole("link", { name: "Back to the rooms" }).tap();
  await ada.sees(page.getByRole("navigation", { name: "Rooms" }));
  await page.waitForFunction(() => document.activeElement.matches(".rooms a"));
  assert.deepEqual(ada.complaints, []);
});
