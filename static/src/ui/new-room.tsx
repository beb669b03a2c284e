/** Making a room. */
import { useId } from "preact/hooks";
import type { Chat } from "../client/chat";
import type { Room } from "../client/types";
import { words } from "../words";
import { Dialog, Field } from "./controls";
import { FormEnd, useForm } from "./form";
import { go } from "./route";
import { staysOpen } from "./state";

const NAME_CHARACTERS = 80;
const DESCRIPTION_CHARACTERS = 500;

export function NewRoom({ chat, onClose }: { chat: Chat; onClose: () => void }) {
  const { outcome, bind } = useForm(async (text) => {
    const isOpen = staysOpen();
    const description = text("description").trim();
    const room = await chat.api.createRoom({
      name: text("name").trim(),
      isPrivate: text("private") !== "",
      ...(description && { description }),
    });
    chat.rooms.put(room);
    if (!isOpen()) return;
    onClose();
    go(`/r/${room.id}`);
  });
  return (
    <Dialog title={words.newRoom} onClose={onClose}>
      <form {...bind}>
        <RoomFields />
        <label class="check"><input type="checkbox" name="private" defaultChecked /> {words.keepPrivate}</label>
        <FormEnd outcome={outcome} action={words.create} onCancel={onClose} />
      </form>
    </Dialog>
  );
}

/** A room's name and what it is for. */
export function RoomFields({ room }: { room?: Room }) {
  const id = useId();
  return (
    <>
      <Field label={words.roomName} name="name" defaultValue={room?.name} maxLength={NAME_CHARACTERS} autocomplete="off" required />
      <div class="field">
        <label for={id}>{words.roomDescription}</label>
        <textarea id={id} name="description" rows={3} dir="auto" defaultValue={room?.description ?? ""} maxLength={DESCRIPTION_CHARACTERS} />
      </div>
    </>
  );
}
