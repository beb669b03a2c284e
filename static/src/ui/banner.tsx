/** Says when the connection is gone, and when it is tried again. */
import { useEffect, useState } from "preact/hooks";
import type { Chat } from "../client/chat";
import { explain, words } from "../words";
import { live } from "./state";

const TICK_MS = 500;
/** A short reconnect is not worth a banner. */
const PATIENCE_MS = 1_500;

export function Banner({ chat }: { chat: Chat }) {
  const state = live(chat.connection.state);
  const trouble = live(chat.trouble);
  const [now, setNow] = useState(Date.now());
  const [late, setLate] = useState(false);
  const isOnline = state.status === "online";

  useEffect(() => {
    if (isOnline) return setLate(false);
    const patience = setTimeout(() => setLate(true), PATIENCE_MS);
    const tick = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => {
      clearTimeout(patience);
      clearInterval(tick);
    };
  }, [isOnline]);

  const isOff = state.status === "offline";
  const text = isOnline ? trouble && explain(trouble) : isOff || late ? (isOff ? words.disconnected : words.connecting) : "";
  const seconds = isOff ? Math.max(1, Math.ceil((state.retryAt - now) / 1000)) : 0;
  return (
    <div class="banner-place">
      <div class={text ? "banner" : ""}>
        <span role="status">{text}</span>
        {/* The seconds are not for screen readers, which would read each of them. */}
        {isOff && <span class="seconds" aria-hidden="true">{words.nextTry(seconds)}</span>}
        {isOff && <button type="button" onClick={chat.connection.retry}>{words.tryNow}</button>}
      </div>
    </div>
  );
}
