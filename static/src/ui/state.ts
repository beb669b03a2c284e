/** What the whole page shares, as signals. */
import { type Signal, computed, effect, signal } from "@preact/signals";
import { Chat } from "../client/chat";
import type { Observable } from "../client/observable";
import { Session } from "../client/session";
import type { Message } from "../client/types";

const signals = new WeakMap<object, Signal<unknown>>();

/** An observable's value; a component that reads it is drawn again when it changes. */
export function live<T>(observable: Observable<T>): T {
  let known = signals.get(observable) as Signal<T> | undefined;
  if (!known) {
    const made = signal(observable.value);
    observable.watch((value) => (made.value = value));
    signals.set(observable, made as Signal<unknown>);
    known = made;
  }
  return known.value;
}

export const session = new Session(location.origin);

/** A message that is being answered or edited, in the room that is open. */
export type Concern = { kind: "reply" | "edit"; message: Message };
export const concern = signal<Concern | null>(null);

/** What is open above the page. */
export type Overlay =
  | { kind: "new-room" | "find-rooms" | "settings" | "switcher" | "help" }
  | { kind: "invite" | "members" | "about"; roomId: string }
  | { kind: "member"; roomId: string; userId: string }
  | { kind: "delete-message" | "seen"; message: Message };
export const overlay = signal<Overlay | null>(null);

/** Tells later whether what is open above the page now has stayed open. */
export function staysOpen(): () => boolean {
  const what = overlay.peek();
  return () => overlay.peek() === what;
}

/** The chat of whoever is signed in. */
export const chat = signal<Chat | null>(null);

const userId = computed(() => live(session.user)?.id);
effect(() => {
  const id = userId.value;
  chat.peek()?.close();
  // What was open was another account's.
  concern.value = overlay.value = null;
  const next = id ? new Chat(location.origin, session.api, () => session.token, id, session.isEnded) : null;
  // The account may have been changed on another device.
  next?.connection.state.watch(({ status }) => status === "online" && void session.look());
  chat.value = next;
});
effect(() => {
  const user = live(session.user);
  if (user) chat.value?.rename(user.id, user.displayName);
});

/** Whether the page is looked at. */
export const watched = signal(isWatched());
const look = () => (watched.value = isWatched());
addEventListener("focus", look);
addEventListener("blur", look);
document.addEventListener("visibilitychange", look);

function isWatched(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];
const THEME_KEY = "chatd.theme";
export const theme = signal<Theme>(THEMES.find((name) => name === localStorage.getItem(THEME_KEY)) ?? "system");
effect(() => {
  document.documentElement.dataset.theme = theme.value;
  localStorage.setItem(THEME_KEY, theme.value);
});
