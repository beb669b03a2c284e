/** Changing a room's name, what it is for, and who may come in. */
import { useId, useState } from "preact/hooks";
import type { RoomChange } from "../client/api";
import type { Chat } from "../client/chat";
import type { RoomSummary } from "../client/types";
import { explain, words } from "../words";
import { Dialog, Field, Problem } from "./controls";
import { DESCRIPTION_CHARACTERS, NAME_CHARACTERS } from "./new-room";

export function EditRoom({ chat, room, onClose }: { chat: Chat; room: RoomSummary; onClose: () => void }) {
  const id = useId();
  // As it was when the form was opened: what others change meanwhile is not undone by it.
  const [before] = useState(room);
  const [isPrivate, setPrivate] = useState(room.isPrivate);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const name = String(form.get("name") ?? "").trim();
    const description = String(form.get("description") ?? "").trim();
    const change: RoomChange = {
      ...(name !== before.name && { name }),
      ...(description !== (before.description ?? "") && { description }),
      ...(isPrivate !== before.isPrivate && { isPrivate }),
    };
    setBusy(true);
    try {
      if (Object.keys(change).length > 0) chat.rooms.put(await chat.api.changeRoom(room.id, change));
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  const consequence = isPrivate === before.isPrivate ? "" : isPrivate ? words.goesPrivate : words.goesPublic;
  return (
    <Dialog title={words.editRoom} onClose={onClose}>
      <form onSubmit={submit}>
        <Field label={words.roomName} name="name" defaultValue={before.name} maxLength={NAME_CHARACTERS} autocomplete="off" required />
        <div class="field">
          <label for={`${id}-what`}>{words.roomDescription}</label>
          <textarea id={`${id}-what`} name="description" rows={3} dir="auto" defaultValue={before.description ?? ""} maxLength={DESCRIPTION_CHARACTERS} />
        </div>
        <div class="field">
          <label class="check">
            <input type="checkbox" checked={isPrivate} onChange={(event) => setPrivate(event.currentTarget.checked)} aria-describedby={`${id}-private`} /> {words.keepPrivate}
          </label>
          <p id={`${id}-private`} class="hint" role="status">{consequence}</p>
        </div>
        <Problem text={error ? explain(error) : null} />
        <div class="actions">
          <button type="button" onClick={onClose}>{words.cancel}</button>
          <button type="submit" class="primary" disabled={busy}>{words.save}</button>
        </div>
      </form>
    </Dialog>
  );
}
