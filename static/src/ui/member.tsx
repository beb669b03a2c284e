/** One member of a room, and what one may do about them. */
import { useEffect, useState } from "preact/hooks";
import type { Chat } from "../client/chat";
import type { Member, RoomSummary } from "../client/types";
import { explain, isolated, words } from "../words";
import { Confirm } from "./confirm";
import { Avatar, Dialog, Problem } from "./controls";
import { rightsOver } from "./rights";
import { live } from "./state";
import { dateOf } from "./time";

type Step = "remove" | "ban" | "hand-over";

export function MemberDialog({ chat, roomId, userId, onClose }: { chat: Chat; roomId: string; userId: string; onClose: () => void }) {
  const [step, setStep] = useState<Step | null>(null);
  live(chat.rooms.list);
  const room = chat.rooms.get(roomId);
  const members = room && live(chat.members(roomId).list);
  const member = members?.find((one) => one.userId === userId);
  const isGone = !room || (members && !member);
  useEffect(() => {
    if (isGone) onClose();
  }, [isGone]);
  if (!room || !member) return null;
  if (step) return <Sure {...{ chat, room, member, step }} onClose={() => setStep(null)} />;
  const role = member.userId === room.createdBy ? words.creator : member.role === "admin" ? words.admin : words.plainMember;
  return (
    <Dialog title={member.displayName} onClose={onClose}>
      <div class="person">
        <Avatar name={member.displayName} id={userId} />
        <div>
          <p><bdi>@{member.username}</bdi></p>
          <p class="hint">{role} · {member.isOnline ? words.online : words.offline}</p>
          <p class="hint">{words.memberSince(dateOf(member.joinedAt))}</p>
        </div>
      </div>
      <Deeds {...{ chat, room, member }} onStep={setStep} />
    </Dialog>
  );
}

interface Other {
  chat: Chat;
  room: RoomSummary;
  member: Member;
}

function Deeds({ chat, room, member, onStep }: Other & { onStep: (step: Step) => void }) {
  const [error, setError] = useState<unknown>(null);
  const { mayName, mayRemove, mayBan } = rightsOver(chat, room, member.userId);
  if (!mayName && !mayRemove && !mayBan) return null;
  const isAdmin = member.role === "admin";
  // What has changed comes back by an event, to this page as to all others.
  const name = () => {
    setError(null);
    chat.api.setRole(room.id, member.userId, isAdmin ? "member" : "admin").catch(setError);
  };
  return (
    <>
      <Problem text={error ? explain(error) : null} />
      <div class="deeds">
        {mayName && <button type="button" onClick={name}>{isAdmin ? words.noAdmin : words.makeAdmin}</button>}
        {mayName && <button type="button" onClick={() => onStep("hand-over")}>{words.handOver}</button>}
        {mayRemove && <button type="button" class="risky" onClick={() => onStep("remove")}>{words.remove}</button>}
        {mayBan && <button type="button" class="risky" onClick={() => onStep("ban")}>{words.ban}</button>}
      </div>
    </>
  );
}

function Sure({ chat, room, member, step, onClose }: Other & { step: Step; onClose: () => void }) {
  const [who, where] = [isolated(member.displayName), isolated(room.name)];
  const { userId } = member;
  switch (step) {
    case "hand-over":
      return (
        <Confirm title={words.handOver} action={words.handOver} onDo={() => chat.api.changeRoom(room.id, { createdBy: userId })} onClose={onClose}>
          <p>{words.handOverSure(who, where)}</p>
        </Confirm>
      );
    case "remove":
      return (
        <Confirm title={words.remove} action={words.remove} onDo={() => chat.api.removeMember(room.id, userId)} onClose={onClose}>
          <p>{words.removeSure(who, where)} {room.isPrivate ? words.comesBackPrivate : words.comesBackPublic}</p>
        </Confirm>
      );
    case "ban":
      return (
        <Confirm title={words.ban} action={words.ban} onDo={() => chat.api.ban(room.id, userId)} onClose={onClose}>
          <p>{words.banSure(who, where)}</p>
        </Confirm>
      );
  }
}
