/** Times as people read them, in the browser's time zone. */
import { signal } from "@preact/signals";
import { words } from "../words";

// The region of the browser's language decides on the form, the words on the language.
const locale = navigator.languages.find((language) => language.startsWith(words.language)) ?? words.language;
const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(locale, { weekday: "short" });
const short = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const long = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const date = new Intl.DateTimeFormat(locale, { dateStyle: "long" });
const full = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** The server notes the time of somebody's last use to within a minute. */
const NOW_MS = 2 * MINUTE_MS;

function midnight(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** The day that it is: whatever is drawn with it is drawn anew at midnight. */
const today = signal(0);
let untilMidnight = 0;
function look(): void {
  const now = new Date();
  today.value = midnight(now);
  clearTimeout(untilMidnight);
  untilMidnight = setTimeout(look, new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1).getTime() - now.getTime());
}
look();
// Timers stand still while a computer sleeps.
document.addEventListener("visibilitychange", look);

/** How many days ago, by the calendar. */
function daysAgo(date: Date): number {
  return Math.round((today.value - midnight(date)) / DAY_MS);
}

export function dayKey(time: string): number {
  return midnight(new Date(time));
}

export function dayName(time: string): string {
  const date = new Date(time);
  const ago = daysAgo(date);
  return ago === 0 ? words.today : ago === 1 ? words.yesterday : long.format(date);
}

export function clockTime(time: string): string {
  return clock.format(new Date(time));
}

export function dateOf(time: string): string {
  return date.format(new Date(time));
}

export function fullTime(time: string): string {
  return full.format(new Date(time));
}

/** As short as a list needs it. */
export function briefTime(time: string): string {
  const date = new Date(time);
  const ago = daysAgo(date);
  return ago <= 0 ? clock.format(date) : ago < 7 ? weekday.format(date) : short.format(date);
}

/** How long ago it was. */
export function timeAgo(time: string): string {
  const date = new Date(time);
  const ms = Date.now() - date.getTime();
  if (ms < NOW_MS) return relative.format(0, "second");
  if (ms < HOUR_MS) return relative.format(-Math.floor(ms / MINUTE_MS), "minute");
  return ms < DAY_MS ? relative.format(-Math.floor(ms / HOUR_MS), "hour") : relative.format(-daysAgo(date), "day");
}
