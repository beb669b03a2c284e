/** What the server sends, word for word. Times are RFC 3339 in UTC, ids are UUIDs. */

export type Role = "admin" | "member";

export interface Me {
  id: string;
  username: string;
  displayName: string;
  email: string;
  role: "user" | "admin";
  createdAt: string;
}

/** One of one's own sign-ins. */
export interface OwnSession {
  id: string;
  createdAt: string;
  /** To within a minute. */
  lastSeenAt: string;
  userAgent: string | null;
  address: string;
  /** Whether it is the one that asks. */
  current: boolean;
}

export interface SignedIn {
  user: Me;
  token: string;
  expiresAt: string;
}

export interface Room {
  id: string;
  name: string;
  description: string | null;
  isPrivate: boolean;
  createdBy: string;
  createdAt: string;
  memberCount: number;
  /** What the asker is in it; absent for somebody who is no member. */
  role?: Role;
}

/** A room in one's own list. */
export interface RoomSummary extends Room {
  lastSeq: number;
  readSeq: number;
  unread: number;
  lastMessage: Message | null;
}

export interface Member {
  userId: string;
  username: string;
  displayName: string;
  isOnline: boolean;
  role: Role;
  joinedAt: string;
  readSeq: number;
}

/** Somebody who is kept out of a room. */
export interface Ban {
  userId: string;
  username: string;
  displayName: string;
  bannedBy: string;
  createdAt: string;
}

export interface Message {
  id: string;
  roomId: string;
  userId: string;
  username: string;
  displayName: string;
  content: string;
  messageType: string;
  createdAt: string;
  timestamp: string;
  /** Its place in the room: 1, 2, 3 … without a gap. */
  seq: number;
  clientId?: string;
  /** The id of the message that it answers. */
  replyTo?: string;
  editedAt?: string;
  deletedAt?: string;
}

export interface History {
  messages: Message[];
  hasBefore: boolean;
  hasAfter: boolean;
  lastSeq: number;
}

export interface Invite {
  token: string;
  link: string;
  roomId: string;
  expiresAt: string | null;
  maxUses: number | null;
  uses: number;
}

export interface InvitedTo {
  room: { name: string; description: string | null; memberCount: number };
  /** The name that whoever invites shows. */
  invitedBy: string;
}

export interface Joined {
  room: Room;
  already: boolean;
}

export interface ErrorBody {
  code: string;
  message: string;
  details?: { fields?: Record<string, string>; field?: string; retryAfterMs?: number };
}

/** An ack: what was asked for, or why not. */
export type Ack<T> = ({ ok: true } & T) | { ok: false; error: ErrorBody };

export interface RoomJoined {
  roomId: string;
  role: Role;
  lastSeq: number;
  readSeq: number;
  replayed: number;
  complete: boolean;
}

interface Somebody {
  userId: string;
  username: string;
  displayName: string;
  timestamp: string;
}

export interface Passage extends Somebody {
  roomId: string;
  /** For good, or only while the room is open. */
  type: "permanent" | "temporary";
  by?: string;
}

export interface UserTyping extends Somebody {
  roomId: string;
  isTyping: boolean;
}

export interface UserStatus extends Somebody {
  status: "online" | "offline";
}

export interface MessagesRead {
  roomId: string;
  userId: string;
  username: string;
  seq: number;
  messageId: string | null;
  readAt: string;
  timestamp: string;
}

export interface MemberUpdated {
  roomId: string;
  userId: string;
  role: Role;
}

/** The events of the server, by their names. */
export interface ServerEvents {
  receive_message: (message: Message) => void;
  message_updated: (message: Message) => void;
  user_joined: (passage: Passage) => void;
  user_left: (passage: Passage) => void;
  user_typing: (typing: UserTyping) => void;
  user_status: (status: UserStatus) => void;
  messages_read: (read: MessagesRead) => void;
  room_updated: (room: Room) => void;
  room_deleted: (room: { roomId: string }) => void;
  room_added: (room: Room) => void;
  member_updated: (member: MemberUpdated) => void;
}
