/** All of a signed-in person's chat: the connection, and what it keeps up to date. */
import { Api, ApiError, patience } from "./api";
import { Members } from "./members";
import { Observable } from "./observable";
import { Outbox } from "./outbox";
import { Rooms } from "./rooms";
import { Connection } from "./socket";
import { Timeline } from "./timeline";
import type { Message, Passage, RoomJoined, ServerEvents } from "./types";
import { Typing } from "./typing";

/** So many rooms are opened at the same time after the connection came. */
const JOINS_AT_ONCE = 8;
const JOIN_RETRY_MS = 1_000;
/** Between two receipts. */
const READ_MS = 1_000;
/** Messages that come so closely after others are taken together. */
const BURST_MS = 50;

export class Chat {
  readonly api: Api;
  readonly userId: string;
  readonly connection: Connection;
  readonly rooms: Rooms;
  readonly outbox: Outbox;
  readonly typing: Typing;
  /** Why the rooms could not be loaded. */
  readonly trouble = new Observable<ApiError | null>(null);
  readonly #timelines = new Map<string, Timeline>();
  readonly #members = new Map<string, Members>();
  /** What was read and is not told yet. */
  readonly #reads = new Map<string, number>();
  #readTimer = 0;
  #received: Message[] = [];
  #receiveTimer = 0;

