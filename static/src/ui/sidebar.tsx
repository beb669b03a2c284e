/** The rooms, the newest first, and the way to more of them. */
import type { Chat } from "../client/chat";
import type { RoomSummary } from "../client/types";
import { words } from "../words";
import { Avatar, IconButton } from "./controls";
import { Icon } from "./icons";
import { memo } from "./memo";
import { follow, route } from "./route";
import { live, overlay, session } from "./state";
import { briefTime } from "./time";
import { Badge } from "./unread";

export function Sidebar({ chat }: { chat: Chat }) {
  const rooms = live(chat.rooms.list);
  const me = live(session.user);
  const here = route.value;
  const open = here.page === "room" ? here.roomId : "";
  return (
    <nav class="sidebar" aria-label={words.rooms}>
      <header>
        <h1>{words.rooms}</h1>
        <IconButton icon="search" name={words.findRooms} onClick={() => (overlay.value = { kind: "find-rooms" })} />
        <IconButton icon="plus" name={words.newRoom} onClick={() => (overlay.value = { kind: "new-room" })} />
      </header>
      {!rooms && <p class="hint pad">{words.loading}</p>}
      {rooms?.length === 0 && (
        <div class="empty">
          <p>{words.noRooms}</p>
          <button type="button" class="primary" onClick={() => (overlay.value = { kind: "new-room" })}>{words.newRoom}</button>
          <button type="button" onClick={() => (overlay.value = { kind: "find-rooms" })}>{words.findRooms}</button>
        </div>
      )}
      <ul class="rooms">
        {rooms?.map((room) => <RoomLink key={room.id} room={room} isOpen={room.id === open} />)}
      </ul>
      {me && (
        <footer>
          <button type="button" class="account" onClick={() => (overlay.value = { kind: "settings" })}>
            <span class="unseen">{words.settings}: </span>
            <Avatar name={me.displayName} id={me.id} />
            <span class="name" dir="auto">{me.displayName}</span>
            <Icon name="gear" />
          </button>
          <IconButton icon="keyboard" name={words.keyboard} class="only-keys" onClick={() => (overlay.value = { kind: "help" })} />
        </footer>
      )}
    </nav>
  );
}

const RoomLink = memo(function RoomLink({ room, isOpen }: { room: RoomSummary; isOpen: boolean }) {
  const last = room.lastMessage;
  const text = last ? (last.deletedAt ? words.deleted : last.content) : words.noMessages;
  return (
    <li>
      <a href={`/r/${room.id}`} onClick={follow} class={room.unread > 0 ? "has-unread" : ""} aria-current={isOpen ? "page" : undefined}>
        <span class="kind" title={room.isPrivate ? words.privateRoom : words.publicRoom}>
          <Icon name={room.isPrivate ? "lock" : "hash"} />
        </span>
        <span class="name"><bdi>{room.name}</bdi></span>
        {last && <time dateTime={last.createdAt}>{briefTime(last.createdAt)}</time>}
        <span class={last ? "last" : "last hint"}>
          {last && <><bdi class="who">{last.displayName}:</bdi>{" "}</>}
          <bdi>{text}</bdi>
        </span>
        {room.unread > 0 && <Badge count={room.unread} />}
      </a>
    </li>
  );
});
