// The web UI for those who use no mouse, or no screen.
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

test("axe-core finds nothing on any screen", async () => {
  const ada = await Visitor.arrive(browser, server, "ada");
  const { page } = ada;
  await page.goto("/");
  await ada.sees(page.getByLabel("Password"));
  await accessible(ada, "signing in");
  await ada.register();
  await ada.sees(page.getByText("You are in no room yet."));
  await accessible(ada, "no rooms");
  await page.getByRole("button", { name: "New room" }).first().click();
  await accessible(ada, "a new room");
  await page.keyboard.press("Escape");
  await ada.makeRoom("The kitchen");
  await accessible(ada, "an empty room");
  const link = await ada.invite();
  await page.getByRole("button", { name: "Invite people" }).click();
  await ada.sees(page.getByLabel("Invite link"));
  await accessible(ada, "an invite");
  await page.keyboard.press("Escape");

  const bob = await Visitor.arrive(browser, server, "bob");
  await bob.page.goto(link);
  await bob.sees(bob.page.getByLabel("E-mail"));
  await accessible(bob, "being invited");
  await bob.register();
  await bob.say("See https://example.org and `code`");
  await ada.sees(ada.message("See"));
  await ada.message("See").hover();
  await ada.message("See").getByRole("button", { name: "Reply" }).click();
  await accessible(ada, "answering");
  await ada.say("Seen");
  await ada.makeRoom("The garden");
  await bob.say("One more");
  await ada.sees(page.getByRole("link", { name: /1 unread message/ }));
  await accessible(ada, "unread messages");
  await page.getByRole("link", { name: /The kitchen/ }).click();
  await ada.sees(ada.log.locator(".unread-line"));
  await ada.message("Seen").hover();
  await accessible(ada, "messages");
  await ada.message("Seen").getByRole("button", { name: "Who has seen this" }).click();
  await accessible(ada, "who has seen a message");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: /^Settings/ }).click();
  await accessible(ada, "settings");
  await page.keyboard.press("Escape");
  await page.setViewportSize({ width: 360, height: 700 });
  await accessible(ada, "messages on a phone");
  await page.getByRole("button", { name: "Members" }).click();
  await accessible(ada, "members on a phone");
  for (const { complaints } of [ada, bob]) assert.deepEqual(complaints, []);
});

test("the keyboard alone is enough", async () => {
  const carol = await Visitor.arrive(browser, server, "carol");
  const { keyboard } = carol.page;
  const focused = (name) => carol.page.waitForFunction((wanted) => {
    const one = document.activeElement;
    return (one.ariaLabel ?? one.labels?.[0]?.textContent ?? one.textContent).startsWith(wanted);
  }, name);
  const tabTo = async (name) => {
    for (let tries = 0; tries < 30; tries++) {
      await keyboard.press("Tab");
      const at = await carol.page.evaluate(() => document.activeElement.ariaLabel ?? document.activeElement.textContent);
      if (at.startsWith(name)) return;
    }
    assert.fail(`Tab does not come to ${name}`);
  };
  await carol.page.goto("/");
  await focused("Username or e-mail");
  await tabTo("New here?");
  await keyboard.press("Enter");
  await focused("Username");
  await keyboard.type("carol");
  await keyboard.press("Tab");
  await keyboard.type("carol@example.org");
  await keyboard.press("Tab");
  await keyboard.type("correct horse battery");
  await keyboard.press("Enter");
  await carol.sees(carol.page.getByText("You are in no room yet."));
  await tabTo("New room");
  await keyboard.press("Enter");
  await focused("Name");
  await keyboard.type("The cellar");
  await keyboard.press("Enter");
  await focused("Message The cellar");
  await keyboard.type("Hello");
  await keyboard.press("Enter");
  await carol.sees(carol.message("Hello"));
  await carol.misses(carol.log.locator(".is-pending"));

  // Up edits the last message; Escape leaves it as it was.
  await keyboard.press("ArrowUp");
  await carol.sees(carol.page.getByText("Editing your message"));
  await keyboard.press("Escape");
  await carol.misses(carol.page.getByText("Editing your message"));

  // From the log to a message, to what can be done with it, and into a dialog and out.
  await keyboard.press("Shift+Tab");
  await keyboard.press("ArrowUp");
  await tabTo("Delete");
  await keyboard.press("Enter");
  await focused("Cancel");
  await keyboard.press("Escape");
  await focused("Delete");
  await keyboard.press("Enter");
  await tabTo("Delete");
  await keyboard.press("Enter");
  await carol.sees(carol.message("This message was deleted."));
  assert.deepEqual(carol.complaints, []);
});
