// What a room's people do with it and with each other, while the others look.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { Server } from "../clients/harness.mjs";
import { accessible } from "./axe.mjs";
import { Visitor, launch } from "./browser.mjs";

const QUIET_MODULES = 4;
const CROWD = 25;
const PHONE = { width: 320, height: 640 };
const LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";
const HEBREW = "המטבח של סבתא (הגדול)";

const run = promisify(execFile);

let server, browser, ada, bob, carol;

before(async () => {
  server = await Server.start();
  browser = await launch();
  ada = await Visitor.arrive(browser, server, "ada");
  bob = await Visitor.arrive(browser, server, "bob");
  carol = await Visitor.arrive(browser, server, "carol");
  await ada.page.goto("/");
  await ada.register();
  await ada.makeRoom("The kitchen");
  ada.link = await ada.invite();
  for (const guest of [bob, carol]) await enter(guest, ada.link);
});

after(async () => {
  await browser?.close();
  await server?.close();
});

const dialog = ({ page }) => page.getByRole("dialog").last();
const press = (visitor, name) => dialog(visitor).getByRole("button", { name, exact: true }).click();
const members = ({ page }) => page.getByRole("complementary", { name: "Members" });
const row = (visitor, name) => members(visitor).getByRole("button", { name });
const tokenOf = ({ page }) => page.evaluate(() => JSON.parse(localStorage.getItem("chatd.session")).token);

/** What waits for `passed` goes on after `open`. */
function gate() {
  let open;
  const passed = new Promise((resolve) => (open = resolve));
  return { open, passed };
}

/** Follows an invite for the first time, and joins by it. */
async function enter(visitor, link) {
  await visitor.page.goto(link);
  await visitor.register();
  await visitor.sees(visitor.box);
}

async function about(visitor) {
  await visitor.page.getByRole("button", { name: "About this room" }).click();
  await visitor.sees(dialog(visitor));
}

/** Opens a member's dialog in the list beside the messages. */
async function open(visitor, name) {
  await row(visitor, name).click();
  await visitor.sees(dialog(visitor).getByText(/^In this room since /));
}

