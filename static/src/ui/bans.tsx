/** Who is kept out of a room. */
import { useEffect, useState } from "preact/hooks";
import type { Chat } from "../client/chat";
import type { Ban } from "../client/types";
import { explain, isolated, words } from "../words";
import { Dialog, Problem } from "./controls";
import { dateOf } from "./time";

export function Bans({ chat, roomId, onClose }: { chat: Chat; roomId: string; onClose: () => void }) {
  const [bans, setBans] = useState<Ban[] | null>(null);
  const [news, setNews] = useState("");
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    chat.api.bans(roomId).then(setBans, setError);
  }, [roomId]);
  const unban = async ({ userId, displayName }: Ban) => {
    setError(null);
    try {
      await chat.api.unban(roomId, userId);
      setBans((before) => before?.filter((ban) => ban.userId !== userId) ?? null);
      setNews(words.unbanned(isolated(displayName)));
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <Dialog title={words.bans} onClose={onClose}>
      {!bans && !error && <p class="hint">{words.loading}</p>}
      <Problem text={error ? explain(error) : null} />
      <p class="hint" role="status">{news}</p>
      {bans?.length === 0 && <p class="hint">{words.bansNone}</p>}
      {bans && bans.length > 0 && (
        <ul class="found">
          {bans.map((ban) => (
            <li key={ban.userId}>
              <div>
                <strong><bdi>{ban.displayName}</bdi></strong>
                <p class="hint"><bdi>@{ban.username}</bdi> · {words.bannedOn(dateOf(ban.createdAt))}</p>
              </div>
              <button type="button" onClick={() => unban(ban)} aria-label={`${words.unban}: ${ban.displayName}`}>{words.unban}</button>
            </li>
          ))}
        </ul>
      )}
    </Dialog>
  );
}
