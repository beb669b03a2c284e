/** New messages for screen readers, which the log itself would have read again and again as it is scrolled. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Chat } from "../client/chat";
import type { Message } from "../client/types";
import { isolated, words } from "../words";

/** More that come at once are only counted. */
const SPOKEN_AT_ONCE = 3;
/** So many lines stay, since a reader may not have come to them yet. */
const KEPT = 10;

export function News({ chat, messages }: { chat: Chat; messages: readonly Message[] }) {
  const [lines, setLines] = useState<readonly { seq: number; text: string }[]>([]);
  const known = useRef(0);
  const lastSeq = messages.at(-1)?.seq ?? 0;
  useEffect(() => {
    const fresh = known.current ? messages.filter(({ seq, userId }) => seq > known.current && userId !== chat.userId) : [];
    known.current = lastSeq;
    if (fresh.length === 0) return;
    const spoken = fresh.map(({ seq, displayName, content }) => ({ seq, text: words.says(isolated(displayName), content) }));
    const added = fresh.length > SPOKEN_AT_ONCE ? [{ seq: lastSeq, text: words.newMessages(fresh.length) }] : spoken;
    setLines((before) => [...before, ...added].slice(-KEPT));
  }, [lastSeq]);
  return <div class="unseen" aria-live="polite">{lines.map(({ seq, text }) => <p key={seq}>{text}</p>)}</div>;
}
