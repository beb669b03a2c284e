// Where one writes: drafts, edits on their way, and what is refused.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server } from "../clients/harness.mjs";
import { accessible } from "./axe.mjs";
import { Visitor, gate, launch } from "./browser.mjs";

let server, browser, ada, page, hold;

before(async () => {
  server = await Server.start();
  browser = await launch();
  ada = await Visitor.arrive(browser, server, "ada");
  ({ page } = ada);
  hold = await gate(page);
  await page.goto("/");
  await ada.register();
  await ada.makeRoom("The desk");
  for (const text of ["First", "Second"]) {
    await ada.say(text);
    await ada.sees(ada.message(text));
  }
  await ada.misses(ada.log.locator(".is-pending"));
});

after(async () => {
  await browser?.close();
  await server?.close();
});

const holds = (text) => page.waitForFunction((wanted) => document.querySelector(".composer textarea").value === wanted, text);
const writes = () => page.waitForFunction(() => document.activeElement.matches(".composer textarea"));

async function does(text, tool) {
  await ada.message(text).hover();
  await ada.message(text).getByRole("button", { name: tool }).click();
}

test("a draft survives a reload", async () => {
  await ada.box.fill("half a sentence");
  await page.reload();
  await ada.sees(ada.message("First"));
  await holds("half a sentence");
});

test("whoever answers in the middle of an edit answers with their draft", async () => {
  await does("First", "Edit");
  await holds("First");
  await does("Second", "Reply");
  await ada.sees(page.getByText(/^Replying to/));
  await holds("half a sentence");
  await does("Second", "Edit");
  await holds("Second");
  await page.keyboard.press("Escape");
  await holds("half a sentence");
});

test("the cross of a reply or an edit leads back to writing", async () => {
  for (const tool of ["Reply", "Edit"]) {
    await does("First", tool);
    await page.locator(".concern").getByRole("button", { name: "Cancel" }).press("Enter");
    await ada.misses(page.locator(".concern"));
    await writes();
    await holds("half a sentence");
  }
});

test("an edit is saved once, and what is typed meanwhile stays", async () => {
  await does("First", "Edit");
  await ada.box.fill("First again");
  const held = hold();
  await page.keyboard.press("Enter");
  await held.begun;
  assert.equal(await page.getByRole("button", { name: "Save" }).getAttribute("aria-disabled"), "true");
  await page.keyboard.press("Enter");
  await page.keyboard.type(", and more");
  held.go();
  await ada.sees(ada.message("First again").getByText("(edited)"));
  await holds("First again, and more");
  await ada.sees(page.getByText("Editing your message"));
  assert.equal(held.count, 1);
  await held.done();
  await page.keyboard.press("Enter");
  await ada.sees(ada.message("First again, and more"));
  await ada.misses(page.getByText("Editing your message"));
  await holds("half a sentence");
});

test("an edit that is saved late takes nothing from what is being written by then", async () => {
  await does("Second", "Edit");
  await ada.box.fill("Second again");
  const held = hold();
  await page.keyboard.press("Enter");
  await held.begun;
  await does("First again", "Reply");
  await holds("half a sentence");
  held.go();
  await ada.sees(ada.message("Second again").getByText("(edited)"));
  await held.done();
  await ada.sees(page.getByText(/^Replying to/));
  await holds("half a sentence");
  await page.keyboard.press("Enter");
  await ada.sees(ada.message("half a sentence").getByRole("button", { name: /In reply to/ }));
});

test("an edit that is saved after one has gone to another room leaves alone what is done there", async () => {
  await ada.makeRoom("The shelf");
  await ada.say("Elsewhere");
  await ada.misses(ada.log.locator(".is-pending"));
  await page.getByRole("link", { name: /^The desk/ }).click();
  await ada.sees(ada.message("half a sentence"));
  await does("half a sentence", "Edit");
  await ada.box.fill("a whole sentence");
  const held = hold();
  await page.keyboard.press("Enter");
  await held.begun;
  await page.getByRole("link", { name: /^The shelf/ }).click();
  await ada.sees(ada.message("Elsewhere"));
  await does("Elsewhere", "Reply");
  await ada.sees(page.getByText(/^Replying to/));
  await held.done();
  await ada.sees(page.getByText(/^Replying to/));
  await ada.say("An answer");
  await ada.sees(ada.message("An answer").getByRole("button", { name: /In reply to/ }));
  await page.getByRole("link", { name: /^The desk/ }).click();
  await ada.sees(ada.message("a whole sentence"));
});

