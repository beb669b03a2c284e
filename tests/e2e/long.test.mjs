// Rooms with more in them than fits on a page.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server, does, next } from "../clients/harness.mjs";
import { Visitor, launch } from "./browser.mjs";

/** However long a room is, no more messages are on the page. */
const MOST_ROWS = 240;
/** So much a message may move when others come above it, in pixels. */
const STILL_PX = 3;
/** The longest that the page may be busy without a pause, in milliseconds. */
const LONGEST_TASK_MS = 100;
const AT_ONCE = 100;

let server, browser;

before(async () => {
  server = await Server.start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

/** Sends numbered messages from the outside, and gives them. */
async function fill(visitor, roomId, count, extra = () => ({})) {
  const token = await visitor.page.evaluate(() => JSON.parse(localStorage.getItem("chatd.session")).token);
  const socket = server.open(token);
  await next(socket, "connect");
  const sent = [];
  while (sent.length < count) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - sent.length) }, (_, index) => {
      const n = sent.length + index + 1;
      return does(socket, "send_message", { roomId, content: `entry ${n}`, ...extra(n, sent) });
    });
    sent.push(...(await Promise.all(some)).map(({ message }) => message));
  }
  socket.disconnect();
  return sent;
}

async function arrive(name, room) {
  const visitor = await Visitor.arrive(browser, server, name);
  await visitor.page.goto("/");
  await visitor.register();
  await visitor.makeRoom(room);
  return Object.assign(visitor, { roomId: visitor.page.url().split("/").at(-1) });
}

/**
 * Records what the page's main thread does; the function that is given says how long its longest task took, in
 * milliseconds of the processor's time, so that what else the machine does is not counted.
 */
