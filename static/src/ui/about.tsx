/** What a room is, and the way out of it. */
import { useState } from "preact/hooks";
import type { Chat } from "../client/chat";
import { words } from "../words";
import { Confirm } from "./confirm";
import { Dialog } from "./controls";
import { go } from "./route";
import { live } from "./state";

export function About({ chat, roomId, onClose }: { chat: Chat; roomId: string; onClose: () => void }) {
  const [sure, setSure] = useState(false);
  live(chat.rooms.list);
  const room = chat.rooms.get(roomId);
  if (!room) return null;
  const isMine = room.createdBy === chat.userId;
  const action = isMine ? words.deleteRoom : words.leave;
  const end = async () => {
    await (isMine ? chat.api.deleteRoom(roomId) : chat.api.leaveRoom(roomId));
    chat.rooms.remove(roomId);
    go("/");
  };
  if (sure) {
    return (
      <Confirm title={action} action={action} onDo={end} onClose={onClose}>
        <p>{isMine ? words.deleteRoomSure(room.name) : words.leaveSure(room.name)}</p>
      </Confirm>
    );
  }
  return (
    <Dialog title={room.name} onClose={onClose}>
      {room.description && <p dir="auto">{room.description}</p>}
      <p class="hint">{room.isPrivate ? words.privateRoom : words.publicRoom} · {words.memberCount(room.memberCount)}</p>
      <div class="actions">
        <button type="button" class="danger" onClick={() => setSure(true)}>{action}</button>
      </div>
    </Dialog>
  );
}
