/** A room that one is not in: a public one can be joined, of any other nothing is known. */
import { useEffect, useState } from "preact/hooks";
import type { Chat } from "../client/chat";
import type { Room } from "../client/types";
import { explain, isolated, words } from "../words";
import { Problem } from "./controls";
import { follow } from "./route";
import { overlay } from "./state";

/** `left` is the name of the room if one was in it until now. */
export function Door({ chat, roomId, left }: { chat: Chat; roomId: string; left: string | undefined }) {
  const [room, setRoom] = useState<Room | null>(null);
  const [gone, setGone] = useState(chat.rooms.gone.has(roomId));
  const [error, setError] = useState<unknown>(null);
  const load = () => {
    setError(null);
    chat.api.room(roomId).then(setRoom, (failure) => (failure.code === "not_found" ? setGone(true) : setError(failure)));
  };
  useEffect(() => {
    // What was open above the room has gone with it.
    if (overlay.value && ("roomId" in overlay.value || "message" in overlay.value)) overlay.value = null;
    // What is known to have gone is not asked for.
    if (!gone) load();
  }, [roomId]);
  const join = () => chat.api.joinRoom(roomId).then(({ room }) => chat.rooms.put(room), setError);
  return (
    <main class="no-room">
      {left && <p role="alert">{words.removedFrom(isolated(left))}</p>}
      {room && (
        <>
          <h1><bdi>{room.name}</bdi></h1>
          {room.description && <p dir="auto">{room.description}</p>}
          <p class="hint">{!left && words.notIn} {words.memberCount(room.memberCount)}</p>
          <button type="button" class="primary" onClick={join}>{words.accept}</button>
        </>
      )}
      {gone && <p>{words.roomGone}</p>}
      {!room && !gone && !error && <p>{words.loading}</p>}
      <Problem text={error ? explain(error) : null} />
      {error && !room && <button type="button" onClick={load}>{words.retry}</button>}
      {(room || gone || error) && <a class="button quiet" href="/" onClick={follow}>{words.toRooms}</a>}
    </main>
  );
}