async function watchTasks({ page }) {
  await browser.startTracing(page, { categories: ["toplevel"] });
  return async () => {
    const { traceEvents } = JSON.parse(await browser.stopTracing());
    const thread = ({ pid, tid }) => `${pid}:${tid}`;
    const main = new Set(traceEvents.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain").map(thread));
    const tasks = traceEvents.filter((event) => event.name.endsWith("RunTask") && main.has(thread(event)));
    const timed = tasks.filter(({ tdur }) => tdur !== undefined);
    assert.ok(timed.length > 1_000, `only ${timed.length} tasks were timed`);
    return Math.max(...timed.map(({ tdur }) => tdur)) / 1_000;
  };
}

test("a history of 2,000 messages loads upwards without jumping, and new ones do not pull the reader away", async () => {
  const history = 2_000;
  const ada = await arrive("ada", "The archive");
  await fill(ada, ada.roomId, history);
  await ada.page.reload();
  await ada.sees(ada.message(`entry ${history}`));

  const rows = ada.log.locator(".message .text");
  const seen = new Set();
  for (;;) {
    const texts = await rows.allInnerTexts();
    assert.ok(texts.length <= MOST_ROWS, `${texts.length} rows are drawn`);
    const numbers = texts.map((text) => Number(text.slice("entry ".length)));
    assert.deepEqual(numbers, numbers.map((_, index) => numbers[0] + index), "a row is missing, doubled or out of order");
    for (const n of numbers) seen.add(n);
    // In one go, since more may be drawn at any time.
    const oldest = await ada.log.evaluate((box) => {
      box.scrollTop = 0;
      const row = box.querySelector(".message");
      return { text: row.querySelector(".text").innerText, y: row.getBoundingClientRect().y };
    });
    if (oldest.text === "entry 1") break;
    await ada.page.waitForFunction((text) => document.querySelector(".message .text").innerText !== text, oldest.text);
    // What was on top before more came above it is there still.
    const { y } = await ada.log.locator(".message", { has: ada.page.getByText(oldest.text, { exact: true }) }).boundingBox();
    assert.ok(Math.abs(y - oldest.y) < STILL_PX, `${oldest.text} was at ${oldest.y}, and is at ${y}`);
  }
  assert.equal(seen.size, history);
  await ada.sees(ada.log.getByText("This is where the room begins."));

  const place = await topmost(ada);
  await fill(ada, ada.roomId, 3);
  await ada.sees(ada.page.getByRole("button", { name: "To the newest" }));
  assert.deepEqual(await topmost(ada), place);
  await ada.page.getByRole("button", { name: "To the newest" }).click();
  await ada.misses(ada.page.getByRole("button", { name: "To the newest" }));
  assert.equal(await rows.last().innerText(), "entry 3");
  await fill(ada, ada.roomId, 300);
  await ada.sees(ada.message("entry 300"));
  assert.ok((await rows.count()) <= MOST_ROWS);
  assert.deepEqual(ada.complaints, []);
});

test("a reply to a message far back shows what it answers, and a click goes there", async () => {
  const bob = await arrive("bob", "The attic");
  await fill(bob, bob.roomId, 700, (n, sent) => ({
    ...(n === 699 && { replyTo: sent[249].id }),
    ...(n === 700 && { replyTo: sent[0].id }),
  }));
  await bob.page.reload();
  await bob.sees(bob.message("entry 699").getByRole("button", { name: "In reply to bob entry 250" }));
  await bob.message("entry 700").getByRole("button", { name: /In reply to/ }).click();
  await bob.sees(bob.log.getByText("entry 1", { exact: true }));
  await bob.page.waitForFunction(() => document.activeElement.innerText.includes("entry 1\n") || document.activeElement.innerText.endsWith("entry 1"));
  await bob.page.keyboard.press("End");
  await bob.log.press("End");
  await bob.sees(bob.message("entry 700"));
});

/** Somebody who is in the room of another, and does not look. */
async function absent(name, owner) {
  const visitor = await arrive(name, "Nowhere");
  const token = await owner.page.evaluate(() => JSON.parse(localStorage.getItem("chatd.session")).token);
  const invite = await server.request(201, "POST", `/api/rooms/${owner.roomId}/invites`, {}, token);
  await visitor.page.goto(`/invite/${invite.token}`);
  await visitor.page.getByRole("button", { name: "Join room" }).click();
  await visitor.sees(visitor.box);
  await visitor.page.goto("/");
  await visitor.sees(visitor.page.getByText("Pick a room, or make one."));
  return visitor;
}

/** The message below the line where the unread begin. */
const firstUnread = ({ log }) => log.locator(".unread-line + .message .text");

test("many unread messages are read from the first one on, and count as read as far as one came", async () => {
  const carol = await arrive("carol", "The cellar");
  const dora = await absent("dora", carol);
  await fill(carol, carol.roomId, 400);
  await dora.page.getByRole("link", { name: /The cellar.*400 unread messages/ }).click();
  await dora.sees(firstUnread(dora));
  assert.equal(await firstUnread(dora).innerText(), "entry 1");
  await dora.sees(dora.page.getByRole("link", { name: /The cellar.*3\d\d unread messages/ }));
  await dora.page.getByRole("button", { name: "To the newest" }).click();
  await dora.sees(dora.message("entry 400"));
  await dora.misses(dora.page.getByRole("link", { name: /The cellar.*unread/ }));
  assert.deepEqual(dora.complaints, []);
});

test("after a very long absence one begins at the newest, and a button leads to the first unread", async () => {
  const gina = await arrive("gina", "The barn");
  const hana = await absent("hana", gina);
  await fill(gina, gina.roomId, 1_100);
  await hana.page.getByRole("link", { name: /The barn.*1,100 unread messages/ }).click();
  await hana.sees(hana.message("entry 1100"));
  assert.equal(await hana.log.locator(".unread-line").count(), 0);
  await hana.page.getByRole("button", { name: "To the first unread message" }).click();
  await hana.sees(firstUnread(hana));
  assert.equal(await firstUnread(hana).innerText(), "entry 1");
  await hana.misses(hana.page.getByRole("button", { name: "To the first unread message" }));
});

test("200 messages are typed while another room of 5,000 loads, and nothing blocks the page", async () => {
  const long = 5_000;
  const emil = await arrive("emil", "The library");
  const library = emil.page.url();
  await fill(emil, emil.roomId, long, (n, sent) => (n === long ? { replyTo: sent[0].id } : {}));
  await emil.makeRoom("The desk");
  await emil.page.goto(library);
  await emil.sees(emil.message(`entry ${long}`));
  const worst = await watchTasks(emil);

  // As from a server that is far away: so there is history on its way all the time.
  let pages = 0;
  await emil.page.route("**/messages?before=*", async (route) => {
    await new Promise((done) => setTimeout(done, 200));
    await route.continue();
    pages++;
  });
  await emil.message(`entry ${long}`).getByRole("button", { name: /In reply to/ }).click();
  await emil.page.getByRole("link", { name: /The desk/ }).click();
  await emil.box.focus();
  for (let n = 1; n <= 200; n++) {
    await emil.page.keyboard.type(`${n}`);
    await emil.page.keyboard.press("Enter");
  }
  assert.ok(pages > 0, "nothing was loaded meanwhile");
  await emil.misses(emil.log.locator(".is-pending"));
  const texts = await emil.texts(200);
  assert.deepEqual(texts, Array.from({ length: 200 }, (_, index) => `${index + 1}`));

  await emil.page.getByRole("link", { name: /The library/ }).click();
  await emil.sees(emil.message(`entry ${long}`));
  await emil.message(`entry ${long}`).getByRole("button", { name: /In reply to/ }).click();
  await emil.sees(emil.log.getByText("entry 1", { exact: true }));
  const longest = await worst();
  assert.ok(longest <= LONGEST_TASK_MS, `a task took ${longest} ms`);
});

/** The first message that is whole on the screen: its text, and where it is. */
function topmost({ log }) {
  return log.evaluate((box) => {
    const edge = box.getBoundingClientRect().top;
    const row = [...box.querySelectorAll(".message .text")].find((one) => one.getBoundingClientRect().top >= edge);
    return { text: row.textContent, top: row.getBoundingClientRect().top };
  });
}
