// Debian's Chromium, and people who use chatd in it.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const WAIT_MS = 10_000;
const PASSWORD = "correct horse battery";

/** A browser of its own, with nothing from earlier ones. CHROMIUM=<path> names another executable. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/**
 * Stands between a page and the server, to be called before the page is opened: when a browser is told to stop requests,
 * some pass by for a moment. What is given holds back what the page asks to be changed next: `begun` resolves when it has
 * asked, `count` is how often, `go` lets it pass, `done` waits for its answer as well. With a `refusal` it is answered by that.
 */
export async function gate(page) {
  let held = null;
  await page.route("**/api/**", async (route) => {
    const mine = held;
    if (!mine || route.request().method() === "GET") return route.continue();
    mine.count++;
    mine.asked();
    await mine.passed;
    await (mine.refusal ? route.fulfill(mine.refusal) : route.continue());
    mine.answered();
  });
  return (refusal) => {
    const mine = { refusal, count: 0 };
    mine.begun = new Promise((resolve) => (mine.asked = resolve));
    mine.passed = new Promise((resolve) => (mine.go = resolve));
    const over = new Promise((resolve) => (mine.answered = resolve));
    mine.done = async () => {
      mine.go();
      await over;
      held = null;
    };
    return (held = mine);
  };
}

/** Somebody with a browser profile of their own. Whatever the browser's console says is kept in `complaints`. */
export class Visitor {
  complaints = [];

  static async arrive(browser, server, name, options = {}) {
    const visitor = new Visitor();
    const context = await browser.newContext({ locale: "en-GB", baseURL: server.url, viewport: { width: 1280, height: 800 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT_MS);
    const complain = (text) => visitor.complaints.push(text);
    page.on("console", (message) => complain(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => complain(`error: ${error.stack}`));
    return Object.assign(visitor, { name, context, page, log: page.getByRole("log"), box: page.getByRole("textbox", { name: /^Message / }) });
  }

  /** Makes an account in the form that is shown. */
  async register() {
    const { page, name } = this;
    const turn = page.getByRole("button", { name: "New here? Create an account" });
    if (await turn.isVisible()) await turn.click();
    await page.getByLabel("Username").fill(name);
    await page.getByLabel("E-mail").fill(`${name}@example.org`);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Create account" }).click();
  }

  async signIn() {
    const { page, name } = this;
    await page.getByLabel("Username or e-mail").fill(name);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
  }

  async makeRoom(name) {
    const { page } = this;
    await page.getByRole("button", { name: "New room" }).first().click();
    await page.getByRole("dialog").getByLabel("Name").fill(name);
    await page.getByRole("button", { name: "Create" }).click();
    await this.sees(page.getByRole("heading", { name }));
  }

  /** Makes an invite link for the room that is open, and gives it. */
  async invite() {
    const { page } = this;
    await page.getByRole("button", { name: "Invite people" }).click();
    await page.getByRole("button", { name: "Make a link" }).click();
    const link = await page.getByLabel("Invite link").inputValue();
    await page.keyboard.press("Escape");
    return link;
  }

  async say(text) {
    await this.box.fill(text);
    await this.box.press("Enter");
  }

  /** The message with this text. */
  message(text) {
    return this.log.locator(".message", { hasText: text });
  }

  sees(locator) {
    return locator.first().waitFor({ state: "visible" });
  }

  misses(locator) {
    return locator.first().waitFor({ state: "hidden" });
  }

  /** The texts of the messages, once there are so many. */
  async texts(count) {
    const all = this.log.locator(".message .text");
    await all.nth(count - 1).waitFor();
    const texts = await all.allInnerTexts();
    assert.equal(texts.length, count, texts.join("\n"));
    return texts;
  }
}
