// What a page does while the server is away, and on a small screen.
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

test("what is written while the server is away goes out in order, once, when it is back", async () => {
  const ada = await Visitor.arrive(browser, server, "ada");
  await ada.page.clock.install();
  await ada.page.goto("/");
  await ada.register();
  await ada.makeRoom("The kitchen");
  await ada.say("before");
  await ada.texts(1);
  await server.stop();
  await ada.sees(ada.page.getByText(/^Next try in \d+ seconds?$/));
  for (const text of ["first", "second", "third"]) await ada.say(text);
  assert.equal(await ada.log.locator(".is-pending").count(), 3);
  await accessible(ada, "without a server");
  // The page's clock stands still before the next try, so that only the button can lead back.
  await ada.sees(ada.page.getByText(/^Next try in (?![1-3] )\d+ seconds$/));
  await ada.page.clock.pauseAt((await ada.page.evaluate(() => Date.now())) + 100);
  await server.run();
  await ada.page.getByRole("button", { name: "Try now" }).click();
  await ada.page.clock.resume();
  await ada.misses(ada.log.locator(".is-pending"));
  await ada.misses(ada.page.getByText(/^Not connected/));
  assert.deepEqual(await ada.texts(4), ["before", "first", "second", "third"]);
  await ada.page.reload();
  assert.deepEqual(await ada.texts(4), ["before", "first", "second", "third"]);
  // The browser itself notes each try.
  for (const one of ada.complaints) assert.match(one, /ERR_CONNECTION_REFUSED/);
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
