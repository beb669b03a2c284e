/** One room: its messages, the place to write, its members. */
import { useRef } from "preact/hooks";
import type { Chat } from "../client/chat";
import { words } from "../words";
import { Composer } from "./composer";
import { IconButton } from "./controls";
import { Door } from "./door";
import { Icon } from "./icons";
import { Log } from "./log";
import { MembersPanel } from "./members";
import { follow } from "./route";
import { live, overlay } from "./state";
import { TypingLine } from "./typing-line";

export function RoomPage({ chat, roomId }: { chat: Chat; roomId: string }) {
  const rooms = live(chat.rooms.list);
  const room = rooms?.find(({ id }) => id === roomId);
  const name = useRef<string | undefined>(undefined);
  if (room) name.current = room.name;
  if (!rooms) return <main class="no-room"><p>{words.loading}</p></main>;
  if (!room) return <Door chat={chat} roomId={roomId} left={name.current} />;
  const open = (kind: "invite" | "members" | "about") => () => (overlay.value = { kind, roomId });
  return (
    <>
      <main class="room">
        <header>
          <a class="icon-button only-narrow" href="/" onClick={follow} aria-label={words.back} title={words.back}>
            <Icon name="back" />
          </a>
          <div class="title">
            <h1><bdi>{room.name}</bdi></h1>
            <p class="hint"><bdi>{room.description || words.memberCount(room.memberCount)}</bdi></p>
          </div>
          {room.createdBy === chat.userId && <IconButton icon="invite" name={words.invite} onClick={open("invite")} />}
          <IconButton icon="people" name={words.members} onClick={open("members")} class="not-wide" />
          <IconButton icon="info" name={words.about} onClick={open("about")} />
        </header>
        <Log chat={chat} room={room} />
        <TypingLine chat={chat} roomId={roomId} />
        <Composer chat={chat} room={room} />
      </main>
      <MembersPanel chat={chat} room={room} />
    </>
  );
}
