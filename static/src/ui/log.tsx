/** A room's messages, with what is unread and what is still on its way. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Chat } from "../client/chat";
import type { Message, RoomSummary } from "../client/types";
import { words } from "../words";
import { Icon } from "./icons";
import { Rows } from "./rows";
import { SeenLine } from "./seen";
import { News } from "./news";
import { live, watched } from "./state";
import { useWindow } from "./window";

/** So far back it is looked for what the messages on the page reply to, in messages. */
const LOOK_BACK = 1_000;

export function Log({ chat, room }: { chat: Chat; room: RoomSummary }) {
  const timeline = chat.timeline(room.id);
  const { messages, status, hasBefore, isBeforeLost } = live(timeline.state);
  const allDrafts = live(chat.outbox.drafts);
  const drafts = useMemo(() => allDrafts.filter(({ roomId }) => roomId === room.id), [allDrafts, room.id]);
  const box = useRef<HTMLDivElement>(null);
  /** The unread messages begin after this number. */
  const [line, setLine] = useState<number | null>(room.unread > 0 ? room.readSeq : null);
  const [seen, setSeen] = useState(room.lastSeq);
  /** Whether the reader has not been at the line yet. */
  const [isLineFar, setLineFar] = useState(true);
  const before = useRef({ unread: room.unread, drafts: drafts.length });

  const last = messages.at(-1);
  const lastSeq = last?.seq ?? 0;
  const firstSeq = messages[0]?.seq ?? 0;
  const isWatched = watched.value;
  const loadBefore = () => void timeline.loadBefore();
  const { range, atEnd, scrolled, toEnd, show } = useWindow(box, {
    first: firstSeq,
    last: lastSeq,
    isReady: status === "ready",
    opensAt: line === null ? null : line + 1,
    onTop: () => isBeforeLost || loadBefore(),
    onSee: (seq) => isWatched && chat.read(room.id, seq),
  });
  const shown = messages.slice(range.from - firstSeq, range.to - firstSeq + 1);
  const byId = useMemo(() => new Map(messages.map((message) => [message.id, message])), [messages]);

  useEffect(() => () => timeline.trim(), [timeline]);
  useEffect(() => {
    if (atEnd) setSeen(lastSeq);
  }, [atEnd, lastSeq]);
  useEffect(() => {
    if (room.unread > 0 && before.current.unread === 0 && !(atEnd && isWatched)) setLine(room.readSeq);
    before.current.unread = room.unread;
  }, [room.unread, atEnd, isWatched]);

  useEffect(() => {
    // Whoever writes has read, and wants to see what was written.
    if (drafts.length > before.current.drafts) {
      setLine(null);
      toEnd();
    }
    before.current.drafts = drafts.length;
  }, [drafts.length]);

  useEffect(() => {
    if (line !== null && status === "ready" && line + 1 >= range.from) setLineFar(false);
  }, [line, status, range.from]);

  const isAnswerMissing = hasBefore && shown.some(({ replyTo }) => replyTo && !byId.has(replyTo));
  useEffect(() => {
    if (isAnswerMissing && !isBeforeLost && firstSeq > range.from - LOOK_BACK) loadBefore();
  }, [isAnswerMissing, isBeforeLost, firstSeq, range.from]);

  const showFirst = async (isWanted: (message: Message) => boolean) => {
    const found = await timeline.find(isWanted);
    if (found) show(found.seq);
  };
  const jump = (event: MouseEvent) => {
    const wanted = (event.target as Element).closest<HTMLElement>("[data-jump]")?.dataset.jump;
    if (wanted) void showFirst(({ id }) => id === wanted);
  };
  const walk = (event: KeyboardEvent) => {
    if (event.altKey) return;
    if (event.key === "End") toEnd();
    else if (event.key === "ArrowUp" || event.key === "ArrowDown") return step(event);
    else return;
    event.preventDefault();
  };

  const fresh = messages.filter(({ seq, userId }) => seq > seen && userId !== chat.userId).length;
  return (
    <div class="log-place">
      <div ref={box} class="log" role="log" aria-live="off" aria-label={words.messages(room.name)} tabIndex={0} onScroll={scrolled} onKeyDown={walk} onClick={jump}>
        {status === "loading" && <p class="hint pad">{words.loading}</p>}
        {status === "failed" && (
          <p class="pad">{words.loadFailed} <button type="button" onClick={() => timeline.load()}>{words.retry}</button></p>
        )}
        {status === "ready" && (
          <>
            <Beginning isAll={!hasBefore && range.from <= firstSeq} isLost={isBeforeLost} onRetry={loadBefore} />
            <Rows chat={chat} room={room} messages={shown} drafts={range.to < lastSeq ? [] : drafts} line={line} byId={byId} />
            <p class="seen">{last && range.to > lastSeq && drafts.length === 0 && <SeenLine chat={chat} message={last} />}</p>
          </>
        )}
      </div>
      {isLineFar && line !== null && line + 1 < range.from && (
        <button type="button" class="to-line" onClick={() => showFirst(({ seq }) => seq <= line + 1)}>
          {words.toUnread} <Icon name="up" />
        </button>
      )}
      {!atEnd && (
        <button type="button" class="to-end" onClick={toEnd}>
          {fresh ? words.newMessages(fresh) : words.toEnd} <Icon name="down" />
        </button>
      )}
      <News chat={chat} messages={messages} />
    </div>
  );
}

/** What stands above the messages. */
function Beginning({ isAll, isLost, onRetry }: { isAll: boolean; isLost: boolean; onRetry: () => void }) {
  if (!isLost) return <p class="hint beginning">{isAll ? words.beginning : words.loading}</p>;
  return <p class="beginning">{words.loadFailed} <button type="button" onClick={onRetry}>{words.retry}</button></p>;
}

/** The arrow keys go from message to message; Tab goes on to what can be done with one. */
function step(event: KeyboardEvent): void {
  const list = event.currentTarget as HTMLElement;
  const rows = [...list.querySelectorAll<HTMLElement>(".message")];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = at < 0 ? rows.at(-1) : rows[at + (event.key === "ArrowUp" ? -1 : 1)];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
