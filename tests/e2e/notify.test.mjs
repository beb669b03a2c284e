// What is seen of new messages while the page is not: notifications, the title, the badge; and the installed app.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server } from "../clients/harness.mjs";
import { accessible } from "./axe.mjs";
import { Visitor, launch } from "./browser.mjs";

/** As many as the server still replays one by one, nearly. */
const BURST = 90;
const FLOOD = 30;

let server, browser, ada, bob, page, kitchen, garden;

before(async () => {
  server = await Server.start();
  browser = await launch();
  bob = await server.person("bob");
  ada = await Visitor.arrive(browser, server, "ada", { permissions: ["notifications"] });
  ({ page } = ada);
  await ada.context.addInitScript(() => {
    // What a tab showed when it asked whether another one is looked at.
    const { query } = LockManager.prototype;
    LockManager.prototype.query = function () {
      window.asked = document.querySelector("nav").textContent;
      return query.call(this);
    };
    window.badges = [];
    navigator.setAppBadge = async (count) => void window.badges.push(count);
    navigator.clearAppBadge = async () => void window.badges.push(0);
  });
  await page.goto("/");
  await ada.register();
  await ada.sees(page.getByText("You are in no room yet."));
  kitchen = await admit("The kitchen");
  garden = await admit("The garden");
});

after(async () => {
  await browser?.close();
  await server?.close();
});

/** A room of Bob's that Ada is in. */
async function admit(name) {
  const room = await bob.makeRoom({ name });
  const { token } = await page.evaluate(() => JSON.parse(localStorage.getItem("chatd.session")));
  const invite = await bob.request(201, "POST", `/api/rooms/${room.id}/invites`, {});
  await server.request(200, "POST", `/api/rooms/invites/${invite.token}/join`, undefined, token);
  await ada.sees(page.getByRole("link", { name }));
  return room;
}

const says = (room, content) => bob.request(201, "POST", `/api/rooms/${room.id}/messages`, { content });
/** Opens the section of the settings. */
async function settings(one) {
  await one.getByRole("button", { name: /^Settings/ }).click();
  await one.getByRole("dialog").locator("summary", { hasText: "Notifications" }).click();
}
const read = (one) =>
  one.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    // Not while one is being shown: Chromium may forget it then.
    const shown = await navigator.locks.request("chatd.notify", () => registration.getNotifications());
    return shown.map(({ title, body, tag }) => ({ title, body, tag })).sort((a, b) => (a.title < b.title ? -1 : 1));
  });

/** Whether the page is looked at, as far as it can tell. */
const look = (one, isWatched) =>
  one.evaluate((watched) => {
    document.hasFocus = () => watched;
    dispatchEvent(new Event(watched ? "focus" : "blur"));
  }, isWatched);

/** Waits until just these notifications are there. */
async function shows(one, expected) {
  let found;
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await one.evaluate(() => new Promise(requestAnimationFrame))) {
    found = await read(one);
    if (JSON.stringify(found) === JSON.stringify(expected)) return;
  }
  assert.deepEqual(found, expected);
}

const from = (room, body) => ({ title: `${room.name} – ${bob.username}`, body, tag: room.id });

test("notifications are off, and no worker is there, until one turns them on", async () => {
  assert.equal(await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length), 0);
  await settings(page);
  await accessible(ada, "settings with notifications off");
  await page.getByRole("button", { name: "Turn on" }).click();
  await ada.sees(page.getByRole("button", { name: "Turn off" }));
  await accessible(ada, "settings with notifications on");
  await page.keyboard.press("Escape");
  await page.evaluate(async () => void (await navigator.serviceWorker.ready));
});

