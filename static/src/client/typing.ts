/** Who is writing: told about oneself not too often, and forgotten about others when they fall silent. */
import { Observable } from "./observable";
import type { Connection } from "./socket";
import type { UserTyping } from "./types";

/** The server forgets after 6 s. */
const RENEW_MS = 3_000;
const FORGET_MS = 7_000;

export interface Typist {
  userId: string;
  displayName: string;
}

export class Typing {
  /** The others, by room. */
  readonly typists = new Observable<Readonly<Record<string, readonly Typist[]>>>({});
  readonly #connection: Connection;
  readonly #timers = new Map<string, number>();
  #told: { roomId: string; at: number } | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** To be called at every key. */
  write(roomId: string): void {
    if (this.#told?.roomId !== roomId) this.stop();
    else if (Date.now() - this.#told.at < RENEW_MS) return;
    this.#told = { roomId, at: Date.now() };
    this.#connection.tell("typing", { roomId, isTyping: true });
  }

  /** To be called when the message is sent or given up. */
  stop(): void {
    if (!this.#told) return;
    this.#connection.tell("typing", { roomId: this.#told.roomId, isTyping: false });
    this.#told = undefined;
  }

  hear({ roomId, userId, displayName, isTyping }: UserTyping): void {
    const key = `${roomId} ${userId}`;
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    const others = (this.typists.value[roomId] ?? []).filter((typist) => typist.userId !== userId);
    const typists = isTyping ? [...others, { userId, displayName }] : others;
    this.typists.patch({ [roomId]: typists });
    if (!isTyping) return;
    const silent = { roomId, userId, displayName, isTyping: false } as UserTyping;
    this.#timers.set(key, setTimeout(() => this.hear(silent), FORGET_MS));
  }

  forget(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.typists.set({});
  }
}
