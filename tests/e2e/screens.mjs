// Takes the pictures in static/screens: CHATD_BIN=<path> node screens.mjs, and then makes them small by
// pngquant --force --ext .png ../../static/screens/*.png
import { fileURLToPath } from "node:url";
import { Server, does, next } from "../clients/harness.mjs";
import { Visitor, launch } from "./browser.mjs";

const FOLDER = fileURLToPath(new URL("../../static/screens/", import.meta.url));
const WIDE = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 740 };

const server = await Server.start();
const browser = await launch();
try {
  await take();
} finally {
  await browser.close();
  await server.close();
}

async function take() {
  const ada = await Visitor.arrive(browser, server, "ada", { viewport: WIDE, colorScheme: "light", reducedMotion: "reduce" });
  const { page } = ada;
  await page.goto("/");
  await ada.register();
  for (const room of ["Reading circle", "Bicycles", "Summer party", "Allotment"]) await ada.makeRoom(room);
  const allotment = page.url().split("/").at(-1);
  const token = await page.evaluate(() => JSON.parse(localStorage.getItem("chatd.session")).token);
  await server.request(200, "PATCH", "/api/users/me", { displayName: "Ada" }, token);
  await page.reload();
  const { rooms } = await server.request(200, "GET", "/api/rooms", undefined, token);
  const others = {};
  for (const name of ["Bob", "Carol", "Dora"]) others[name] = await enter(name, rooms, token);
  const say = async (name, content, extra = {}, roomId = allotment) =>
    (await does(others[name], "send_message", { roomId, content, ...extra })).message;
  const room = (name) => rooms.find((one) => one.name === name).id;

  await say("Bob", "Chapter nine by Thursday, then?", {}, room("Reading circle"));
  await say("Dora", "The lights are in my cellar, all forty metres of them.", {}, room("Summer party"));
  await say("Carol", "The gear cable is on its way", {}, room("Bicycles"));
  await say("Carol", "And the brake pads", {}, room("Bicycles"));
  const water = await say("Bob", "The water is back on! Whoever was last: please turn the tap at the shed all the way.");
  await say("Bob", "I put the plan of the beds on https://example.org/beds");
  await ada.say("Wonderful. I bring seeds on Saturday: beans, chard, and far too many pumpkins.");
  await ada.sees(ada.message("far too many"));
  await say("Carol", "The tap was me, sorry. It wants two turns more than one thinks.", { replyTo: water.id });
  await say("Dora", "For whoever asked how the rain sensor is read:\n```\nlet litres = area * millimetres;\n```\nso `4 * 12` for the shed's roof.");
  await ada.say("Forty-eight litres from one storm. Not bad.");
  await ada.sees(ada.message("Not bad"));
  for (const socket of Object.values(others)) await does(socket, "message_read", { roomId: allotment });
  await ada.sees(page.getByRole("button", { name: /Seen by .?Bob.?, .?Carol.?,? and .?Dora/ }));
  await does(others.Carol, "typing", { roomId: allotment, isTyping: true });
  await ada.sees(page.getByText(/Carol.? is typing…$/));
  await shoot(page, "room-light");
  await page.emulateMedia({ colorScheme: "dark" });
  await does(others.Carol, "typing", { roomId: allotment, isTyping: true });
  await shoot(page, "room-dark");

  await page.setViewportSize(PHONE);
  await shoot(page, "phone-dark");
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await page.setViewportSize(WIDE);

  await page.getByRole("button", { name: "Invite people" }).click();
  await page.getByRole("button", { name: "Make a link" }).click();
  await page.getByRole("button", { name: "Show QR code" }).click();
  await shoot(page, "invite");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("b");
  await shoot(page, "switcher");
  await page.keyboard.press("Escape");

  await server.stop();
  await ada.sees(page.getByText(/^Next try in/));
  await ada.say("This goes out when the server is back.");
  await ada.sees(ada.log.locator(".is-pending"));
  await shoot(page, "away");
  await server.run();
}

/** Somebody who is in the rooms of another, with a connection that is open. */
async function enter(name, rooms, owner) {
  const username = name.toLowerCase();
  const account = { username, email: `${username}@example.org`, password: "correct horse battery" };
  const { token } = await server.request(201, "POST", "/api/auth/register", account);
  await server.request(200, "PATCH", "/api/users/me", { displayName: name }, token);
  const socket = server.open(token);
  await next(socket, "connect");
  for (const { id } of rooms) {
    const invite = await server.request(201, "POST", `/api/rooms/${id}/invites`, {}, owner);
    await server.request(200, "POST", `/api/rooms/invites/${invite.token}/join`, undefined, token);
    await server.request(204, "DELETE", `/api/rooms/${id}/invites`, undefined, owner);
    await does(socket, "join_room", { roomId: id });
  }
  return socket;
}

async function shoot(page, name) {
  // Nothing that only the mouse shows.
  await page.mouse.move(0, 0);
  await page.screenshot({ path: `${FOLDER}${name}.png` });
}