test("nothing is told while one looks at the page, and one notification a room while one does not", async () => {
  await page.getByRole("link", { name: "The garden" }).click();
  await says(garden, "In the room that is open");
  await says(kitchen, "In another");
  await ada.sees(page.getByRole("link", { name: /The kitchen.*1 unread/ }));
  await look(page, false);
  await says(garden, "First");
  await shows(page, [from(garden, "First")]);
  await says(garden, "x".repeat(300));
  await shows(page, [from(garden, `${"x".repeat(200)}…`)]);
  await says(kitchen, "Dinner?");
  await shows(page, [from(garden, `${"x".repeat(200)}…`), from(kitchen, "Dinner?")]);
});

test("what is read, here or elsewhere, is told no longer, nor is what was deleted", async () => {
  await look(page, true);
  await shows(page, [from(kitchen, "Dinner?")]);
  const { token } = await page.evaluate(() => JSON.parse(localStorage.getItem("chatd.session")));
  await server.request(200, "POST", `/api/rooms/${kitchen.id}/messages/read`, {}, token);
  await shows(page, []);
  await look(page, false);
  const { id } = await says(kitchen, "A secret");
  await shows(page, [from(kitchen, "A secret")]);
  await bob.request(200, "DELETE", `/api/rooms/${kitchen.id}/messages/${id}`);
  await shows(page, []);
});

test("what one writes oneself on another device is not told", async () => {
  const { token } = await page.evaluate(() => JSON.parse(localStorage.getItem("chatd.session")));
  await server.request(201, "POST", `/api/rooms/${kitchen.id}/messages`, { content: "It is me" }, token);
  await ada.sees(page.getByRole("link", { name: /The kitchen.*It is me/ }));
  // What comes later is told, and only that.
  await says(garden, "And me");
  await shows(page, [from(garden, "And me")]);
});

test("a click on a notification opens its room", async () => {
  await says(kitchen, "Come in");
  await shows(page, [from(garden, "And me"), from(kitchen, "Come in")]);
  const [worker] = ada.context.serviceWorkers();
  await worker.evaluate(async (tag) => {
    const [notification] = await registration.getNotifications({ tag });
    dispatchEvent(new NotificationEvent("notificationclick", { notification }));
  }, kitchen.id);
  await ada.sees(page.getByRole("main").getByRole("heading", { name: "The kitchen" }));
  await look(page, true);
  await ada.sees(ada.message("Come in"));
  await shows(page, [from(garden, "And me")]);
  await page.getByRole("link", { name: "The garden" }).click();
  await shows(page, []);
});

test("a second tab tells nothing twice, and nothing while the first is looked at", async () => {
  const other = await ada.context.newPage();
  await other.goto("/");
  await other.getByRole("link", { name: "The kitchen" }).waitFor();
  await look(other, false);
  await says(kitchen, "Only by badge");
  await other.waitForFunction(() => window.asked?.includes("Only by badge"));
  await look(page, false);
  await says(garden, "For both tabs");
  await shows(page, [from(garden, "For both tabs")]);
  await other.close();
  await look(page, true);
  await shows(page, []);
});

test("a burst after an absence is one notification a room", async () => {
  await look(page, false);
  await page.evaluate((id) => {
    window.told = [];
    const { showNotification } = ServiceWorkerRegistration.prototype;
    ServiceWorkerRegistration.prototype.showNotification = function (title, options) {
      window.told.push(options.tag);
      return showNotification.call(this, title, options);
    };
  });
  await ada.context.setOffline(true);
  await server.stop();
  await ada.sees(page.getByText(/^Not connected/));
  await server.run();
  for (let n = 1; n <= BURST; n++) await Promise.all([says(kitchen, `soup ${n}`), says(garden, `weed ${n}`)]);
  await ada.context.setOffline(false);
  await shows(page, [from(garden, `weed ${BURST}`), from(kitchen, `soup ${BURST}`)]);
  assert.deepEqual((await page.evaluate(() => window.told.splice(0))).sort(), [garden.id, kitchen.id].sort());

  // Nor does a flood that comes live bring one a message.
  for (let n = 1; n <= FLOOD; n++) await says(garden, `leaf ${n}`);
  await shows(page, [from(garden, `leaf ${FLOOD}`), from(kitchen, `soup ${BURST}`)]);
  const told = await page.evaluate(() => window.told.length);
  assert.ok(told < FLOOD / 4, `${told} notifications`);
});