/** What a screenshot of the code on the page says, and whether what is around the code is white. */
async function scanned(visitor) {
  const code = dialog(visitor).getByRole("img", { name: "QR code of this link" });
  const modules = Number((await code.getAttribute("viewBox")).split(" ")[2]);
  const picture = (await code.screenshot()).toString("base64");
  // A page of its own: chatd's lets no foreign script run.
  const desk = await browser.newPage();
  await desk.addScriptTag({ path: createRequire(import.meta.url).resolve("jsqr") });
  const seen = await desk.evaluate(async ({ picture, share }) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${picture}`)).blob());
    const { width, height } = bitmap;
    const canvas = new OffscreenCanvas(width, height).getContext("2d");
    canvas.drawImage(bitmap, 0, 0);
    const { data } = canvas.getImageData(0, 0, width, height);
    const edge = Math.floor(width * share);
    const isWhite = (x, y) => data.subarray(4 * (y * width + x), 4 * (y * width + x) + 3).every((one) => one === 255);
    let quiet = true;
    // The corners of its ground may be round.
    for (let at = edge; at < width - edge; at++) {
      for (let in_ = 1; in_ < edge; in_++) quiet &&= isWhite(at, in_) && isWhite(in_, at) && isWhite(at, height - 1 - in_) && isWhite(width - 1 - in_, at);
    }
    return { text: window.jsQR(data, width, height, { inversionAttempts: "dontInvert" })?.data, quiet, width };
  }, { picture, share: QUIET_MODULES / modules });
  await desk.close();
  return seen;
}

test("a room's new name is at once in everybody's list and header", async () => {
  await about(ada);
  await press(ada, "Edit room");
  await dialog(ada).getByLabel("Name").fill("The pantry");
  await dialog(ada).getByLabel("What it is for (optional)").fill("Jam & honey");
  await press(ada, "Save");
  await ada.sees(dialog(ada).getByText("Jam & honey"));
  await press(ada, "Close");
  for (const one of [ada, bob, carol]) {
    await one.sees(one.page.getByRole("heading", { name: "The pantry" }));
    await one.sees(one.page.getByRole("link", { name: /^The pantry/ }));
    await one.sees(one.page.getByRole("main").getByText("Jam & honey"));
    assert.equal(await one.page.getByText("The kitchen").count(), 0);
  }
});

test("the form says what going public means, and what others change meanwhile stays", async () => {
  await about(ada);
  await press(ada, "Edit room");
  await dialog(ada).getByLabel("Name").fill("The larder");
  await dialog(ada).getByLabel("Private: only by invite").uncheck();
  await ada.sees(dialog(ada).getByText(/^Everybody on this server can then find the room/));
  await accessible(ada, "editing a room");
  const path = `/api/rooms/${ada.page.url().split("/").at(-1)}`;
  await server.request(200, "PATCH", path, { description: "Only jam" }, await tokenOf(ada));
  await bob.sees(bob.page.getByRole("main").getByText("Only jam"));
  assert.equal(await dialog(ada).getByLabel("Name").inputValue(), "The larder");
  await press(ada, "Save");
  await ada.sees(dialog(ada).getByText("Public room · 3 members"));
  await ada.sees(dialog(ada).getByText("Only jam"));
  await press(ada, "Close");

  await about(ada);
  await press(ada, "Edit room");
  await dialog(ada).getByLabel("Private: only by invite").check();
  await ada.sees(dialog(ada).getByText(/^Its members stay\./));
  await press(ada, "Save");
  await ada.sees(dialog(ada).getByText("Private room · 3 members"));
  await press(ada, "Close");
});

test("after a dialog's steps the focus is back where it was", async () => {
  const { page } = ada;
  await page.getByRole("button", { name: "About this room" }).press("Enter");
  await dialog(ada).getByRole("button", { name: "Edit room" }).press("Enter");
  await dialog(ada).getByRole("button", { name: "Cancel" }).press("Enter");
  await ada.sees(dialog(ada).getByText("Private room · 3 members"));
  await dialog(ada).getByRole("button", { name: "Close" }).press("Enter");
  await ada.misses(page.getByRole("dialog"));
  assert.equal(await page.evaluate(() => document.activeElement.ariaLabel), "About this room");
  await row(ada, "bob").press("Enter");
  await dialog(ada).getByRole("button", { name: "Remove and ban" }).press("Enter");
  await ada.sees(dialog(ada).getByText(/^Remove .* and keep them out/));
  await page.keyboard.press("Escape");
  await ada.sees(dialog(ada).getByText("@bob"));
  await page.keyboard.press("Escape");
  await ada.misses(page.getByRole("dialog"));
  assert.match(await page.evaluate(() => document.activeElement.textContent), /bob/);
});

test("members are offered nothing that the server would refuse them", async () => {
  await open(bob, "carol");
  await bob.sees(dialog(bob).getByText("@carol"));
  await bob.sees(dialog(bob).getByText("Member · Online"));
  assert.deepEqual(await dialog(bob).getByRole("button").allInnerTexts(), [""]);
  await press(bob, "Close");
  await about(bob);
  assert.deepEqual(await dialog(bob).getByRole("button").allInnerTexts(), ["", "Leave room"]);
  await press(bob, "Close");
  await open(ada, "ada");
  await ada.sees(dialog(ada).getByText("Creator · Online"));
  assert.deepEqual(await dialog(ada).getByRole("button").allInnerTexts(), [""]);
  await press(ada, "Close");
});

test("whoever is made an admin may edit the room and delete what others wrote, and all see it", async () => {
  await carol.say("Spam");
  await bob.sees(bob.message("Spam"));
  assert.equal(await bob.message("Spam").getByRole("button", { name: "Delete" }).count(), 0);
  await open(ada, "bob");
  await press(ada, "Make admin");
  await ada.sees(dialog(ada).getByText("Admin · Online"));
  await accessible(ada, "a member");
  await press(ada, "Close");
  for (const one of [ada, bob, carol]) await one.sees(row(one, /bob.*Admin/));

  await bob.message("Spam").hover();
  await bob.message("Spam").getByRole("button", { name: "Delete" }).click();
  await press(bob, "Delete");
  await carol.sees(carol.message("This message was deleted."));
  await about(bob);
  await press(bob, "Edit room");
  await dialog(bob).getByLabel("Name").fill("The cellar");
  await press(bob, "Save");
  await press(bob, "Close");
  await carol.sees(carol.page.getByRole("heading", { name: "The cellar" }));
  await open(bob, "carol");
  const offered = await dialog(bob).getByRole("button").allInnerTexts();
  assert.deepEqual(offered, ["", "Remove from the room", "Remove and ban"]);
  await press(bob, "Close");

  await open(ada, "bob");
  await press(ada, "No longer an admin");
  await press(ada, "Close");
  await carol.misses(row(carol, /bob.*Admin/));
  await about(bob);
  assert.equal(await dialog(bob).getByRole("button", { name: "Edit room" }).count(), 0);
  await press(bob, "Close");
});

test("whoever is removed while looking sees no more of the room, and comes back by an invite", async () => {
  await open(ada, "carol");
  await press(ada, "Remove from the room");
  await ada.sees(dialog(ada).getByText(/Remove \u2068carol\u2069 from “\u2068The cellar\u2069”.*come back by an invite/));
  await press(ada, "Remove from the room");
  await ada.misses(ada.page.getByRole("dialog"));
  await ada.misses(row(ada, "carol"));
  await carol.sees(carol.page.getByText(/^This room does not exist, or it is private/));
  assert.equal(await carol.page.getByRole("link", { name: /The cellar/ }).count(), 0);
  assert.deepEqual(carol.complaints, []);
  await carol.page.goto(ada.link);
  await carol.page.getByRole("button", { name: "Join room" }).click();
  await carol.sees(carol.box);
  await ada.sees(row(ada, "carol"));
});

test("whoever is banned is let in by no invite and told so, until they are unbanned", async () => {
  await open(ada, "carol");
  await press(ada, "Remove and ban");
  await accessible(ada, "banning somebody");
  await press(ada, "Remove and ban");
  await carol.sees(carol.page.getByText(/^This room does not exist, or it is private/));
  await carol.page.goto(ada.link);
  const join = carol.page.getByRole("button", { name: "Join room" });
  await join.click();
  await carol.sees(carol.page.getByText("You may not come back into this room."));
  // The browser itself notes a refusal.
  assert.match(carol.complaints.splice(0).join("\n"), /^error: Failed to load resource: .* 403 \(Forbidden\)$/);

  await about(ada);
  await press(ada, "Banned people");
  await ada.sees(dialog(ada).getByText(/@carol · banned on /));
  await accessible(ada, "banned people");
  await press(ada, "Unban: carol");
  await ada.sees(dialog(ada).getByText("carol\u2069 may come back."));
  await ada.sees(dialog(ada).getByText("Nobody is banned from this room."));
  await press(ada, "Close");
  await ada.sees(dialog(ada).getByRole("button", { name: "Banned people" }));
  await accessible(ada, "a room of one's own");
  await press(ada, "Close");
  await join.click();
  await carol.sees(carol.box);
  await ada.sees(row(ada, "carol"));
});

test("the code on the screen says the link, in light and in dark, and its uses are counted", async () => {
  await ada.page.getByRole("button", { name: "Invite people" }).click();
  await ada.sees(dialog(ada).getByText("Used 4 times"));
  await ada.sees(dialog(ada).getByText("The old link then stops working."));
  await press(ada, "Show QR code");
  for (const colorScheme of ["light", "dark"]) {
    await ada.page.emulateMedia({ colorScheme });
    const { text, quiet, width } = await scanned(ada);
    assert.equal(text, ada.link);
    assert.ok(quiet, `the code's ground is not white in ${colorScheme}`);
    assert.ok(width >= 200, `${width} px`);
  }
  await accessible(ada, "a code");
  assert.equal(await dialog(ada).getByRole("button", { name: "Make a new link" }).count(), 0);
  await press(ada, "Hide QR code");
  await press(ada, "Make a new link");
  await ada.sees(dialog(ada).getByText("Not used yet"));
  await press(ada, "Show QR code");
  const link = await dialog(ada).getByLabel("Invite link").inputValue();
  assert.notEqual(link, ada.link);
  assert.equal((await scanned(ada)).text, link);
  await press(ada, "Revoke");
  await ada.sees(dialog(ada).getByText("There is no invite yet."));
  await press(ada, "Close");
});

