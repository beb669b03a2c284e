/** Some rows of a room's log: days, the line where the unread begin, messages, and what is still on its way. */
import type { ComponentChild } from "preact";
import type { Chat } from "../client/chat";
import type { Draft } from "../client/outbox";
import type { Message, RoomSummary } from "../client/types";
import { words } from "../words";
import { MessageRow, Pending } from "./message";
import { live, session } from "./state";
import { dayKey, dayName } from "./time";

/** Somebody's messages within so long stand under one name. */
const TOGETHER_MS = 5 * 60_000;

interface Contents {
  chat: Chat;
  room: RoomSummary;
  messages: readonly Message[];
  drafts: readonly Draft[];
  line: number | null;
  /** All messages that are loaded. */
  byId: ReadonlyMap<string, Message>;
}

export function Rows({ chat, room, messages, drafts, line, byId }: Contents) {
  const me = live(session.user);
  const mayDeleteAll = room.role === "admin" || room.createdBy === chat.userId || me?.role === "admin";
  const rows: ComponentChild[] = [];
  let before: { userId: string; createdAt: string; replyTo?: string } | undefined;
  // It stands above the first unread message only, wherever the rows begin.
  let lineDrawn = line === null || (messages[0]?.seq ?? 0) > line + 1;

  for (const message of messages) {
    const day = dayKey(message.createdAt);
    const newDay = !before || dayKey(before.createdAt) !== day;
    if (newDay) rows.push(<li key={day} class="day"><span>{dayName(message.createdAt)}</span></li>);
    const isMine = message.userId === chat.userId;
    const drawsLine = !lineDrawn && message.seq > (line ?? 0) && !isMine;
    if (drawsLine) {
      rows.push(<li key="unread" class="unread-line"><span>{words.newLine}</span></li>);
      lineDrawn = true;
    }
    rows.push(
      <MessageRow
        key={isMine && message.clientId ? message.clientId : message.id}
        message={message}
        hasHead={newDay || drawsLine || !together(before, message)}
        isMine={isMine}
        mayDelete={isMine || mayDeleteAll}
        answered={message.replyTo ? byId.get(message.replyTo) : undefined}
      />,
    );
    before = message;
  }
  for (const draft of drafts) {
    if (messages.some(({ clientId, userId }) => clientId === draft.clientId && userId === chat.userId)) continue;
    rows.push(
      <Pending key={draft.clientId} draft={draft} name={me?.displayName ?? ""} hasHead={!together(before, draft)} outbox={chat.outbox} />,
    );
    before = draft;
  }
  return <ul class="messages">{rows}</ul>;
}

function together(before: { userId: string; createdAt: string } | undefined, next: { userId: string; createdAt: string; replyTo?: string }) {
  if (!before || before.userId !== next.userId || next.replyTo) return false;
  return Date.parse(next.createdAt) - Date.parse(before.createdAt) < TOGETHER_MS;
}
