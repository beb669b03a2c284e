/**
 * What was written and is not acknowledged yet. In each room one message after the other is sent, so that they keep
 * their order; each has a `clientId`, so that sending it again never makes a second one.
 */
import { ApiError } from "./api";
import { Observable } from "./observable";
import type { Connection } from "./socket";
import type { Message } from "./types";

const KEY = "chatd.outbox";
const RETRY_MS = 1_500;
/** Codes after which the same message may be taken later. */
const PASSING = new Set(["network", "rate_limited", "overloaded", "storage_full", "internal"]);

export interface Draft {
  clientId: string;
  /** Who wrote it: another account on the same browser must not send it. */
  userId: string;
  roomId: string;
  content: string;
  replyTo?: string;
  createdAt: string;
  /** Why it was refused; such a message waits for a person. */
  failed?: { code: string; message: string };
}

export class Outbox {
  /** Oldest first, of all rooms. */
  readonly drafts: Observable<readonly Draft[]>;
  /** Called with each message once it is on the server's disk. */
  onSent: (message: Message) => void = () => {};
  readonly #connection: Connection;
  readonly #userId: string;
  readonly #sending = new Set<string>();

  constructor(connection: Connection, userId: string) {
    this.#connection = connection;
    this.#userId = userId;
    this.drafts = new Observable<readonly Draft[]>(restore(userId));
    this.drafts.watch((drafts) => sessionStorage.setItem(KEY, JSON.stringify(drafts)));
  }

  add(roomId: string, content: string, replyTo?: string): void {
    const draft: Draft = {
      clientId: crypto.getRandomValues(new Uint32Array(4)).join("-"),
      userId: this.#userId,
      roomId,
      content,
      createdAt: new Date().toISOString(),
      ...(replyTo && { replyTo }),
    };
    this.drafts.set([...this.drafts.value, draft]);
    void this.#send(roomId);
  }

  /** Sends a refused message again, as the newest one. */
  retry(clientId: string): void {
    const draft = this.drafts.value.find((one) => one.clientId === clientId);
    if (!draft) return;
    const { failed: _, ...again } = draft;
    this.drafts.set([...this.drafts.value.filter((one) => one !== draft), again]);
    void this.#send(draft.roomId);
  }

  discard(clientId: string): void {
    this.drafts.set(this.drafts.value.filter((draft) => draft.clientId !== clientId));
  }

  /** The message has come back from the server, by whichever way. */
  confirm(message: Message): void {
    const known = message.clientId && this.drafts.value.some((draft) => draft.clientId === message.clientId);
    if (known && message.userId === this.#userId) this.discard(message.clientId as string);
  }

  /** Goes on after the connection came back. */
  flush(): void {
    for (const roomId of new Set(this.drafts.value.map((draft) => draft.roomId))) void this.#send(roomId);
  }

  async #send(roomId: string): Promise<void> {
    if (this.#sending.has(roomId)) return;
    this.#sending.add(roomId);
    try {
      for (let wait = 0; wait >= 0; ) {
        if (wait > 0) await new Promise((done) => setTimeout(done, wait));
        if (this.#connection.state.value.status !== "online") return;
        const next = this.drafts.value.find((draft) => draft.roomId === roomId && !draft.failed);
        wait = next ? await this.#try(next) : -1;
      }
    } finally {
      this.#sending.delete(roomId);
    }
  }

  /** Gives the time to wait before the room's next try, in milliseconds. */
  async #try({ roomId, content, clientId, replyTo }: Draft): Promise<number> {
    try {
      const data = { roomId, content, clientId, ...(replyTo && { replyTo }) };
      const { message } = await this.#connection.ask<{ message: Message }>("send_message", data);
      this.onSent(message);
      this.discard(clientId);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (PASSING.has(error.code)) return error.details.retryAfterMs ?? RETRY_MS;
      const failed = { code: error.code, message: error.message };
      this.drafts.set(this.drafts.value.map((one) => (one.clientId === clientId ? { ...one, failed } : one)));
    }
    return 0;
  }
}

function restore(userId: string): Draft[] {
  try {
    const kept: Draft[] = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
    return kept.filter((draft) => draft.userId === userId);
  } catch {
    return [];
  }
}
