/** Changing a room's name, what it is for, and who may come in. */
import { useId, useState } from "preact/hooks";
import type { RoomChange } from "../client/api";
import type { Chat } from "../client/chat";
import type { RoomSummary } from "../client/types";
import { words } from "../words";
import { Dialog } from "./controls";
import { FormEnd, useForm } from "./form";
import { RoomFields } from "./new-room";

export function EditRoom({ chat, room, onClose }: { chat: Chat; room: RoomSummary; onClose: () => void }) {
  const id = useId();
  // As it was when the form was opened: what others change meanwhile is not undone by it.
  const [before] = useState(room);
  const [isPrivate, setPrivate] = useState(room.isPrivate);
  const { outcome, bind } = useForm(async (text) => {
    const [name, description] = [text("name").trim(), text("description").trim()];
    const change: RoomChange = {
      ...(name !== before.name && { name }),
      ...(description !== (before.description ?? "") && { description }),
      ...(isPrivate !== before.isPrivate && { isPrivate }),
    };
    if (Object.keys(change).length > 0) chat.rooms.put(await chat.api.changeRoom(room.id, change));
    onClose();
  });
  const consequence = isPrivate === before.isPrivate ? "" : isPrivate ? words.goesPrivate : words.goesPublic;
  return (
    <Dialog title={words.editRoom} onClose={onClose}>
      <form {...bind}>
        <RoomFields room={before} />
        <div class="field">
          <label class="check">
            <input type="checkbox" checked={isPrivate} onChange={(event) => setPrivate(event.currentTarget.checked)} aria-describedby={`${id}-private`} /> {words.keepPrivate}
          </label>
          <p id={`${id}-private`} class="hint" role="status">{consequence}</p>
        </div>
        <FormEnd outcome={outcome} action={words.save} onCancel={onClose} />
      </form>
    </Dialog>
  );
}
