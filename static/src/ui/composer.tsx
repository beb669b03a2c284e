/** Where messages are written. Enter sends, Shift+Enter makes a line; on a touch keyboard Enter makes a line. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Chat } from "../client/chat";
import type { Message, RoomSummary } from "../client/types";
import { explain, isolated, words } from "../words";
import { IconButton, Problem } from "./controls";
import { Icon } from "./icons";
import { isComposing } from "./keys";
import { type Concern, concern, overlay } from "./state";

const CONTENT_CHARACTERS = 4_000;
const hasKeyboard = matchMedia("(hover: hover)");

export function Composer({ chat, room }: { chat: Chat; room: RoomSummary }) {
  const box = useRef<HTMLTextAreaElement>(null);
  const draftKey = `chatd.draft.${chat.userId}.${room.id}`;
  const [text, setText] = useState(() => localStorage.getItem(draftKey) ?? "");
  const [error, setError] = useState<unknown>(null);
  const [saving, setSaving] = useState<Concern | null>(null);
  const wasEdit = useRef(false);
  const about = concern.value;
  const edited = about?.kind === "edit" ? about.message : undefined;

  useLayoutEffect(() => {
    if (hasKeyboard.matches) box.current?.focus();
    return () => {
      concern.value = null;
      chat.typing.stop();
    };
  }, []);
  // Before the next key: what is typed then belongs to the message that is edited.
  useLayoutEffect(() => {
    setError(null);
    // What was edited is not the draft, which was only put aside.
    if (edited) setText(edited.content);
    else if (wasEdit.current) setText(localStorage.getItem(draftKey) ?? "");
    wasEdit.current = Boolean(edited);
    if (about) box.current?.focus();
  }, [about]);

  const write = (written: string) => {
    setText(written);
    if (edited) return;
    localStorage.setItem(draftKey, written);
    if (written.trim()) chat.typing.write(room.id);
    else chat.typing.stop();
  };
  const done = () => {
    concern.value = null;
    box.current?.focus();
  };
  const content = text.trim();
  const over = [...content].length - CONTENT_CHARACTERS;
  const isHeld = (saving && saving === about) || !content || over > 0;
  const save = async (message: Message) => {
    setSaving(about);
    setError(null);
    try {
      if (content !== message.content) await chat.edit(message, content);
      // Something else may be in the box by now, which is not to be lost.
      if (concern.peek() === about && box.current?.value.trim() === content) concern.value = null;
    } catch (failure) {
      if (concern.peek() === about) setError(failure);
    }
    setSaving((now) => (now === about ? null : now));
  };
  const send = () => {
    if (edited && !content) return void (overlay.value = { kind: "delete-message", message: edited });
    if (isHeld) return;
    if (edited) return void save(edited);
    chat.outbox.add(room.id, content, about?.message.id);
    chat.typing.stop();
    concern.value = null;
    localStorage.removeItem(draftKey);
    setText("");
    box.current?.focus();
  };
  const editLast = () => {
    const mine = chat.timeline(room.id).state.value.messages.findLast(({ userId, deletedAt }) => userId === chat.userId && !deletedAt);
    if (mine) concern.value = { kind: "edit", message: mine };
  };
  const press = (event: KeyboardEvent) => {
    if (isComposing(event)) return;
    const sends = event.key === "Enter" && !event.shiftKey && (hasKeyboard.matches || event.ctrlKey || event.metaKey);
    if (sends) send();
    else if (event.key === "Escape" && about) done();
    else if (event.key === "ArrowUp" && !event.altKey && !text && !about) editLast();
    else return;
    event.preventDefault();
  };
  return (
    <div class="composer">
      {about && (
        <div class="concern">
          <Icon name={edited ? "edit" : "reply"} />
          <p><strong>{edited ? words.editing : words.replyingTo(isolated(about.message.displayName))}</strong>{!edited && <bdi class="what"> {about.message.content}</bdi>}</p>
          <IconButton icon="close" name={words.cancel} onClick={done} />
        </div>
      )}
      <Problem text={error ? explain(error) : over > 0 ? words.tooLong(over) : null} />
      <div class="writing">
        {/* The text stands behind the box as well, unseen, and makes it as high as it needs to be. */}
        <div class="grows" data-text={text}>
          <textarea
            ref={box}
            rows={1}
            dir="auto"
            value={text}
            aria-label={words.write(room.name)}
            placeholder={words.write(room.name)}
            onInput={(event) => write(event.currentTarget.value)}
            onKeyDown={press}
            onBlur={() => chat.typing.stop()}
          />
        </div>
        <button type="button" class="send" aria-label={edited ? words.save : words.send} title={edited ? words.save : words.send} onClick={send} aria-disabled={Boolean(isHeld)}>
          <Icon name="send" />
        </button>
      </div>
    </div>
  );
}
