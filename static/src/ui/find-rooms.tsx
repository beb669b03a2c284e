/** Looking for public rooms, and joining them. */
import { useEffect, useState } from "preact/hooks";
import type { Chat } from "../client/chat";
import type { Room } from "../client/types";
import { explain, words } from "../words";
import { Dialog, Problem } from "./controls";
import { go } from "./route";
import { live, staysOpen } from "./state";

/** The server gives so many at first. */
const SHOWN = 50;
/** After the last key. */
const PATIENCE_MS = 250;

export function FindRooms({ chat, onClose }: { chat: Chat; onClose: () => void }) {
  const [query, setQuery] = useState("");
  const [found, setFound] = useState<Room[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const mine = live(chat.rooms.list) ?? [];

  useEffect(() => {
    let stale = false;
    const ask = () =>
      chat.api.findRooms(query.trim()).then(
        (rooms) => stale || (setFound(rooms), setError(null)),
        (failure) => stale || setError(failure),
      );
    const timer = setTimeout(ask, query ? PATIENCE_MS : 0);
    return () => {
      stale = true;
      clearTimeout(timer);
    };
  }, [query]);

  const enter = async (room: Room) => {
    const isOpen = staysOpen();
    try {
      if (!mine.some(({ id }) => id === room.id)) chat.rooms.put((await chat.api.joinRoom(room.id)).room);
      if (!isOpen()) return;
      onClose();
      go(`/r/${room.id}`);
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <Dialog title={words.findRooms} onClose={onClose}>
      <input type="search" aria-label={words.search} placeholder={words.search} value={query} onInput={(event) => setQuery(event.currentTarget.value)} />
      <Problem text={error ? explain(error) : null} />
      <ul class="found" aria-live="polite">
        {found?.map((room) => (
          <li key={room.id}>
            <div>
              <strong><bdi>{room.name}</bdi></strong>
              <p class="hint">{words.memberCount(room.memberCount)}{room.description && <> · <bdi>{room.description}</bdi></>}</p>
            </div>
            <button type="button" onClick={() => enter(room)} aria-label={`${mine.some(({ id }) => id === room.id) ? words.open : words.join}: ${room.name}`}>
              {mine.some(({ id }) => id === room.id) ? words.open : words.join}
            </button>
          </li>
        ))}
        {found?.length === 0 && <li class="hint">{query ? words.noneFound : words.nonePublic}</li>}
        {found && found.length >= SHOWN && <li class="hint">{words.firstFound(found.length)}</li>}
      </ul>
    </Dialog>
  );
}
