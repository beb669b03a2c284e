// What happens at the same time, or not at all: answers that are late, refused, or older than what was told meanwhile.
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

const REFUSED = { error: { code: "rate_limited", message: "Wait.", details: { retryAfterMs: 200 } } };
const tokenOf = ({ page }) => page.evaluate(() => JSON.parse(localStorage.getItem("chatd.session")).token);

/** Somebody in a room of their own, and how to speak to the server in their name from elsewhere. */
async function settle(name, room) {
  const visitor = await Visitor.arrive(browser, server, name);
  await visitor.page.goto("/");
  await visitor.register();
  await visitor.makeRoom(room);
  const token = await tokenOf(visitor);
  const roomId = visitor.page.url().split("/").at(-1);
  const elsewhere = (status, method, path, body) => server.request(status, method, path, body, token);
  return Object.assign(visitor, { roomId, elsewhere });
}

/** Keeps the answers to requests for an address until the function that is given is called. */
async function hold(page, address) {
  let release = () => {};
  const released = new Promise((done) => (release = done));
  let asked = () => {};
  const isAsked = new Promise((done) => (asked = done));
  await page.route(address, async (route) => {
    const response = await route.fetch();
    asked();
    await released;
    await route.fulfill({ response });
  });
  return { release: () => release(), isAsked };
}

test("what one writes on another device is not unread on this one", async () => {
  const ada = await settle("ada", "The kitchen");
  const kitchen = ada.roomId;
  await ada.makeRoom("The garden");
  await ada.elsewhere(201, "POST", `/api/rooms/${kitchen}/messages`, { content: "from my phone" });
  await ada.sees(ada.page.getByRole("link", { name: /The kitchen.*from my phone/ }));
  assert.equal(await ada.page.getByRole("link", { name: /unread/ }).count(), 0);
  assert.equal(await ada.page.title(), "The garden – chatd");
});

test("a room that one was removed from while the list was on its way does not come back with it", async () => {
  const bob = await settle("bob", "The shed");
  const carol = await Visitor.arrive(browser, server, "carol");
  const { token } = await bob.elsewhere(201, "POST", `/api/rooms/${bob.roomId}/invites`, {});
  await carol.page.goto(`/invite/${token}`);
  await carol.register();
  await carol.sees(carol.box);
  const { users } = await bob.elsewhere(200, "GET", `/api/rooms/${bob.roomId}/users`);
  const { userId } = users.find(({ username }) => username === "carol");

  const list = await hold(carol.page, "**/api/rooms?limit=*");
  // A room of one's own that is made elsewhere has the list loaded anew.
  await server.request(201, "POST", "/api/rooms", { name: "The porch" }, await tokenOf(carol));
  await list.isAsked;
  await bob.elsewhere(204, "DELETE", `/api/rooms/${bob.roomId}/users/${userId}`);
  await carol.misses(carol.page.getByRole("link", { name: /The shed/ }));
  list.release();
  await carol.sees(carol.page.getByRole("link", { name: /The porch/ }));
  await server.request(201, "POST", "/api/rooms", { name: "The stairs" }, await tokenOf(carol));
  await carol.sees(carol.page.getByRole("link", { name: /The stairs/ }));
  assert.equal(await carol.page.getByRole("link", { name: /The shed/ }).count(), 0);
});

test("a list of members that was refused is asked for again", async () => {
  const dora = await settle("dora", "The cellar");
  let refusals = 0;
  await dora.page.route("**/users?limit=*", async (route) => {
    // When the page is opened, and once more when the connection is there.
    if (refusals++ > 2) return route.continue();
    return route.fulfill({ status: 429, json: REFUSED });
  });
  await dora.page.reload();
  await dora.sees(dora.page.getByRole("complementary", { name: "Members" }).getByRole("heading", { name: "Online 1" }));
  assert.ok(refusals > 2);
});

test("a page of history that does not come can be asked for again", async () => {
  const emil = await settle("emil", "The archive");
  for (let n = 1; n <= 130; n++) await emil.elsewhere(201, "POST", `/api/rooms/${emil.roomId}/messages`, { content: `entry ${n}` });
  await emil.page.route("**/messages?before=*", (route) => route.abort());
  await emil.page.reload();
  await emil.sees(emil.message("entry 130"));
  await emil.page.waitForFunction(() => {
    const box = document.querySelector(".log");
    box.scrollTop = 0;
    return box.textContent.includes("The messages could not be loaded.");
  });
  await emil.page.unroute("**/messages?before=*");
  await emil.log.getByRole("button", { name: "Retry" }).click();
  await emil.log.getByText("entry 1", { exact: true }).waitFor({ state: "attached" });
});

