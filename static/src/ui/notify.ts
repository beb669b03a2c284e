/**
 * Notifications of what others write while nobody looks at the page, in any tab. One a room: it tells of the newest
 * message, is replaced silently by the next, and goes away when the room is read.
 */
import { effect, signal } from "@preact/signals";
import type { Chat } from "../client/chat";
import type { RoomSummary } from "../client/types";
import { go } from "./route";
import { watched } from "./state";

const KEY = "chatd.notify";
/** The lock that is held by the tabs that are looked at, so that the others know. */
const WATCHED = "chatd.watched";
/** The lock of the tab that shows or closes: a browser that is asked meanwhile what is shown may forget the newest. */
const SHOWING = "chatd.notify";
/** What comes together, say after an absence, is told together. */
const GATHER_MS = 400;
const BODY_CHARACTERS = 200;

/** Why there can be no notifications; undefined if there can. */
export const hindrance = !isSecureContext
  ? "insecure"
  : "Notification" in window && "serviceWorker" in navigator && "locks" in navigator
    ? undefined
    : "unsupported";

const isKept = () => !hindrance && localStorage.getItem(KEY) === "on" && Notification.permission === "granted";
const register = () => navigator.serviceWorker.register("/worker.js");

export const notifies = signal(isKept());

/** Asks the browser's user, and therefore is to be called on a click. Says what came in between, if something did. */
export async function turnOn(): Promise<"refused" | "unsupported" | undefined> {
  if ((await Notification.requestPermission()) !== "granted") return "refused";
  try {
    await register();
  } catch {
    // Some windows have no workers, nor have pages whose certificate was not trusted.
    return "unsupported";
  }
  localStorage.setItem(KEY, "on");
  notifies.value = true;
  return undefined;
}

export function turnOff(): void {
  localStorage.removeItem(KEY);
  notifies.value = false;
}

if (!hindrance) {
  addEventListener("storage", ({ key }) => key === KEY && (notifies.value = isKept()));
  // Ends by itself with the tab, whatever becomes of it.
  effect(() => {
    if (!watched.value) return;
    let release = () => {};
    const unwatched = new Promise<void>((done) => (release = done));
    navigator.locks.request(WATCHED, { mode: "shared" }, () => unwatched).catch(() => {});
    return release;
  });
  navigator.serviceWorker.addEventListener("message", ({ data }) => {
    if (typeof data?.open === "string") go(data.open);
  });
}

/** Tells of what comes into the rooms while this is turned on; gives the function that ends it. */
export function announce(chat: Chat): () => void {
  return effect(() => {
    if (!notifies.value) return;
    const teller = new Teller(chat);
    return () => void teller.end();
  });
}

class Teller {
  readonly #chat: Chat;
  readonly #registered = register().catch(() => undefined);
  readonly #unwatch: () => void;
  /** Up to which number a room's messages are known, or told of. */
  readonly #known = new Map<string, number>();
  #isFirst = true;
  #timer = 0;
  #isOver = false;

  constructor(chat: Chat) {
    this.#chat = chat;
    this.#unwatch = chat.rooms.list.watch(this.#gather);
    if (chat.rooms.list.value) this.#gather();
  }

  /** Also takes away what is shown, and the worker. */
  async end(): Promise<void> {
    this.#isOver = true;
    this.#unwatch();
    clearTimeout(this.#timer);
    const registration = await this.#registered;
    for (const shown of (await registration?.getNotifications()) ?? []) shown.close();
    if (!notifies.peek()) await registration?.unregister();
  }

  #gather = (): void => {
    // What is there already when the page opens is no news, nor is what comes before somebody's eyes.
    if (this.#isFirst || watched.peek()) {
      for (const { id, lastSeq } of this.#chat.rooms.list.value ?? []) this.#known.set(id, lastSeq);
    }
    this.#isFirst = false;
    this.#timer ||= setTimeout(() => void this.#tell().catch(() => {}), GATHER_MS);
  };

  async #tell(): Promise<void> {
    this.#timer = 0;
    const news = (this.#chat.rooms.list.value ?? []).filter((room) => this.#isNews(room));
    const registration = await this.#registered;
    if (!registration) return;
    await navigator.serviceWorker.ready;
    await navigator.locks.request(SHOWING, () => this.#show(registration, news));
  }

  /** Shows what is new, and closes what is no longer. */
  async #show(registration: ServiceWorkerRegistration, news: RoomSummary[]): Promise<void> {
    const { held } = await navigator.locks.query();
    if (this.#isOver) return;
    if (!held?.some(({ name }) => name === WATCHED)) await Promise.all(news.map((room) => show(registration, room)));
    for (const shown of await registration.getNotifications()) {
      const room = this.#chat.rooms.get(shown.tag);
      const isDeleted = room?.lastMessage?.deletedAt && room.lastMessage.id === shown.data;
      if (!room?.unread || isDeleted) shown.close();
    }
  }

  #isNews({ id, unread, lastMessage: last }: RoomSummary): boolean {
    if (!last || last.seq <= (this.#known.get(id) ?? 0)) return false;
    this.#known.set(id, last.seq);
    return unread > 0 && last.userId !== this.#chat.userId && !last.deletedAt;
  }
}

function show(registration: ServiceWorkerRegistration, { id, name, lastMessage: last }: RoomSummary): Promise<void> {
  const text = [...(last?.content ?? "")];
  const body = text.length > BODY_CHARACTERS ? `${text.slice(0, BODY_CHARACTERS).join("")}…` : text.join("");
  return registration.showNotification(`${name} – ${last?.displayName}`, { body, tag: id, icon: "/icon.svg", data: last?.id });
}