test("the title and the badge count the unread messages", async () => {
  const titled = (title) => page.waitForFunction((wanted) => document.title === wanted, title);
  await titled("(99+) The garden – chatd");
  assert.equal(await page.evaluate(() => window.badges.at(-1)), 2 * BURST + FLOOD + 1);
  assert.equal(await page.locator("link[rel=icon]").getAttribute("href"), "/icon-unread.svg");
  await look(page, true);
  await ada.log.press("End");
  await page.getByRole("link", { name: "The kitchen" }).click();
  await ada.sees(ada.message("soup"));
  await ada.log.press("End");
  await titled("The kitchen – chatd");
  assert.equal(await page.evaluate(() => window.badges.at(-1)), 0);
  assert.equal(await page.locator("link[rel=icon]").getAttribute("href"), "/icon.svg");
  await says(garden, "Two");
  await says(garden, "more");
  await titled("(2) The kitchen – chatd");
  assert.equal(await page.evaluate(() => window.badges.at(-1)), 2);
});

test("they stay on through a reload, and turned off they leave nothing behind", async () => {
  await page.reload();
  await ada.sees(ada.box);
  await look(page, false);
  await says(garden, "Still there?");
  await shows(page, [from(garden, "Still there?")]);
  await settings(page);
  await page.getByRole("button", { name: "Turn off" }).click();
  await ada.sees(page.getByRole("button", { name: "Turn on" }));
  await page.waitForFunction(async () => (await navigator.serviceWorker.getRegistrations()).length === 0);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForFunction(() => document.title === "chatd");
  // While the server was away, the browser said so.
  const expected = /ERR_CONNECTION_REFUSED|ERR_INTERNET_DISCONNECTED|WebSocket/;
  assert.deepEqual(ada.complaints.filter((line) => !expected.test(line)), []);
});

test("a browser that refuses is explained", async () => {
  const carol = await Visitor.arrive(browser, server, "carol");
  await carol.page.goto("/");
  await carol.register();
  await carol.sees(carol.page.getByText("You are in no room yet."));
  await settings(carol.page);
  await carol.page.getByRole("button", { name: "Turn on" }).click();
  await carol.sees(carol.page.getByText("The browser does not allow it."));
  await accessible(carol, "refused notifications");
  assert.deepEqual(carol.complaints, []);
});

test("without HTTPS it is said why there are none", async () => {
  const dora = await Visitor.arrive(browser, server, "dora");
  await dora.context.addInitScript(() => Object.defineProperty(window, "isSecureContext", { value: false }));
  await dora.page.goto("/");
  await dora.register();
  await dora.sees(dora.page.getByText("You are in no room yet."));
  await settings(dora.page);
  await dora.sees(dora.page.getByText("only on pages that come by HTTPS"));
  assert.equal(await dora.page.getByRole("button", { name: "Turn on" }).count(), 0);
});

test("Chromium finds nothing that keeps the page from being installed", async () => {
  const emil = await Visitor.arrive(browser, server, "emil");
  await emil.page.goto("/");
  const cdp = await emil.context.newCDPSession(emil.page);
  const { errors, data } = await cdp.send("Page.getAppManifest");
  assert.deepEqual(errors, []);
  const { icons, name, scope, display } = JSON.parse(data);
  assert.deepEqual({ name, scope, display }, { name: "chatd", scope: "/", display: "standalone" });
  for (const { src, type } of icons) {
    const icon = await emil.page.request.get(src);
    assert.equal(icon.headers()["content-type"], type);
  }
  const { installabilityErrors } = await cdp.send("Page.getInstallabilityErrors");
  // Whatever it is, a page in a window like this test's is not installed.
  assert.deepEqual(installabilityErrors.filter(({ errorId }) => errorId !== "in-incognito"), []);
});
