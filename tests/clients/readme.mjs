// What README shows, so that it is tested as it stands there.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

const README = new URL("../../README.md", import.meta.url);

/** The block of code in README that follows a sentence. */
export async function snippet(sentence) {
  const [, after] = (await readFile(README, "utf8")).split(sentence);
  assert.ok(after, `README does not say "${sentence}"`);
  return after.match(/^```\w*\n(.*?)^```$/ms)[1];
}

/** A text with other words in the place of some, each of which it has to have. */
export function instead(text, words) {
  for (const [old, other] of Object.entries(words)) {
    assert.ok(text.includes(old), `"${old}" is not in README's\n${text}`);
    text = text.replaceAll(old, other);
  }
  return text;
}
