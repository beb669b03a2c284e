/** The words of the first of the browser's languages that there is, else English. */
import type { ErrorBody } from "../client/types";
import { type Words, words as english } from "./languages/en";

const MINUTE_MS = 60_000;

/** A language is a file: the bundler finds all that are there, and puts them into the one bundle. */
async function load(name: string): Promise<Words | undefined> {
  try {
    return (await import(`./languages/${name}.ts`)).words;
  } catch {
    return undefined;
  }
}

async function choose(): Promise<Words> {
  for (const tag of navigator.languages) {
    const found = (await load(tag)) ?? (await load(tag.split("-")[0] ?? ""));
    if (found) return found;
  }
  return english;
}

export const words = await choose();

/** Keeps a name that is written from right to left from turning the sentence around it. */
export function isolated(name: string): string {
  return `\u2068${name}\u2069`;
}

/** What a refusal means in the reader's language. */
export function explain(error: unknown): string {
  const { code, message, details } = error as Partial<ErrorBody>;
  if (code === "invalid_input") return words.invalid;
  const minutes = Math.ceil((details?.retryAfterMs ?? 0) / MINUTE_MS);
  if (code === "rate_limited" && minutes > 1) return words.tooMany(new Intl.RelativeTimeFormat(words.language).format(minutes, "minute"));
  return (code && words.errors[code]) || message || words.errors.internal || "";
}
