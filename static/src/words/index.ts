/** The words of the first of the browser's languages that there is, else English. */
import { de } from "./de";
import { en, type Words } from "./en";

const all: Record<string, Words> = { en, de };

const chosen = navigator.languages.map((language) => language.split("-")[0] ?? "").find((language) => language in all);

export const words: Words = all[chosen ?? "en"] ?? en;

/** Keeps a name that is written from right to left from turning the sentence around it. */
export function isolated(name: string): string {
  return `\u2068${name}\u2069`;
}

/** What a refusal means in the reader's language. */
export function explain(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  if (code === "invalid_input") return words.invalid;
  return (code && words.errors[code]) || message || words.errors.internal || "";
}
