/**
 * What was written and is not acknowledged yet. In each room one message after the other is sent, so that they keep
 * their order; each has a `clientId`, so that sending it again never makes a second one.
 */
import { ApiError, isBusy, isLost } from "./api";
import { Observable } from "./observable";
import type { Connection } from "./socket";
import type { Message } from "./types";

const RETRY_MS = 1_500;

export interface Draft {
  clientId: string;
  /** Who wrote it: another account on the same browser must not send it. */
  userId: string;
  roomId: string;
  content: string;
  replyTo?: string;
  createdAt: string;
  /** It goes out after those with a lower one. */
  place: number;
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
  /** Each message is kept under a key of its own, which tabs can write without regard to each other. */
  readonly #prefix: string;
  readonly #sending = new Set<string>();

  constructor(connection: Connection, userId: string) {
    this.#connection = connection;
    this.#userId = userId;
    this.#prefix = `chatd.outbox.${userId}.`;
    this.drafts = new Observable<readonly Draft[]>(restore(this.#prefix));
    addEventListener("storage", this.#follow);
  }

  close(): void {
    removeEventListener("storage", this.#follow);
  }

  /** What another tab has sent or discarded waits no longer. */
  #follow = ({ key, newValue }: StorageEvent): void => {
    if (key?.startsWith(this.#prefix) && newValue === null) this.#forget(key.slice(this.#prefix.length));
  };

  add(roomId: string, content: string, replyTo?: string): void {
    const draft: Draft = {
      clientId: crypto.getRandomValues(new Uint32Array(4)).join("-"),
      userId: this.#userId,
      roomId,
      content,
      createdAt: new Date().toISOString(),
      place: this.#lastPlace(),
      ...(replyTo && { replyTo }),
    };
    this.#keep(draft);
    void this.#send(roomId);
  }

  /** Sends a refused message again, as the newest one. */
  retry(clientId: string): void {
    const draft = this.drafts.value.find((one) => one.clientId === clientId);
    if (!draft) return;
    const { failed: _, ...again } = draft;
    this.#keep({ ...again, place: this.#lastPlace() });
    void this.#send(draft.roomId);
  }

  discard(clientId: string): void {
    localStorage.removeItem(this.#prefix + clientId);
    this.#forget(clientId);
  }

  #forget(clientId: string): void {
    const others = this.drafts.value.filter((draft) => draft.clientId !== clientId);
    if (others.length < this.drafts.value.length) this.drafts.set(others);
  }

  #keep(draft: Draft): void {
    try {
      localStorage.setItem(this.#prefix + draft.clientId, JSON.stringify(draft));
    } catch {
      // The browser keeps no more; the page still does.
    }
    const others = this.drafts.value.filter(({ clientId }) => clientId !== draft.clientId);
    this.drafts.set([...others, draft].sort(byPlace));
  }

  #lastPlace(): number {
    return Math.max(Date.now(), (this.drafts.value.at(-1)?.place ?? 0) + 1);
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
  async #try(draft: Draft): Promise<number> {
    const { roomId, content, clientId, replyTo } = draft;
    try {
      const data = { roomId, content, clientId, ...(replyTo && { replyTo }) };
      const { message } = await this.#connection.ask<{ message: Message }>("send_message", data);
      this.onSent(message);
      this.discard(clientId);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (isBusy(error) || isLost(error)) return error.details.retryAfterMs ?? RETRY_MS;
      this.#keep({ ...draft, failed: { code: error.code, message: error.message } });
    }
    return 0;
  }
}

function restore(prefix: string): Draft[] {
  const kept: Draft[] = [];
  for (const [key, value] of Object.entries(localStorage)) {
    try {
      if (key.startsWith(prefix)) kept.push(JSON.parse(value));
    } catch {
      // Something else wrote it.
    }
  }
  return kept.sort(byPlace);
}

function byPlace(one: Draft, other: Draft): number {
  return one.place - other.place;
}
