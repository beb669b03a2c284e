/** What a room is, what its admins may do about it, and the way out of it. */
import { useState } from "preact/hooks";
import type { Chat } from "../client/chat";
import { isolated, words } from "../words";
import { Bans } from "./bans";
import { Confirm } from "./confirm";
import { Dialog } from "./controls";
import { EditRoom } from "./edit-room";
import { rightsIn } from "./rights";
import { go } from "./route";
import { live } from "./state";

type Step = "edit" | "bans" | "leave" | "delete";

export function About({ chat, roomId, onClose }: { chat: Chat; roomId: string; onClose: () => void }) {
  const [step, setStep] = useState<Step | null>(null);
  live(chat.rooms.list);
  const room = chat.rooms.get(roomId);
  if (!room) return null;
  const { isCreator, isAdmin, mayDelete } = rightsIn(chat, room);
  const back = () => setStep(null);
  if (step === "edit" && isAdmin) return <EditRoom chat={chat} room={room} onClose={back} />;
  if (step === "bans" && isAdmin) return <Bans chat={chat} roomId={roomId} onClose={back} />;
  if (step === "leave" || step === "delete") {
    const deletes = step === "delete";
    const action = deletes ? words.deleteRoom : words.leave;
    const end = async () => {
      await (deletes ? chat.api.deleteRoom(roomId) : chat.api.leaveRoom(roomId));
      chat.rooms.remove(roomId);
      // By the time of the answer one may be elsewhere.
      if (location.pathname === `/r/${roomId}`) go("/");
    };
    return (
      <Confirm title={action} action={action} onDo={end} onClose={back}>
        <p>{(deletes ? words.deleteRoomSure : words.leaveSure)(isolated(room.name))}</p>
      </Confirm>
    );
  }
  return (
    <Dialog title={room.name} onClose={onClose}>
      {room.description && <p class="about" dir="auto">{room.description}</p>}
      <p class="hint">{room.isPrivate ? words.privateRoom : words.publicRoom} · {words.memberCount(room.memberCount)}</p>
      <div class="deeds">
        {isAdmin && <button type="button" onClick={() => setStep("edit")}>{words.editRoom}</button>}
        {isAdmin && <button type="button" onClick={() => setStep("bans")}>{words.bans}</button>}
        {!isCreator && <button type="button" class="risky" onClick={() => setStep("leave")}>{words.leave}</button>}
        {mayDelete && <button type="button" class="risky" onClick={() => setStep("delete")}>{words.deleteRoom}</button>}
      </div>
      {isCreator && room.memberCount > 1 && <p class="hint">{words.creatorStays}</p>}
    </Dialog>
  );
}
