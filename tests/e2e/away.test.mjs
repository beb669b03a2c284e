// What a page does while the server is away, and with more than fits on it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server } from "../clients/harness.mjs";
import { Visitor, launch } from "./browser.mjs";

const HISTORY = 400;
/** The page's hint and a day's name may stand above a message. */
const NEAR_PX = 120;

let server, browser;

before(async () => {
  server = await Server.start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

test("what is written while the server is away goes out in order, once, when it is back", async () => {
  const ada = await Visitor.arrive(browser, server, "ada");
  await ada.page.goto("/");
  await ada.register();
  await ada.makeRoom("The kitchen");
  await ada.say("before");
  await ada.texts(1);
  await server.stop();
  await ada.sees(ada.page.getByText(/^Next try in \d+ seconds?$/));
  for (const text of ["first", "second", "third"]) await ada.say(text);
  assert.equal(await ada.log.locator(".is-pending").count(), 3);
  await server.run();
  await ada.page.getByRole("button", { name: "Try now" }).click({ timeout: 2_000 }).catch(() => {});
  await ada.misses(ada.log.locator(".is-pending"));
  await ada.misses(ada.page.getByText(/^Not connected/));
  assert.deepEqual(await ada.texts(4), ["before", "first", "second", "third"]);
  await ada.page.reload();
  assert.deepEqual(await ada.texts(4), ["before", "first", "second", "third"]);
});

test("a long history loads upwards without jumping, and new messages do not pull the reader away", async () => {
  const carol = await Visitor.arrive(browser, server, "carol");
  await carol.page.goto("/");
  await carol.register();
  await carol.makeRoom("The archive");
  const roomId = carol.page.url().split("/").at(-1);
  const token = await carol.page.evaluate(() => JSON.parse(localStorage.getItem("chatd.session")).token);
  for (let n = 1; n <= HISTORY; n++) {
    await server.request(201, "POST", `/api/rooms/${roomId}/messages`, { content: `entry ${n}` }, token);
  }
  await carol.page.reload();
  await carol.sees(carol.message(`entry ${HISTORY}`));

  const rows = carol.log.locator(".message");
  const beginning = carol.log.getByText("This is where the room begins.");
  for (let count = await rows.count(); (await beginning.count()) === 0; count = await rows.count()) {
    const oldest = await rows.first().locator(".text").innerText();
    await carol.log.press("Home");
    await rows.nth(count).waitFor({ state: "attached" });
    // What was on top before a page came above it is there still.
    const { y } = await carol.log.boundingBox();
    const row = await carol.log.getByText(oldest, { exact: true }).boundingBox();
    assert.ok(Math.abs(row.y - y) < NEAR_PX, `${oldest} is at ${row.y}`);
  }
  assert.equal(await rows.count(), HISTORY);

  const place = await topmost(carol);
  await server.request(201, "POST", `/api/rooms/${roomId}/messages`, { content: "the newest" }, token);
  await carol.sees(carol.page.getByRole("button", { name: "To the newest" }));
  await carol.message("the newest").waitFor({ state: "attached" });
  assert.deepEqual(await topmost(carol), place);
  await carol.page.getByRole("button", { name: "To the newest" }).click();
  await carol.misses(carol.page.getByRole("button", { name: "To the newest" }));
});

test("on a phone there is one pane, and the way back", async () => {
  const dora = await Visitor.arrive(browser, server, "dora", { viewport: { width: 320, height: 640 } });
  await dora.page.goto("/");
  await dora.register();
  await dora.makeRoom("The balcony");
  const rooms = dora.page.getByRole("navigation", { name: "Rooms" });
  assert.equal(await rooms.isVisible(), false);
  const width = await dora.page.evaluate(() => document.documentElement.scrollWidth);
  assert.equal(width, 320);
  await dora.page.getByRole("link", { name: "Back to the rooms" }).click();
  await dora.sees(rooms);
  assert.deepEqual(dora.complaints, []);
});

/** The first message that is whole on the screen: its text, and where it is. */
function topmost({ log }) {
  return log.evaluate((box) => {
    const edge = box.getBoundingClientRect().top;
    const row = [...box.querySelectorAll(".message .text")].find((one) => one.getBoundingClientRect().top >= edge);
    return { text: row.textContent, top: row.getBoundingClientRect().top };
  });
}
