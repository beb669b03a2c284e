/** Who has seen a message: in a line below the newest one, and in full in a dialog. */
import type { Chat } from "../client/chat";
import type { Member, Message } from "../client/types";
import { isolated, words } from "../words";
import { Avatar, Dialog } from "./controls";
import { live, overlay } from "./state";

/** So many names stand in the line. */
const NAMED = 3;

/** The others who have seen a message, and those who have not; nothing until the members are loaded. */
function readers(chat: Chat, { roomId, userId, seq }: Message): { seen: Member[]; unseen: Member[] } {
  const members = live(chat.members(roomId).list) ?? [];
  const others = members.filter((member) => member.userId !== userId && member.userId !== chat.userId);
  return { seen: others.filter(({ readSeq }) => readSeq >= seq), unseen: others.filter(({ readSeq }) => readSeq < seq) };
}

export function SeenLine({ chat, message }: { chat: Chat; message: Message }) {
  const { seen } = readers(chat, message);
  if (seen.length === 0) return null;
  // Where one name would be left out, there is place for it.
  const named = seen.length === NAMED + 1 ? seen : seen.slice(0, NAMED);
  const names = named.map(({ displayName }) => isolated(displayName));
  return (
    <button type="button" onClick={() => (overlay.value = { kind: "seen", message })}>
      {words.seenBy(names, seen.length - names.length)}
    </button>
  );
}

export function SeenDialog({ chat, message, onClose }: { chat: Chat; message: Message; onClose: () => void }) {
  const { seen, unseen } = readers(chat, message);
  return (
    <Dialog title={words.seenWho} onClose={onClose}>
      <blockquote dir="auto">{message.content}</blockquote>
      {seen.length > 0 ? <People name={words.seen} people={seen} /> : <p>{words.seenByNone}</p>}
      {unseen.length > 0 && <People name={words.notSeen} people={unseen} />}
    </Dialog>
  );
}

function People({ name, people }: { name: string; people: Member[] }) {
  return (
    <section class="members-group">
      <h3>{name} <span class="count">{people.length}</span></h3>
      <ul>
        {people.map(({ userId, displayName }) => (
          <li key={userId} class="plain">
            <span class="face"><Avatar name={displayName} id={userId} /></span>
            <span class="name"><bdi>{displayName}</bdi></span>
          </li>
        ))}
      </ul>
    </section>
  );
}