test("an invite that is used up says so instead of being passed on", async () => {
  await ada.page.getByRole("button", { name: "Invite people" }).click();
  await dialog(ada).getByLabel("Uses").selectOption("once");
  await press(ada, "Make a link");
  const link = await dialog(ada).getByLabel("Invite link").inputValue();
  await press(ada, "Close");
  const dora = await Visitor.arrive(browser, server, "dora");
  await enter(dora, link);
  await ada.page.getByRole("button", { name: "Invite people" }).click();
  await ada.sees(dialog(ada).getByText("This link lets nobody in any more"));
  await ada.sees(dialog(ada).getByText("Used 1 of 1"));
  assert.equal(await dialog(ada).getByLabel("Invite link").count(), 0);
  await accessible(ada, "an invite that is used up");
  await press(ada, "Close");
  await dora.context.close();
});

test("a room that is handed over has another creator, and the former one may leave", async () => {
  await about(ada);
  assert.equal(await dialog(ada).getByRole("button", { name: "Leave room" }).count(), 0);
  await ada.sees(dialog(ada).getByText(/hand it over to another member/));
  await press(ada, "Close");
  await open(ada, "bob");
  await press(ada, "Hand the room over");
  await ada.sees(dialog(ada).getByText(/Hand “\u2068The cellar\u2069” over to \u2068bob\u2069\?/));
  await press(ada, "Cancel");
  await press(ada, "Hand the room over");
  await press(ada, "Hand the room over");
  await ada.sees(dialog(ada).getByText("Creator · Online"));
  assert.deepEqual(await dialog(ada).getByRole("button").allInnerTexts(), [""]);
  await press(ada, "Close");
  for (const one of [ada, bob, carol]) {
    await one.sees(row(one, /bob.*Creator/));
    await one.sees(row(one, /ada.*Admin/));
  }
  await bob.sees(bob.page.getByRole("button", { name: "Invite people" }));
  await ada.misses(ada.page.getByRole("button", { name: "Invite people" }));
  await about(ada);
  await press(ada, "Leave room");
  await press(ada, "Leave room");
  await ada.sees(ada.page.getByText("You are in no room yet."));
  await bob.misses(row(bob, "ada"));
});

