/** Who is in a room, those first who are online. */
import type { Chat } from "../client/chat";
import type { Member, RoomSummary } from "../client/types";
import { words } from "../words";
import { Avatar, Dialog } from "./controls";
import { live } from "./state";

export function MembersDialog({ chat, roomId, onClose }: { chat: Chat; roomId: string; onClose: () => void }) {
  live(chat.rooms.list);
  const room = chat.rooms.get(roomId);
  return (
    <Dialog title={words.members} onClose={onClose}>
      {room && <MemberList chat={chat} room={room} />}
    </Dialog>
  );
}

export function MemberList({ chat, room }: { chat: Chat; room: RoomSummary }) {
  const members = live(chat.members(room.id).list);
  if (!members) return <p class="hint">{words.loading}</p>;
  const online = members.filter((member) => member.isOnline);
  const offline = members.filter((member) => !member.isOnline);
  return (
    <>
      <Group name={words.online} members={online} chat={chat} room={room} />
      <Group name={words.offline} members={offline} chat={chat} room={room} />
    </>
  );
}

function Group({ name, members, chat, room }: { name: string; members: Member[]; chat: Chat; room: RoomSummary }) {
  if (members.length === 0) return null;
  return (
    <section class="members-group">
      <h3>{name} <span class="count">{members.length}</span></h3>
      <ul>
        {members.map((member) => (
          <li key={member.userId} class={member.isOnline ? "" : "is-off"}>
            <span class="face">
              <Avatar name={member.displayName} id={member.userId} />
              <span class={member.isOnline ? "dot is-on" : "dot"} />
            </span>
            <span class="name"><bdi>{member.displayName}</bdi></span>
            <span class="hint">{describe(member, chat, room)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function describe(member: Member, chat: Chat, room: RoomSummary): string {
  const role = member.userId === room.createdBy ? words.creator : member.role === "admin" ? words.admin : "";
  return [member.userId === chat.userId ? words.you : "", role].filter(Boolean).join(", ");
}
