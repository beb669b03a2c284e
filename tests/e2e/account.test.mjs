// One's own account: its name, its password, where it is signed in, and what a server asks of a new one.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { Server } from "../clients/harness.mjs";
import { accessible } from "./axe.mjs";
import { Visitor, launch } from "./browser.mjs";

const PASSWORD = "correct horse battery";
const NEW_PASSWORD = "another horse battery";
const NARROW_PX = 320;
const HOUR_MS = 3_600_000;

/** The browser itself notes a refusal. */
const REFUSED = /^error: Failed to load resource: the server responded with a status of (400 \(Bad Request\)|401 \(Unauthorized\)|403 \(Forbidden\)|409 \(Conflict\))$/;

let server, browser;
const visitors = [];

before(async () => {
  server = await Server.start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

afterEach(() => {
  for (const { complaints } of visitors.splice(0)) {
    for (const one of complaints) assert.match(one, REFUSED);
  }
});

const account = ({ page }, name = "") => page.getByRole("button", { name: `Settings: ${name}` });
const wayIn = ({ page }) => page.getByRole("heading", { name: "Sign in to your server" });
const session = ({ page }) => page.evaluate(() => JSON.parse(localStorage.getItem("chatd.session")));

/** Opens a section of the settings, and gives the dialog. */
async function settings(visitor, section) {
  const dialog = visitor.page.getByRole("dialog", { name: "Settings" });
  await account(visitor).click();
  await dialog.locator("summary", { hasText: section }).click();
  return dialog;
}

/** Somebody whose console is looked at in the end. */
async function come(where, name, options) {
  const visitor = await Visitor.arrive(browser, where, name, options);
  visitors.push(visitor);
  return visitor;
}

/** Somebody new on the page that is shown after signing up. */
async function arrive(name, options) {
  const visitor = await come(server, name, options);
  await visitor.page.goto("/");
  await visitor.register();
  await visitor.sees(account(visitor, name));
  return visitor;
}

/** The same person in another browser. */
async function again(name, options) {
  const visitor = await come(server, name, options);
  await visitor.page.goto("/");
  await visitor.signIn();
  await visitor.sees(account(visitor));
  return visitor;
}

async function changePassword(dialog, current, wanted) {
  await dialog.getByLabel("Current password").fill(current);
  await dialog.getByLabel("New password").fill(wanted);
  await dialog.getByRole("button", { name: "Change password" }).click();
}

test("another name is shown at once, on what was said before as well, over the same connection", async () => {
  const ada = await arrive("ada");
  const bob = await arrive("bob");
  await ada.makeRoom("The kitchen");
  await ada.say("Hello");
  await bob.page.goto(await ada.invite());
  await bob.page.getByRole("button", { name: "Join room" }).click();
  await bob.sees(bob.message("Hello").getByText("ada", { exact: true }));
  const tab = await ada.context.newPage();
  await tab.goto("/");
  await tab.getByRole("button", { name: "Settings: ada" }).waitFor();

  let connections = 0;
  for (const page of [ada.page, tab]) page.on("websocket", () => connections++);
  const dialog = await settings(ada, "Profile");
  await dialog.getByLabel("Display name").fill("Countess of Lovelace");
  await dialog.getByRole("button", { name: "Save" }).click();
  await ada.sees(dialog.getByText("Saved"));
  await ada.page.keyboard.press("Escape");
  await ada.sees(account(ada, "Countess of Lovelace"));
  await tab.getByRole("button", { name: "Settings: Countess of Lovelace" }).waitFor();
  await ada.sees(ada.message("Hello").getByText("Countess of Lovelace"));
  await ada.sees(ada.page.getByRole("complementary").getByText("Countess of Lovelace"));

  // Another learns it with what is said next.
  await ada.say("It is still me");
  await bob.sees(bob.message("It is still me").getByText("Countess of Lovelace"));
  await bob.sees(bob.message("Hello").getByText("Countess of Lovelace"));
  await bob.sees(bob.page.getByRole("complementary").getByText("Countess of Lovelace"));
  assert.equal(connections, 0);
  await ada.page.reload();
  await ada.sees(account(ada, "Countess of Lovelace"));
  assert.deepEqual(bob.complaints, []);
});

test("a name that was changed on another device is shown after coming back", async () => {
  const carol = await arrive("carol");
  const { token } = await session(carol);
  await server.request(200, "PATCH", "/api/users/me", { displayName: "Carola" }, token);
  await carol.page.reload();
  await carol.sees(account(carol, "Carola"));
  assert.equal((await session(carol)).user.displayName, "Carola");
  assert.equal((await session(carol)).token, token);
});

test("an address that is taken is told at its field, and nothing else is lost", async () => {
  const dora = await arrive("dora");
  const dialog = await settings(dora, "Profile");
  await dialog.getByLabel("Display name").fill("Dora the Great");
  const address = dialog.getByLabel("E-mail");
  await address.fill("Ada@example.org");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dora.sees(dialog.getByText("This is taken already."));
  assert.match(await describedBy(address), /This is taken already/);
  assert.equal(await address.evaluate((box) => box === document.activeElement), true);
  await address.fill("dora@example.com");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dora.sees(dialog.getByText("Saved"));
  const { user } = await session(dora);
  assert.deepEqual([user.displayName, user.email], ["Dora the Great", "dora@example.com"]);
});

test("a new password ends the sessions elsewhere, and is the one that counts", async () => {
  const emma = await arrive("emma");
  const other = await again("emma");
  const dialog = await settings(emma, "Password");
  await changePassword(dialog, "something else", NEW_PASSWORD);
  await emma.sees(dialog.getByText("This is not your current password"));
  assert.match(await describedBy(dialog.getByLabel("Current password")), /not your current password/);
  await changePassword(dialog, PASSWORD, "short");
  await emma.sees(dialog.getByText("This server asks for 8 to 256 characters"));
  assert.equal(await wayIn(other).count(), 0);

  await changePassword(dialog, PASSWORD, NEW_PASSWORD);
  await emma.sees(dialog.getByText("Changed. All your other devices were signed out."));
  assert.equal(await dialog.getByLabel("New password").inputValue(), "");
  await other.sees(wayIn(other));
  await other.signIn();
  await other.sees(other.page.getByText("The name or the password is wrong."));
  await other.page.getByLabel("Password").fill(NEW_PASSWORD);
  await other.page.getByRole("button", { name: "Sign in", exact: true }).click();
  await other.sees(account(other));
  await emma.page.keyboard.press("Escape");
  await emma.page.reload();
  await emma.sees(account(emma));
});

test("password managers are told whose password it is", async () => {
  const fred = await arrive("fred");
  const dialog = await settings(fred, "Password");
  await fred.sees(dialog.getByLabel("Current password"));
  const boxes = await dialog.locator("form input").evaluateAll((all) => all.map((box) => [box.autocomplete, box.value]));
  assert.deepEqual(boxes, [["username", "fred"], ["current-password", ""], ["new-password", ""]]);
});

test("where one is signed in is listed, and can be ended there", async () => {
  const userAgent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";
  const gina = await arrive("gina");
  const away = await again("gina", { userAgent });
  await gina.page.clock.setFixedTime(Date.now() + 2.5 * HOUR_MS);
  const dialog = await settings(gina, "Devices");
  const devices = dialog.getByRole("list", { name: "Devices" }).getByRole("listitem");
  await devices.nth(1).waitFor();
  assert.equal(await devices.count(), 2);
  assert.match(await devices.first().innerText(), /Chrome on Linux\s+This device · 127\.0\.0\.1$/);
  assert.match(await devices.last().innerText(), /Firefox on Windows\s+active 2 hours ago · 127\.0\.0\.1\s+Sign out/);
  await dialog.getByRole("button", { name: "Sign out: Firefox on Windows" }).click();
  await away.sees(wayIn(away));
  await gina.sees(dialog.getByText("Signed out there."));
  assert.equal(await devices.count(), 1);
  await gina.misses(dialog.getByRole("button", { name: "Sign out everywhere else" }));

  // Two at once; one's own stays.
  await gina.page.keyboard.press("Escape");
  const others = [await again("gina"), await again("gina", { userAgent })];
  await settings(gina, "Devices");
  await devices.nth(2).waitFor();
  await dialog.getByRole("button", { name: "Sign out everywhere else" }).click();
  for (const other of others) await other.sees(wayIn(other));
  await gina.misses(devices.nth(1));
  await gina.page.keyboard.press("Escape");
  await gina.page.reload();
  await gina.sees(account(gina));
});

test("the settings fit on a small phone, in few words, and axe-core finds nothing", async () => {
  const ines = await arrive("ines", { viewport: { width: NARROW_PX, height: 640 } });
  await again("ines", { userAgent: "AProgramWhoseNameIsFarTooLongForAnyPhone".repeat(3) });
  const dialog = await settings(ines, "Devices");
  const fits = async (screen) => {
    await accessible(ines, screen);
    const widths = await dialog.evaluate((box) => [document.documentElement.scrollWidth, box.scrollWidth - box.clientWidth]);
    assert.deepEqual(widths, [NARROW_PX, 0], screen);
  };
  await ines.sees(dialog.getByRole("button", { name: "Sign out everywhere else" }));
  await fits("devices");
  await dialog.locator("summary", { hasText: "Password" }).click();
  await changePassword(dialog, "something else", NEW_PASSWORD);
  await ines.sees(dialog.getByText("This is not your current password"));
  await fits("a wrong password");
  await dialog.locator("summary", { hasText: "Profile" }).click();
  await dialog.getByLabel("Display name").fill("Ines".repeat(16));
  await dialog.getByRole("button", { name: "Save" }).click();
  await ines.sees(dialog.getByText("1 to 60 characters"));
  await fits("a name that is too long");
  // Only one section is open, and Escape leads back to where one was.
  assert.equal(await dialog.locator("details[open]").count(), 1);
  await ines.page.keyboard.press("Escape");
  await ines.misses(dialog);
  assert.equal(await account(ines).evaluate((button) => button === document.activeElement), true);
});

test("a server where nobody may register says so, in the reader's language", async () => {
  const closed = await Server.start({ CHATD_ACCOUNTS__REGISTRATION: "closed" });
  try {
    const jane = await come(closed, "jane");
    await jane.page.goto("/");
    await jane.register();
    await jane.sees(jane.page.getByRole("alert").getByText("Nobody can create an account here by themselves."));
    await accessible(jane, "closed registration");
    const karl = await come(closed, "karl", { locale: "de-AT" });
    await karl.page.goto("/");
    await karl.page.getByRole("button", { name: "Neu hier?" }).click();
    await karl.page.getByLabel("Benutzername").fill("karl");
    await karl.page.getByLabel("E-Mail").fill("karl@example.org");
    await karl.page.getByLabel("Passwort").fill(PASSWORD);
    await karl.page.getByRole("button", { name: "Konto anlegen", exact: true }).click();
    await karl.sees(karl.page.getByRole("alert").getByText("Hier kann niemand selbst ein Konto anlegen."));
  } finally {
    await closed.close();
  }
});

test("a server that asks for an invite and a long password says both", async () => {
  const strict = await Server.start({ CHATD_ACCOUNTS__REGISTRATION: "invite", CHATD_ACCOUNTS__MIN_PASSWORD: "24" });
  try {
    const lena = await come(strict, "lena");
    await lena.page.goto("/");
    await lena.register();
    await lena.sees(lena.page.getByText("This server asks for 24 to 256 characters"));
    await lena.page.getByLabel("Password").fill(`${PASSWORD} staple`);
    await lena.page.getByRole("button", { name: "Create account" }).click();
    await lena.sees(lena.page.getByRole("alert").getByText("An account here takes an invite."));
    // What was learnt is not forgotten.
    await lena.sees(lena.page.getByText("At least 24 characters"));
  } finally {
    await strict.close();
  }
});

function describedBy(box) {
  return box.evaluate((input) => document.getElementById(input.getAttribute("aria-describedby")).textContent);
}