test("a room that is deleted is gone for those who look at it, with what was open above it", async () => {
  await open(carol, "bob");
  await about(bob);
  await press(bob, "Delete room");
  await bob.sees(dialog(bob).getByText(/Delete “\u2068The cellar\u2069” with all its messages/));
  await press(bob, "Delete room");
  await bob.sees(bob.page.getByText("You are in no room yet."));
  await carol.sees(carol.page.getByText(/^This room does not exist, or it is private/));
  await carol.misses(carol.page.getByRole("dialog"));
  await carol.page.getByRole("link", { name: "Go to your rooms" }).click();
  await carol.sees(carol.page.getByText("You are in no room yet."));
});

test("an admin of the server removes members and deletes rooms that are not theirs, and no more than that", async () => {
  const erin = await server.person("erin");
  const room = await erin.makeRoom({ name: "The roof", isPrivate: false });
  const frank = await server.person("frank");
  await frank.request(200, "POST", `/api/rooms/${room.id}/join`);
  const root = await Visitor.arrive(browser, server, "root");
  await root.page.goto("/");
  await root.register();
  await root.sees(root.page.getByText("You are in no room yet."));
  await run(process.env.CHATD_BIN, ["user", "role", "root", "admin", "--data-dir", server.dataDir]);
  await root.page.getByRole("button", { name: /^Settings/ }).click();
  await root.page.getByRole("button", { name: "Sign out" }).click();
  await root.signIn();
  await root.page.getByRole("button", { name: "Find rooms" }).first().click();
  await press(root, "Join: The roof");
  await open(root, "erin");
  assert.deepEqual(await dialog(root).getByRole("button").allInnerTexts(), [""]);
  await press(root, "Close");
  await open(root, "frank");
  assert.deepEqual(await dialog(root).getByRole("button").allInnerTexts(), ["", "Remove from the room"]);
  await press(root, "Remove from the room");
  await root.sees(dialog(root).getByText(/The room is public, so they can join it again\.$/));
  await press(root, "Remove from the room");
  await root.misses(row(root, "frank"));
  await about(root);
  assert.deepEqual(await dialog(root).getByRole("button").allInnerTexts(), ["", "Leave room", "Delete room"]);
  await press(root, "Delete room");
  await press(root, "Delete room");
  await root.sees(root.page.getByText("You are in no room yet."));
  assert.deepEqual(root.complaints, []);
});