  constructor(base: string, api: Api, token: () => string | undefined, userId: string, isEnded: () => Promise<boolean>) {
    this.api = api;
    this.userId = userId;
    this.connection = new Connection(base, token);
    this.connection.isEnded = isEnded;
    this.rooms = new Rooms(api, userId);
    this.outbox = new Outbox(this.connection, userId);
    this.typing = new Typing(this.connection);
    this.outbox.onSent = (message) => {
      this.#received.push(message);
      this.#take();
    };
    this.rooms.onAdded = (roomId) => void this.#added(roomId);
    this.rooms.onRemoved = (roomId) => {
      this.#timelines.delete(roomId);
      this.#members.delete(roomId);
    };
    this.#listen();
    addEventListener("pagehide", this.#tellReads);
    this.connection.state.watch(({ status }) => {
      if (status === "online") void this.#online();
      else this.typing.forget();
    });
    this.connection.open();
  }

  close(): void {
    removeEventListener("pagehide", this.#tellReads);
    clearTimeout(this.#readTimer);
    clearTimeout(this.#receiveTimer);
    this.connection.close();
    this.outbox.close();
    this.typing.forget();
  }

  /** A room's messages; they are loaded when they are first asked for. */
  timeline(roomId: string): Timeline {
    return kept(this.#timelines, roomId, () => {
      const timeline = new Timeline(this.api, roomId);
      void timeline.load(this.rooms.get(roomId)?.unread);
      return timeline;
    });
  }

  members(roomId: string): Members {
    return kept(this.#members, roomId, () => {
      const members = new Members(this.api, roomId);
      void members.load();
      return members;
    });
  }

  /** Says that one has read a room up to `seq`. */
  read(roomId: string, seq: number): void {
    if (!this.rooms.read(roomId, seq)) return;
    this.#reads.set(roomId, seq);
    if (!this.#readTimer) this.#tellReads();
  }

  /** The first receipt at once, what follows it closely together. */
  #tellReads = (): void => {
    clearTimeout(this.#readTimer);
    for (const [roomId, seq] of this.#reads) this.connection.tell("message_read", { roomId, seq });
    this.#reads.clear();
    this.#readTimer = setTimeout(() => {
      this.#readTimer = 0;
      if (this.#reads.size > 0) this.#tellReads();
    }, READ_MS);
  };

  /** Changes a message and shows the change. */
  async edit({ roomId, id }: Message, content: string): Promise<void> {
    this.#update(await this.api.editMessage(roomId, id, content));
  }

  async delete({ roomId, id }: Message): Promise<void> {
    this.#update(await this.api.deleteMessage(roomId, id));
  }

  /** Somebody shows another name now: whatever is here of them gets it, as it would after a reload. */
  rename(userId: string, displayName: string): void {
    for (const members of this.#members.values()) members.change(userId, { displayName });
    for (const timeline of this.#timelines.values()) timeline.rename(userId, displayName);
    this.rooms.rename(userId, displayName);
  }

  /** Loads what is shown, after a connection is there; also to be called after `trouble`. */
  async #online(): Promise<void> {
    const { id } = this.connection.events;
    try {
      await this.rooms.load();
      this.trouble.set(null);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.trouble.set(error);
      await patience(error);
      // Unless there is another connection by now, which begins anew.
      if (id && this.connection.events.id === id) void this.#online();
      return;
    }
    this.outbox.flush();
    const waiting = (this.rooms.list.value ?? []).map((room) => room.id);
    // The rooms that are on the screen come first.
    waiting.sort((one, other) => Number(this.#timelines.has(one)) - Number(this.#timelines.has(other)));
    const join = async () => {
      for (let roomId = waiting.pop(); roomId; roomId = waiting.pop()) await this.#join(roomId);
    };
    await Promise.all(Array.from({ length: JOINS_AT_ONCE }, join));
    for (const members of this.#members.values()) await members.load();
  }

  /** Has the room's events sent from now on, and what was missed before. */
  async #join(roomId: string): Promise<void> {
    const since = this.#timelines.get(roomId)?.lastSeq;
    try {
      const joined = await this.connection.ask<RoomJoined>("join_room", { roomId, quiet: true, since });
      this.rooms.reach(roomId, joined.lastSeq, joined.readSeq);
      // What was read while there was no connection.
      const seq = this.rooms.get(roomId)?.readSeq ?? 0;
      if (seq > joined.readSeq) this.connection.tell("message_read", { roomId, seq });
      // It may have been opened only since this was asked.
      const timeline = this.#timelines.get(roomId);
      if (timeline?.state.value.status === "failed") void timeline.load();
      await timeline?.reach(joined.lastSeq);
      if (since !== undefined) void timeline?.refresh();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const deleted = error.code === "not_found";
      if (deleted || error.code === "not_a_member") return this.rooms.remove(roomId, { deleted });
      if (!this.connection.events.connected) return;
      await new Promise((done) => setTimeout(done, error.details.retryAfterMs ?? JOIN_RETRY_MS));
      await this.#join(roomId);
    }
  }

  async #added(roomId: string): Promise<void> {
    await this.#join(roomId);
    // What was said there before is not in the event.
    await this.rooms.load().catch(() => {});
  }

  /** The first message at once, what follows it closely together: a burst changes what is shown a few times only. */
  #receive(message: Message): void {
    this.#received.push(message);
    if (!this.#receiveTimer) this.#take();
  }

  #take = (): void => {
    clearTimeout(this.#receiveTimer);
    this.#receiveTimer = 0;
    const messages = this.#received;
    if (messages.length === 0) return;
    this.#received = [];
    this.#receiveTimer = setTimeout(this.#take, BURST_MS);
    this.rooms.accept(messages);
    for (const roomId of new Set(messages.map((message) => message.roomId))) {
      this.#timelines.get(roomId)?.accept(messages.filter((message) => message.roomId === roomId));
    }
    for (const message of messages) {
      const { roomId, userId, displayName } = message;
      // Nothing else tells of another's new name.
      const author = this.#members.get(roomId)?.list.value?.find((member) => member.userId === userId);
      if (author && author.displayName !== displayName) this.rename(userId, displayName);
      this.outbox.confirm(message);
      this.typing.hear({ ...message, isTyping: false });
    }
  };

  #update(message: Message): void {
    // It may be about one that was just received.
    this.#take();
    this.rooms.update(message);
    this.#timelines.get(message.roomId)?.update(message);
  }

  #left({ roomId, userId, type }: Passage): void {
    if (type !== "permanent") return;
    if (userId === this.userId) return this.rooms.remove(roomId);
    this.rooms.count(roomId, -1);
    this.#members.get(roomId)?.remove(userId);
  }

  #came({ roomId, type }: Passage): void {
    if (type !== "permanent") return;
    this.rooms.count(roomId, 1);
    void this.#members.get(roomId)?.load();
  }

  #listen(): void {
    const handlers: ServerEvents = {
      receive_message: (message) => this.#receive(message),
      message_updated: (message) => this.#update(message),
      user_joined: (passage) => this.#came(passage),
      user_left: (passage) => this.#left(passage),
      user_typing: (typing) => this.typing.hear(typing),
      user_status: ({ userId, status }) => {
        for (const members of this.#members.values()) members.change(userId, { isOnline: status === "online" });
      },
      messages_read: ({ roomId, userId, seq }) => {
        if (userId === this.userId) this.rooms.read(roomId, seq);
        this.#members.get(roomId)?.change(userId, { readSeq: seq });
      },
      member_updated: ({ roomId, userId, role }) => {
        this.#members.get(roomId)?.change(userId, { role });
        const room = this.rooms.get(roomId);
        if (room && userId === this.userId) this.rooms.put({ ...room, role });
      },
      // The room is told the same to all members: what one is in it does not come from there.
      room_updated: (room) => {
        const known = this.rooms.get(room.id);
        if (known) this.rooms.put({ ...room, role: known.role ?? "member" });
      },
      room_deleted: ({ roomId }) => this.rooms.remove(roomId, { deleted: true }),
      room_added: (room) => this.rooms.put(room),
    };
    for (const [event, handler] of Object.entries(handlers)) {
      this.connection.events.on(event as keyof ServerEvents, handler);
    }
  }
}

function kept<T>(map: Map<string, T>, key: string, make: () => T): T {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
