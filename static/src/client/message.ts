/** What is true of every message, wherever it is kept. */
import type { Message } from "./types";

/** Whether one version of a message came after another. What was deleted stays deleted. */
export function isLater(one: Message, other: Message): boolean {
  if (other.deletedAt) return false;
  return Boolean(one.deletedAt) || (one.editedAt ?? "") > (other.editedAt ?? "");
}