test("who comes or goes while the list of members is on its way is neither lost nor doubled nor kept", async () => {
  const [erin, frank, grace] = await Promise.all(["erin", "frank", "grace"].map((name) => server.person(name)));
  const room = await erin.makeRoom({ name: "The attic", isPrivate: false });
  const joins = (person) => person.request(200, "POST", `/api/rooms/${room.id}/join`);
  await joins(frank);
  await server.request(200, "POST", `/api/rooms/${room.id}/join`, undefined, await tokenOf(carol));
  const names = async () => (await members(carol).locator(".name").allInnerTexts()).map((name) => name.split("-")[0]);
  /** Opens the room; its list comes only after something has happened and been told, and other lists after `then`. */
  const meanwhile = async (happens, told, then) => {
    const [read, shown, done] = [gate(), gate(), gate()];
    let lists = 0;
    const path = `**/api/rooms/${room.id}/users?*`;
    const hold = async (route) => {
      const isFirst = lists++ === 0;
      const response = await route.fetch();
      read.open();
      await (isFirst ? shown : done).passed;
      await route.fulfill({ response });
    };
    // The page before asks for nothing any more.
    await carol.page.goto("about:blank");
    await carol.page.route(path, hold);
    await carol.page.goto(`/r/${room.id}`);
    await read.passed;
    await carol.sees(carol.page.getByRole("main").getByText("3 members"));
    await happens();
    await carol.sees(carol.page.getByRole("main").getByText(told));
    assert.deepEqual(await names(), []);
    shown.open();
    await carol.sees(row(carol, "erin"));
    await then();
    done.open();
    await carol.page.unrouteAll({ behavior: "wait" });
  };
  const frankGoes = () => erin.request(204, "DELETE", `/api/rooms/${room.id}/users/${frank.id}`);
  await meanwhile(frankGoes, "2 members", async () => assert.deepEqual(await names(), ["carol", "erin"]));
  await joins(frank);
  await meanwhile(() => joins(grace), "4 members", async () => {});
  await carol.sees(row(carol, "grace"));
  assert.deepEqual(await names(), ["carol", "erin", "frank", "grace"]);
});

test("names that are very long or written from right to left fit on a small phone, and many members can be searched", async () => {
  const { page } = ada;
  await ada.makeRoom(LONG);
  const roomId = page.url().split("/").at(-1);
  const token = await tokenOf(ada);
  const invite = await server.request(201, "POST", `/api/rooms/${roomId}/invites`, {}, token);
  const join = async (name) => {
    const person = await server.person("guest");
    await person.request(200, "PATCH", "/api/users/me", { displayName: name });
    await person.request(200, "POST", `/api/rooms/invites/${invite.token}/join`);
  };
  // While the list is looked at, so that each is told while another's list may be on its way.
  await Promise.all([LONG.slice(0, 60), "רות", ...Array.from({ length: CROWD }, (_, n) => `Guest ${n + 1}`)].map(join));
  await ada.sees(members(ada).getByRole("heading", { name: `Offline ${CROWD + 2}` }));
  await page.setViewportSize(PHONE);
  const fits = async (screen) => {
    const widths = await page.evaluate(() => [document.documentElement, ...document.querySelectorAll("dialog")].map((one) => one.scrollWidth - one.clientWidth));
    assert.deepEqual(widths.filter(Boolean), [], screen);
    await accessible(ada, screen);
  };
  await page.getByRole("button", { name: "Members" }).click();
  await fits("many members on a phone");
  const search = dialog(ada).getByLabel("Search by name");
  await search.fill("guest 2");
  await ada.sees(dialog(ada).getByRole("heading", { name: "Offline 7" }));
  await search.fill("nobody");
  await ada.sees(dialog(ada).getByText("Nobody in this room has that name."));
  for (const [query, name] of [["DONAU", LONG.slice(0, 60)], ["רות", "רות"]]) {
    await search.fill(query);
    await dialog(ada).getByRole("button", { name }).click();
    await ada.sees(dialog(ada).getByRole("heading", { name }));
    await fits(`a member on a phone: ${name}`);
    await press(ada, "Hand the room over");
    await fits(`a question on a phone: ${name}`);
    await press(ada, "Cancel");
    await press(ada, "Close");
  }
  // Back in the list, with what was searched for.
  assert.equal(await search.inputValue(), "רות");
  await press(ada, "Close");
  await about(ada);
  await fits("about a room on a phone");
  await press(ada, "Edit room");
  await fits("editing a room on a phone");
  await dialog(ada).getByLabel("Name").fill(HEBREW);
  await press(ada, "Save");
  await ada.sees(dialog(ada).getByRole("heading", { name: HEBREW }));
  await press(ada, "Banned people");
  await fits("nobody banned, on a phone");
  await press(ada, "Close");
  await press(ada, "Close");
  await page.getByRole("button", { name: "Invite people" }).click();
  await press(ada, "Show QR code");
  await fits("a code on a phone");
});

test("the browsers had nothing to complain of", () => {
  for (const { complaints } of [ada, bob, carol]) assert.deepEqual(complaints, []);
});
