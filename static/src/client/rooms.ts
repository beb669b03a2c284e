/** One's own rooms: what is newest in each, and what is unread. */
import type { Api } from "./api";
import { isLater } from "./message";
import { Observable } from "./observable";
import type { Message, Room, RoomSummary } from "./types";

export class Rooms {
  /** The room with the newest message first; nothing until they are loaded. */
  readonly list = new Observable<readonly RoomSummary[] | null>(null);
  /** Called when a room comes into the list that was not there. */
  onAdded: (roomId: string) => void = () => {};
  /** Called when a room has gone. */
  onRemoved: (roomId: string) => void = () => {};
  /** Of these there is nothing to be seen any more: they were deleted, or are private and one is out of them. */
  readonly gone = new Set<string>();
  readonly #api: Api;
  readonly #userId: string;
  /** For each list that is on its way, the rooms that went meanwhile. */
  readonly #loads = new Set<Set<string>>();

  constructor(api: Api, userId: string) {
    this.#api = api;
    this.#userId = userId;
  }

  async load(): Promise<void> {
    const isFirst = !this.list.value;
    const before = new Set(this.list.value?.map(({ id }) => id));
    const gone = new Set<string>();
    this.#loads.add(gone);
    const answer = await this.#api.myRooms().finally(() => this.#loads.delete(gone));
    const rooms = answer.filter(({ id }) => !gone.has(id));
    const loaded = new Set(rooms.map(({ id }) => id));
    const known = new Set(this.list.value?.map(({ id }) => id));
    const joinedMeanwhile = (this.list.value ?? []).filter(({ id }) => !before.has(id) && !loaded.has(id));
    this.#set([...rooms.map((room) => newer(room, this.get(room.id))), ...joinedMeanwhile]);
    for (const id of before) if (!this.get(id)) this.onRemoved(id);
    if (!isFirst) for (const id of loaded) if (!known.has(id)) this.onAdded(id);
  }

  get(roomId: string): RoomSummary | undefined {
    return this.list.value?.find((room) => room.id === roomId);
  }

  /** Takes a room that one has become a member of, or what has changed about one. */
  put(room: Room): void {
    for (const gone of this.#loads) gone.delete(room.id);
    this.gone.delete(room.id);
    const known = this.get(room.id);
    if (known) return this.#change(room.id, room);
    this.#set([...(this.list.value ?? []), { ...room, lastSeq: 0, readSeq: 0, unread: 0, lastMessage: null }]);
    this.onAdded(room.id);
  }

  remove(roomId: string, { deleted = false } = {}): void {
    const room = this.get(roomId);
    if (!room) return;
    if (deleted || room.isPrivate) this.gone.add(roomId);
    this.#set((this.list.value ?? []).filter((room) => room.id !== roomId));
    this.onRemoved(roomId);
  }

  /** What the server says of a room when its events begin. */
  reach(roomId: string, lastSeq: number, readSeq: number): void {
    const room = this.get(roomId);
    if (!room) return;
    this.#change(roomId, { lastSeq: Math.max(lastSeq, room.lastSeq), readSeq: Math.max(readSeq, room.readSeq) });
  }

  /** Takes messages that came live or by replay. */
  accept(messages: readonly Message[]): void {
    const newest = new Map<string, Message>();
    for (const message of messages) {
      // Whoever has read everything and writes has read that as well, on whichever device.
      if (message.userId === this.#userId && this.get(message.roomId)?.readSeq === message.seq - 1) this.read(message.roomId, message.seq);
      if (message.seq >= (newest.get(message.roomId)?.seq ?? 0)) newest.set(message.roomId, message);
    }
    const rooms = this.list.value?.map((room) => {
      const message = newest.get(room.id);
      if (!message || message.seq < (room.lastMessage?.seq ?? 0)) return room;
      return { ...room, lastMessage: message, lastSeq: Math.max(message.seq, room.lastSeq) };
    });
    if (rooms) this.#set(rooms);
  }

  /** A message was edited or deleted. */
  update(message: Message): void {
    if (this.get(message.roomId)?.lastMessage?.id === message.id) this.#change(message.roomId, { lastMessage: message });
  }

  /** Somebody shows another name now. */
  rename(userId: string, displayName: string): void {
    for (const { id, lastMessage } of this.list.value ?? []) {
      if (lastMessage?.userId === userId) this.#change(id, { lastMessage: { ...lastMessage, displayName } });
    }
  }

  /** One has read up to `seq`; says whether that is news. */
  read(roomId: string, seq: number): boolean {
    const room = this.get(roomId);
    if (!room || seq <= room.readSeq) return false;
    this.#change(roomId, { readSeq: seq });
    return true;
  }

  count(roomId: string, by: number): void {
    const room = this.get(roomId);
    if (room) this.#change(roomId, { memberCount: room.memberCount + by });
  }

  #change(roomId: string, change: Partial<RoomSummary>): void {
    const rooms = this.list.value ?? [];
    this.#set(rooms.map((room) => (room.id === roomId ? { ...room, ...change } : room)));
  }

  #set(rooms: RoomSummary[]): void {
    const counted = rooms.map((room) => {
      const unread = Math.max(0, room.lastSeq - room.readSeq);
      return room.unread === unread ? room : { ...room, unread };
    });
    this.list.set(counted.sort((one, other) => activity(other).localeCompare(activity(one))));
  }
}

/** A room as it was loaded, unless events that came meanwhile know more. */
function newer(room: RoomSummary, known: RoomSummary | undefined): RoomSummary {
  if (!known) return room;
  const lastMessage = isNewer(known.lastMessage, room.lastMessage) ? known.lastMessage : room.lastMessage;
  const [lastSeq, readSeq] = [Math.max(known.lastSeq, room.lastSeq), Math.max(known.readSeq, room.readSeq)];
  return { ...room, lastMessage, lastSeq, readSeq };
}

function isNewer(one: Message | null, other: Message | null): boolean {
  if (!one || !other || one.seq !== other.seq) return (one?.seq ?? 0) > (other?.seq ?? 0);
  return isLater(one, other);
}

function activity(room: RoomSummary): string {
  return room.lastMessage?.createdAt ?? room.createdAt;
}
