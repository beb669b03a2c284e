/** Who is in a room, those first who are online. */
import { useCallback, useEffect, useState } from "preact/hooks";
import type { Chat } from "../client/chat";
import type { Member, RoomSummary } from "../client/types";
import { words } from "../words";
import { Avatar, Dialog } from "./controls";
import { MemberDialog } from "./member";
import { memo } from "./memo";
import { live, overlay } from "./state";

/** A list of more than so many can be searched. */
const MANY = 20;
/** So many of each group are drawn; the search finds the others. */
const MOST_ROWS = 200;

/** Beside the messages, where there is room for it. */
export function MembersPanel({ chat, room }: { chat: Chat; room: RoomSummary }) {
  const pick = useCallback((userId: string) => (overlay.value = { kind: "member", roomId: room.id, userId }), [room.id]);
  return (
    <aside class="panel" aria-label={words.members}>
      <h2>{words.members}</h2>
      <MemberList chat={chat} room={room} onPick={pick} />
    </aside>
  );
}

export function MembersDialog({ chat, roomId, onClose }: { chat: Chat; roomId: string; onClose: () => void }) {
  const [picked, setPicked] = useState<string | null>(null);
  live(chat.rooms.list);
  const room = chat.rooms.get(roomId);
  return (
    <>
      <Dialog title={words.members} onClose={onClose}>
        {room && <MemberList chat={chat} room={room} onPick={setPicked} />}
      </Dialog>
      {picked && <MemberDialog chat={chat} roomId={roomId} userId={picked} onClose={() => setPicked(null)} />}
    </>
  );
}

function MemberList({ chat, room, onPick }: { chat: Chat; room: RoomSummary; onPick: (userId: string) => void }) {
  const [query, setQuery] = useState("");
  const members = live(chat.members(room.id).list);
  useEffect(() => chat.members(room.id).renew(), [room.id]);
  if (!members) return <p class="hint">{words.loading}</p>;
  const wanted = query.trim().toLocaleLowerCase();
  const found = wanted
    ? members.filter((member) => `${member.displayName}\n${member.username}`.toLocaleLowerCase().includes(wanted))
    : members;
  const group = (name: string, isOnline: boolean) => (
    <Group name={name} members={found.filter((member) => member.isOnline === isOnline)} {...{ chat, room, onPick }} />
  );
  return (
    <div class="members">
      {(members.length > MANY || query) && (
        <input type="search" data-later aria-label={words.search} placeholder={words.search} value={query} onInput={(event) => setQuery(event.currentTarget.value)} />
      )}
      <p class="hint" role="status">{found.length === 0 && words.noMember}</p>
      {group(words.online, true)}
      {group(words.offline, false)}
    </div>
  );
}

interface Contents {
  name: string;
  members: Member[];
  chat: Chat;
  room: RoomSummary;
  onPick: (userId: string) => void;
}

function Group({ name, members, chat, room, onPick }: Contents) {
  if (members.length === 0) return null;
  return (
    <section class="members-group">
      <h3>{name} <span class="count">{members.length}</span></h3>
      <ul>
        {members.slice(0, MOST_ROWS).map((member) => <Row key={member.userId} member={member} note={describe(member, chat, room)} onPick={onPick} />)}
      </ul>
      {members.length > MOST_ROWS && <p class="hint">{words.moreMembers(members.length - MOST_ROWS)}</p>}
    </section>
  );
}

const Row = memo(function Row({ member, note, onPick }: { member: Member; note: string; onPick: (userId: string) => void }) {
  return (
    <li>
      <button type="button" class={member.isOnline ? "" : "is-off"} onClick={() => onPick(member.userId)}>
        <span class="face">
          <Avatar name={member.displayName} id={member.userId} />
          <span class={member.isOnline ? "dot is-on" : "dot"} />
        </span>
        <span class="name"><bdi>{member.displayName}</bdi></span>{" "}
        <span class="hint">{note}</span>
      </button>
    </li>
  );
});

function describe(member: Member, chat: Chat, room: RoomSummary): string {
  const role = member.userId === room.createdBy ? words.creator : member.role === "admin" ? words.admin : "";
  return [member.userId === chat.userId ? words.you : "", role].filter(Boolean).join(", ");
}
