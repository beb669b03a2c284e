/** What one may do in a room and about its members: what the server would refuse is not offered. */
import type { Chat } from "../client/chat";
import type { RoomSummary } from "../client/types";
import { live, session } from "./state";

export function rightsIn(chat: Chat, room: RoomSummary) {
  const isCreator = room.createdBy === chat.userId;
  const isAdmin = room.role === "admin";
  const isServerAdmin = live(session.user)?.role === "admin";
  return { isCreator, isAdmin, mayDelete: isCreator || isServerAdmin, mayRemove: isAdmin || isServerAdmin };
}

export function rightsOver(chat: Chat, room: RoomSummary, userId: string) {
  const { isCreator, isAdmin, mayRemove } = rightsIn(chat, room);
  // Nobody is rid of a room's creator, and of oneself by leaving.
  const isOther = userId !== chat.userId && userId !== room.createdBy;
  return { mayName: isCreator && isOther, mayRemove: mayRemove && isOther, mayBan: isAdmin && isOther };
}