test("with a keyboard beside a touch screen, Ctrl+Enter and Cmd+Enter send", async () => {
  const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
  const bob = await Visitor.arrive(browser, server, "bob", phone);
  await bob.page.goto("/");
  await bob.register();
  await bob.makeRoom("The lap");
  for (const mod of ["Control", "Meta"]) {
    await bob.box.fill(`By ${mod}`);
    await bob.box.press(`${mod}+Enter`);
    await bob.sees(bob.message(`By ${mod}`));
  }
  await bob.box.fill("one");
  await bob.box.press("Enter");
  assert.equal(await bob.box.inputValue(), "one\n");
  assert.deepEqual(bob.complaints, []);
});

test("a message that is refused says why, and is sent again or discarded", async () => {
  const error = { code: "forbidden", message: "No." };
  let refuses = true;
  await page.routeWebSocket(/socket\.io/, (socket) => {
    const origin = socket.connectToServer();
    socket.onMessage((packet) => {
      // An event that wants an ack, by its number.
      const number = /^42(\d+)\["send_message"/.exec(packet)?.[1];
      if (number && refuses) socket.send(`43${number}${JSON.stringify([{ ok: false, error }])}`);
      else origin.send(packet);
    });
  });
  await page.reload();
  await ada.sees(ada.message("First again"));
  for (const text of ["Please", "Never mind"]) {
    await ada.say(text);
    await ada.sees(ada.message(text).getByRole("alert").getByText("Not sent: You may not do that."));
  }
  await accessible(ada, "messages that were refused");
  // They are kept until somebody decides.
  await page.reload();
  await ada.message("Never mind").getByRole("button", { name: "Discard" }).click();
  await ada.misses(ada.message("Never mind"));
  refuses = false;
  await ada.message("Please").getByRole("button", { name: "Retry" }).click();
  await ada.misses(ada.log.locator(".is-pending"));
  await page.reload();
  await ada.sees(ada.message("Please"));
  assert.equal(await ada.message("Please").count(), 1);
  assert.equal(await ada.message("Never mind").count(), 0);
  assert.deepEqual(ada.complaints, []);
});

test("the newest messages stay in sight while what one writes grows", async () => {
  const lena = await Visitor.arrive(browser, server, "lena", { viewport: { width: 360, height: 420 } });
  await lena.page.goto("/");
  await lena.register();
  await lena.makeRoom("A room with a name that is longer than the place for it");
  for (let n = 1; n <= 12; n++) await lena.say(`entry ${n}`);
  await lena.misses(lena.log.locator(".is-pending"));
  const height = async () => (await lena.box.boundingBox()).height;
  const line = await height();
  for (let n = 1; n <= 5; n++) {
    await lena.box.pressSequentially(`line ${n}`);
    await lena.box.press("Shift+Enter");
    await lena.page.waitForFunction(() => {
      const log = document.querySelector(".log");
      return log.scrollHeight - log.scrollTop - log.clientHeight < 2;
    });
    assert.equal(await lena.page.getByRole("button", { name: "To the newest" }).count(), 0);
  }
  assert.ok((await height()) > 3 * line);
  await lena.box.fill("");
  assert.equal(await height(), line);
});

test("a message that is edited to nothing may be deleted", async () => {
  const mona = await Visitor.arrive(browser, server, "mona");
  await mona.page.goto("/");
  await mona.register();
  await mona.makeRoom("The shed");
  await mona.say("Not this");
  await mona.sees(mona.message("Not this"));
  await mona.misses(mona.log.locator(".is-pending"));
  await mona.box.press("ArrowUp");
  await mona.box.fill("");
  await mona.box.press("Enter");
  await mona.page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await mona.sees(mona.message("This message was deleted."));
});
