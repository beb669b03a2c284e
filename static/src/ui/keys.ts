/** The keys: one table, by which the page listens and from which the help is drawn. */
import type { Chat } from "../client/chat";
import type { RoomSummary } from "../client/types";
import { words } from "../words";
import { go, route } from "./route";
import { overlay } from "./state";

/** What browsers that tell of a composition too late say instead of the key. */
const COMPOSING = 229;
const TEXT = 'input:not([type="checkbox"], [type="radio"], [type="button"], [type="submit"]), select, textarea, [contenteditable]';
const isApple = /Mac|iP(hone|ad|od)/.test(navigator.platform);
const APPLE: Record<string, string> = { Mod: "⌘", Alt: "⌥", Shift: "⇧" };

interface Shortcut {
  /** Pressed together; what it is shown by, `Mod` being ⌘ on Apple's keyboards and Ctrl on others. */
  keys: string;
  name: keyof typeof words.shortcuts;
  /** What the whole page does; other keys are listened for by the part of it that has the focus. */
  act?: (chat: Chat, event: KeyboardEvent) => boolean;
}

/** By where they are pressed. */
export const SHORTCUTS: Readonly<Record<keyof typeof words.places, readonly Shortcut[]>> = {
  page: [
    { keys: "Mod+K", name: "switcher", act: () => open("switcher") },
    { keys: "Alt+Shift+ArrowDown", name: "nextUnread", act: (chat) => goUnread(chat, 1) },
    { keys: "Alt+Shift+ArrowUp", name: "previousUnread", act: (chat) => goUnread(chat, -1) },
    { keys: "?", name: "help", act: (_, event) => !overlay.value && !isText(event.target) && open("help") },
    { keys: "Escape", name: "escape", act: () => !overlay.value && write() },
  ],
  composer: [
    { keys: "Enter", name: "send" },
    { keys: "Shift+Enter", name: "line" },
    { keys: "ArrowUp", name: "editLast" },
    { keys: "Shift+Tab", name: "toLog" },
  ],
  log: [
    { keys: "ArrowUp / ArrowDown", name: "walk" },
    { keys: "End", name: "newest" },
    { keys: "Tab", name: "tools" },
  ],
};

/** What stands on the keys that are pressed together. */
export function caps(keys: string): string[] {
  return keys.split("+").map((key) => (isApple && APPLE[key]) || (words.keys[key] ?? key));
}

/** Listens to the whole page, until the function that is returned is called. */
export function listen(chat: Chat): () => void {
  const press = (event: KeyboardEvent) => {
    if (event.defaultPrevented || isComposing(event)) return;
    if (SHORTCUTS.page.find(({ keys }) => fits(keys, event))?.act?.(chat, event)) event.preventDefault();
  };
  addEventListener("keydown", press);
  return () => removeEventListener("keydown", press);
}

/** Whether a key belongs to a word that an input method is still making. */
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === COMPOSING;
}

function fits(keys: string, event: KeyboardEvent): boolean {
  const wanted = keys.split("+");
  const key = wanted.pop() ?? "";
  const mod = wanted.includes("Mod");
  // Where letters are not Latin ones, the key in the place of the letter counts.
  const isKey = event.key.toLowerCase() === key.toLowerCase() || (event.key > "~" && event.code === `Key${key}`);
  return (
    isKey &&
    event.altKey === wanted.includes("Alt") &&
    event.ctrlKey === (mod && !isApple) &&
    event.metaKey === (mod && isApple) &&
    // Layouts differ in what makes a question mark.
    (key === "?" || event.shiftKey === wanted.includes("Shift"))
  );
}

function isText(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches(TEXT);
}

function open(kind: "switcher" | "help"): boolean {
  if (overlay.value?.kind !== kind && !isWritten()) overlay.value = { kind };
  return true;
}

/** Whether there is something in a dialog's form that would be lost with it. */
function isWritten(): boolean {
  const boxes = document.querySelectorAll<HTMLInputElement>("dialog form :read-write");
  return [...boxes].some(({ value, defaultValue }) => value !== defaultValue);
}

/** Back to where one writes. */
function write(): boolean {
  const box = document.querySelector<HTMLElement>(".composer textarea");
  box?.focus();
  return box !== null;
}

/** Goes to the next unread room down (1) or up (-1) the list, and around its ends. */
function goUnread(chat: Chat, step: 1 | -1): boolean {
  if (overlay.value) return false;
  const here = route.value.page === "room" ? route.value.roomId : "";
  const rooms = chat.rooms.list.value ?? [];
  const at = rooms.findIndex(({ id }) => id === here);
  const after: RoomSummary[] = [...rooms.slice(at + 1), ...rooms.slice(0, Math.max(at, 0))];
  const next = after[step > 0 ? "find" : "findLast"](({ unread }) => unread > 0);
  if (next) go(`/r/${next.id}`);
  return true;
}
