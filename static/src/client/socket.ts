/**
 * The Socket.IO connection. It comes back by itself, and says when it will try next: the stock client's own
 * reconnection does not tell that, so it is off and the waits are made here.
 */
import { io, type Socket } from "socket.io-client";
import { ApiError } from "./api";
import { Observable } from "./observable";
import type { Ack, ServerEvents } from "./types";

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
const ACK_MS = 10_000;

export type ConnectionState =
  | { status: "connecting" }
  | { status: "online" }
  /** `retryAt` is the time of the next try, in milliseconds. */
  | { status: "offline"; retryAt: number }
  /** For good. */
  | { status: "closed" };

type ClientEvents = Record<string, (data: object, ack?: (answer: unknown) => void) => void>;

export class Connection {
  readonly state = new Observable<ConnectionState>({ status: "connecting" });
  readonly events: Socket<ServerEvents, ClientEvents>;
  /** Asked when the server says that the session is over; if it is not, the connection is tried again. */
  isEnded: () => Promise<boolean> = () => Promise.resolve(true);
  #failures = 0;
  #timer = 0;

  constructor(base: string, token: () => string | undefined) {
    this.events = io(base, {
      auth: (give) => give({ token: token() }),
      transports: ["websocket", "polling"],
      tryAllTransports: true,
      reconnection: false,
      autoConnect: false,
      forceNew: true,
    });
    this.events.on("connect", () => {
      this.#failures = 0;
      this.state.set({ status: "online" });
    });
    this.events.on("connect_error", (error) => {
      if (error.message === "unauthorized") void this.#end();
      else this.#wait();
    });
    this.events.on("disconnect", (reason) => {
      // The server ends a connection by a packet only when its session is over.
      if (reason === "io server disconnect") void this.#end();
      else if (reason !== "io client disconnect") this.#wait();
    });
    addEventListener("online", this.retry);
  }

  open(): void {
    this.state.set({ status: "connecting" });
    this.events.connect();
  }

  close(): void {
    clearTimeout(this.#timer);
    removeEventListener("online", this.retry);
    this.events.disconnect();
    this.events.off();
    this.state.set({ status: "closed" });
  }

  /** Does not wait for the next try. */
  retry = (): void => {
    if (this.state.value.status !== "offline") return;
    clearTimeout(this.#timer);
    this.open();
  };

  /** Emits an event and gives what it is acknowledged with. An error with the code `network` says nothing of its fate. */
  async ask<T = object>(event: string, data: object): Promise<T> {
    const lost = new ApiError({ code: "network", message: "The connection is gone." });
    if (!this.events.connected) throw lost;
    let answer: Ack<T>;
    try {
      answer = await this.events.timeout(ACK_MS).emitWithAck(event, data);
    } catch {
      throw lost;
    }
    if (!answer.ok) throw new ApiError(answer.error);
    return answer;
  }

  /** Emits an event whose answer does not matter. Nothing is kept for later while there is no connection. */
  tell(event: string, data: object): void {
    if (this.events.connected) this.events.emit(event, data, () => {});
  }

  async #end(): Promise<void> {
    if (!(await this.isEnded())) this.#wait();
  }

  #wait(): void {
    if (this.state.value.status === "closed") return;
    const most = Math.min(FIRST_WAIT_MS * 2 ** this.#failures++, LONGEST_WAIT_MS);
    // Not all clients at the same moment.
    const wait = most * (0.5 + Math.random() / 2);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.open(), wait);
    this.state.set({ status: "offline", retryAt: Date.now() + wait });
  }
}
