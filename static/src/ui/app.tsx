/** Decides what is shown: the way in, the server's first admin, an invite, or the chat. */
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Chat } from "../client/chat";
import { words } from "../words";
import { Banner } from "./banner";
import { Invited } from "./invited";
import { listen } from "./keys";
import { announce } from "./notify";
import { Overlays } from "./overlays";
import { RoomPage } from "./room";
import { route } from "./route";
import { Setup } from "./setup";
import { Sidebar } from "./sidebar";
import { SignIn } from "./sign-in";
import { chat, live } from "./state";
import { useUnread } from "./unread";

export function App() {
  const me = chat.value;
  const here = route.value;
  if (here.page === "invite") return <Invited key={here.token} token={here.token} />;
  if (here.page === "setup") return <Setup key={here.token} token={here.token} />;
  if (!me) return <main class="door"><section class="card"><SignIn /></section></main>;
  return <Shell key={me.userId} chat={me} />;
}

function Shell({ chat }: { chat: Chat }) {
  const here = route.value;
  const rooms = live(chat.rooms.list);
  const roomId = here.page === "room" ? here.roomId : undefined;
  const unread = rooms?.reduce((sum, room) => sum + room.unread, 0) ?? 0;
  const name = rooms?.find((room) => room.id === roomId)?.name;

  useUnread(unread, name);
  useEffect(() => listen(chat), [chat]);
  useEffect(() => announce(chat), [chat]);
  const former = useRef(roomId);
  useLayoutEffect(() => {
    // The page of the room that had the focus has gone with it.
    const isLost = !roomId && document.activeElement === document.body;
    if (isLost) document.querySelector<HTMLElement>(`.rooms [href="/r/${former.current}"]`)?.focus();
    former.current = roomId;
  }, [roomId]);

  return (
    <div class={`shell ${roomId ? "in-room" : "in-list"}`}>
      <Banner chat={chat} />
      <Sidebar chat={chat} />
      {roomId ? <RoomPage key={roomId} chat={chat} roomId={roomId} /> : <main class="no-room"><p>{words.pickRoom}</p></main>}
      <Overlays chat={chat} />
    </div>
  );
}
