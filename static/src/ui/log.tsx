/** A room's messages, with what is unread and what is still on its way. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Chat } from "../client/chat";
import type { RoomSummary } from "../client/types";
import { words } from "../words";
import { Icon } from "./icons";
import { Rows } from "./rows";
import { useScroll } from "./scroll";
import { live, watched } from "./state";

export function Log({ chat, room }: { chat: Chat; room: RoomSummary }) {
  const timeline = chat.timeline(room.id);
  const { messages, status, hasBefore } = live(timeline.state);
  const allDrafts = live(chat.outbox.drafts);
  const drafts = useMemo(() => allDrafts.filter(({ roomId }) => roomId === room.id), [allDrafts, room.id]);
  const box = useRef<HTMLDivElement>(null);
  /** The unread messages begin after this number. */
  const [line, setLine] = useState<number | null>(room.unread > 0 ? room.readSeq : null);
  const [seen, setSeen] = useState(room.lastSeq);
  const [news, setNews] = useState("");
  const before = useRef({ unread: room.unread, drafts: drafts.length, lastSeq: 0 });

  const last = messages.at(-1);
  const lastSeq = last?.seq ?? 0;
  const { atEnd, look, toEnd } = useScroll(box, {
    first: messages[0]?.seq ?? 0,
    isReady: status === "ready",
    onTop: () => void timeline.loadBefore(),
    start: (list) => list.querySelector(".unread-line")?.scrollIntoView({ block: "center" }),
  });
  const isLooking = atEnd && watched.value && status === "ready";

  useEffect(() => {
    if (isLooking) chat.read(room.id, lastSeq);
    if (atEnd) setSeen(lastSeq);
  }, [isLooking, atEnd, lastSeq]);

  useEffect(() => {
    if (room.unread > 0 && before.current.unread === 0 && !isLooking) setLine(room.readSeq);
    before.current.unread = room.unread;
  }, [room.unread, isLooking]);

  useEffect(() => {
    // Whoever writes has read, and wants to see what was written.
    if (drafts.length > before.current.drafts) {
      setLine(null);
      toEnd();
    }
    before.current.drafts = drafts.length;
  }, [drafts.length]);

  useEffect(() => {
    const known = before.current.lastSeq;
    if (last && known && lastSeq > known && last.userId !== chat.userId) setNews(words.says(last.displayName, last.content));
    before.current.lastSeq = lastSeq;
  }, [lastSeq]);

  const jump = async (event: MouseEvent) => {
    const id = (event.target as Element).closest<HTMLElement>("[data-jump]")?.dataset.jump;
    if (!id || !(await timeline.find(id))) return;
    // What was just loaded is drawn first.
    requestAnimationFrame(() => {
      const row = box.current?.querySelector<HTMLElement>(`[data-id="${id}"]`);
      row?.scrollIntoView({ block: "center" });
      row?.focus({ preventScroll: true });
    });
  };

  const fresh = messages.filter(({ seq, userId }) => seq > seen && userId !== chat.userId).length;
  return (
    <div class="log-place">
      <div ref={box} class="log" role="log" aria-live="off" aria-label={words.messages(room.name)} tabIndex={0} onScroll={look} onKeyDown={walk} onClick={jump}>
        {status === "loading" && <p class="hint pad">{words.loading}</p>}
        {status === "failed" && (
          <p class="pad">{words.loadFailed} <button type="button" onClick={() => timeline.load()}>{words.retry}</button></p>
        )}
        {status === "ready" && (
          <>
            <p class="hint beginning">{hasBefore ? words.loading : words.beginning}</p>
            <Rows chat={chat} room={room} messages={messages} drafts={drafts} line={line} />
          </>
        )}
      </div>
      {!atEnd && (
        <button type="button" class="to-end" onClick={toEnd}>
          {fresh ? words.newMessages(fresh) : words.toEnd} <Icon name="down" />
        </button>
      )}
      <p class="unseen" role="status">{news}</p>
    </div>
  );
}

/** The arrow keys go from message to message; Tab goes on to what can be done with one. */
function walk(event: KeyboardEvent): void {
  if (event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
  const list = event.currentTarget as HTMLElement;
  const rows = [...list.querySelectorAll<HTMLElement>(".message")];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = at < 0 ? rows.at(-1) : rows[at + (event.key === "ArrowUp" ? -1 : 1)];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