test("an answer that is older than an edit does not undo it, and what was deleted meanwhile is gone", async () => {
  const fred = await settle("fred", "The attic");
  const post = async (content) => (await fred.elsewhere(201, "POST", `/api/rooms/${fred.roomId}/messages`, { content })).id;
  const [changed, removed] = [await post("version one"), await post("not for long")];
  await fred.sees(fred.message("not for long"));
  await server.stop();
  await fred.sees(fred.page.getByText(/^Next try in/));
  // It comes back by itself, sooner than anybody could ask for it.
  const history = await hold(fred.page, "**/messages?before=*");
  await server.run();
  await history.isAsked;
  await fred.elsewhere(200, "PATCH", `/api/rooms/${fred.roomId}/messages/${changed}`, { content: "version two" });
  await fred.elsewhere(200, "DELETE", `/api/rooms/${fred.roomId}/messages/${removed}`);
  await fred.sees(fred.message("version two"));
  await fred.sees(fred.message("This message was deleted."));
  history.release();
  await fred.say("done");
  await fred.misses(fred.log.locator(".is-pending"));
  assert.equal(await fred.message("version one").count(), 0);
  assert.equal(await fred.message("not for long").count(), 0);
});

test("what waits outlives its tab, goes out from the next one, and is nobody else's", async () => {
  const gina = await settle("gina", "The barn");
  await server.stop();
  await gina.sees(gina.page.getByText(/^Next try in/));
  await gina.say("one");
  await gina.say("two");
  assert.equal(await gina.log.locator(".is-pending").count(), 2);
  await gina.page.close();
  await server.run();

  const page = await gina.context.newPage();
  page.setDefaultTimeout(10_000);
  const next = Object.assign(gina, { page, log: page.getByRole("log"), box: page.getByRole("textbox", { name: /^Message / }) });
  await page.goto(`/r/${gina.roomId}`);
  assert.deepEqual(await next.texts(2), ["one", "two"]);
  await next.misses(next.log.locator(".is-pending"));
  const { messages } = await gina.elsewhere(200, "GET", `/api/rooms/${gina.roomId}/messages`);
  assert.deepEqual(messages.map(({ content }) => content), ["one", "two"]);
  assert.equal(await page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith("chatd.outbox")).length), 0);
});

test("whoever signs out while the server is away is signed out there when it is back", async () => {
  const kira = await settle("kira", "The loft");
  await server.stop();
  await kira.sees(kira.page.getByText(/^Next try in/));
  await kira.page.getByRole("button", { name: /^Settings/ }).click();
  await kira.page.getByRole("button", { name: "Sign out" }).click();
  await kira.sees(kira.page.getByRole("heading", { name: "Sign in to your server" }));
  await server.run();
  await kira.page.reload();
  await kira.page.waitForFunction(() => localStorage.getItem("chatd.leaving") === null);
  await kira.elsewhere(401, "GET", "/api/users/me");
});

test("each new message is told to screen readers once, and a burst by its number", async () => {
  const hana = await settle("hana", "The hall");
  const ivo = await server.person("ivo");
  const { token } = await hana.elsewhere(201, "POST", `/api/rooms/${hana.roomId}/invites`, {});
  await ivo.request(200, "POST", `/api/rooms/invites/${token}/join`);
  await hana.page.evaluate(() => {
    const region = document.querySelector(".log-place [aria-live=polite]");
    window.spoken = [];
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) for (const node of addedNodes) window.spoken.push(node.textContent);
    }).observe(region, { childList: true });
  });
  const say = (content) => ivo.request(201, "POST", `/api/rooms/${hana.roomId}/messages`, { content });
  await hana.say("mine");
  for (let n = 1; n <= 3; n++) {
    await say("ok");
    await hana.page.waitForFunction((count) => window.spoken.length === count, n);
  }
  const spoken = await hana.page.evaluate(() => window.spoken);
  assert.equal(spoken.length, 3);
  for (const line of spoken) assert.match(line, /ivo.*: ok$/);
});
