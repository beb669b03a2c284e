/** Making a room. */
import { useState } from "preact/hooks";
import type { Chat } from "../client/chat";
import { explain, words } from "../words";
import { Dialog, Field, Problem } from "./controls";
import { go } from "./route";

export const NAME_CHARACTERS = 80;
export const DESCRIPTION_CHARACTERS = 500;

export function NewRoom({ chat, onClose }: { chat: Chat; onClose: () => void }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const description = String(form.get("description") ?? "").trim();
    setBusy(true);
    try {
      const room = await chat.api.createRoom({
        name: String(form.get("name") ?? "").trim(),
        isPrivate: form.has("private"),
        ...(description && { description }),
      });
      chat.rooms.put(room);
      onClose();
      go(`/r/${room.id}`);
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog title={words.newRoom} onClose={onClose}>
      <form onSubmit={submit}>
        <Field label={words.roomName} name="name" maxLength={NAME_CHARACTERS} autocomplete="off" required />
        <Field label={words.roomDescription} name="description" maxLength={DESCRIPTION_CHARACTERS} autocomplete="off" />
        <label class="check"><input type="checkbox" name="private" defaultChecked /> {words.keepPrivate}</label>
        <Problem text={error ? explain(error) : null} />
        <div class="actions">
          <button type="button" onClick={onClose}>{words.cancel}</button>
          <button type="submit" class="primary" disabled={busy}>{words.create}</button>
        </div>
      </form>
    </Dialog>
  );
}
