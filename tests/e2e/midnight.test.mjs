// The page goes on being right on the next day.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server } from "../clients/harness.mjs";
import { Visitor, launch } from "./browser.mjs";

const DAY_MS = 86_400_000;
/** So long before midnight the page is opened. */
const BEFORE_MS = 5_000;

let server, browser;

before(async () => {
  server = await Server.start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

test("what was said today was said yesterday once midnight has passed", async () => {
  const ada = await Visitor.arrive(browser, server, "ada", { timezoneId: "UTC" });
  const { page } = ada;
  await page.goto("/");
  await ada.register();
  await ada.makeRoom("The night");
  await ada.say("Good night");
  await ada.misses(ada.log.locator(".is-pending"));
  const said = Date.parse(await ada.message("Good night").locator("time").getAttribute("datetime"));
  const midnight = Math.floor(said / DAY_MS + 1) * DAY_MS;
  await page.clock.install({ time: midnight - BEFORE_MS });
  await page.reload();
  await ada.sees(ada.log.getByText("Today", { exact: true }));
  const inList = page.getByRole("link", { name: /The night/ }).locator("time");
  assert.match(await inList.innerText(), /^\d\d:\d\d$/);
  await ada.sees(ada.log.getByText("Yesterday", { exact: true }));
  assert.equal(await inList.innerText(), new Date(said).toLocaleDateString("en-GB", { weekday: "short", timeZone: "UTC" }));
  assert.deepEqual(ada.complaints, []);
});
