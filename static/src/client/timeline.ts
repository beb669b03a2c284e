/** One room's messages, in order and without a gap, and the history before them. */
import { type Api, PAGE, isBusy, patience } from "./api";
import { isLater } from "./message";
import { Observable } from "./observable";
import type { Message } from "./types";

const FIRST_PAGE = 100;
/** Of a longer absence only the newest page is shown, and the rest is history. */
const LONGEST_GAP = 1_000;
/** So many messages before the first unread one are loaded with it. */
const ABOVE = 20;

export interface TimelineState {
  /** Oldest first; their `seq` grows by one. */
  messages: readonly Message[];
  status: "loading" | "ready" | "failed";
  hasBefore: boolean;
  /** Whether the page before the oldest message was asked for in vain. */
  isBeforeLost: boolean;
}

export class Timeline {
  readonly state = new Observable<TimelineState>({
    messages: [],
    status: "loading",
    hasBefore: false,
    isBeforeLost: false,
  });
  readonly #api: Api;
  readonly #roomId: string;
  /** Came before those in between. */
  #early: Message[] = [];
  /** The newest number that is known to exist. */
  #target = 0;
  #filling = false;
  /** The page that is on its way. */
  #before: Promise<boolean> | undefined;

  constructor(api: Api, roomId: string) {
    this.#api = api;
    this.#roomId = roomId;
  }

  /** The newest number that is known with everything before it. */
  get lastSeq(): number | undefined {
    const { messages, status } = this.state.value;
    return status === "ready" ? (messages.at(-1)?.seq ?? 0) : undefined;
  }

  /** Loads the newest messages, back to the first of so many unread ones unless that is too far. */
  async load(unread = 0): Promise<void> {
    if (this.state.value.status === "failed") this.state.patch({ status: "loading" });
    try {
      const wanted = unread > LONGEST_GAP ? FIRST_PAGE : Math.max(FIRST_PAGE, unread + ABOVE);
      let { messages, hasBefore } = await this.#api.history(this.#roomId, { limit: Math.min(wanted, PAGE) });
      while (hasBefore && messages.length < wanted) {
        const page = await this.#api.history(this.#roomId, { before: messages[0]?.seq ?? 0, limit: PAGE });
        messages = [...page.messages, ...messages];
        hasBefore = page.hasBefore;
      }
      this.state.patch({ messages, hasBefore, isBeforeLost: false, status: "ready" });
      this.#settle();
    } catch {
      if (this.state.value.status === "loading") this.state.patch({ status: "failed" });
    }
  }

  /** Loads the page before the oldest message, if there is one; says whether it came. */
  loadBefore(): Promise<boolean> {
    this.#before ??= this.#loadBefore().finally(() => (this.#before = undefined));
    return this.#before;
  }

  async #loadBefore(): Promise<boolean> {
    const { messages, hasBefore } = this.state.value;
    const first = messages[0];
    if (!first || !hasBefore) return false;
    this.state.patch({ isBeforeLost: false });
    try {
      const page = await this.#api.history(this.#roomId, { before: first.seq, limit: PAGE });
      const now = this.state.value.messages;
      // Unless it was loaded anew meanwhile.
      if (now[0]?.seq === first.seq) this.state.patch({ messages: [...page.messages, ...now], hasBefore: page.hasBefore });
      return true;
    } catch (error) {
      if (isBusy(error)) {
        await patience(error);
        return this.#loadBefore();
      }
      this.state.patch({ isBeforeLost: true });
      return false;
    }
  }

  /** The newest message of which `isWanted` holds; the history is loaded as far as it takes. */
  async find(isWanted: (message: Message) => boolean): Promise<Message | undefined> {
    for (;;) {
      const { messages, hasBefore } = this.state.value;
      const found = messages.findLast(isWanted);
      if (found || !hasBefore || !(await this.loadBefore())) return found;
    }
  }

  /** Forgets what is far back, which is loaded again when it is wanted. */
  trim(): void {
    const { messages, status } = this.state.value;
    if (status !== "ready" || this.#before || messages.length <= PAGE) return;
    this.state.patch({ messages: messages.slice(-PAGE), hasBefore: true });
  }

  /** Takes messages that came live or by replay. */
  accept(messages: readonly Message[]): void {
    const last = this.lastSeq;
    for (const message of messages) {
      if (last !== undefined && message.seq <= last) this.update(message);
      else this.#early.push(message);
    }
    if (last !== undefined) this.#settle();
  }

  /** Takes another version of a message that may be here. */
  update(message: Message): void {
    const { messages } = this.state.value;
    const index = message.seq - (messages[0]?.seq ?? Infinity);
    const known = messages[index];
    if (known?.id === message.id && isLater(message, known)) this.state.patch({ messages: messages.with(index, message) });
  }

  /** Somebody shows another name now, on what they wrote before, too. */
  rename(userId: string, displayName: string): void {
    const { messages } = this.state.value;
    const stale = (message: Message) => message.userId === userId && message.displayName !== displayName;
    if (!messages.some(stale)) return;
    this.state.patch({ messages: messages.map((message) => (stale(message) ? { ...message, displayName } : message)) });
  }

  /** Sees to it that everything up to `seq` is here, once the first page is. */
  async reach(seq: number): Promise<void> {
    this.#target = Math.max(this.#target, seq);
    if (this.#filling) return;
    this.#filling = true;
    try {
      for (let last = this.lastSeq; last !== undefined && last < this.#target; ) {
        if (this.#target - last > LONGEST_GAP) await this.load();
        else await this.#fill(last);
        const reached = this.lastSeq ?? 0;
        if (reached <= last) break;
        last = reached;
      }
    } catch (error) {
      // Otherwise the next message or connection shows the gap again.
      if (isBusy(error)) void patience(error).then(() => this.reach(seq));
    } finally {
      this.#filling = false;
    }
  }

  /** Looks for what was changed while nobody told it, in all that is here, the newest first. */
  async refresh(): Promise<void> {
    const { messages } = this.state.value;
    const first = messages[0]?.seq ?? 0;
    for (let before = (messages.at(-1)?.seq ?? 0) + 1; before > first; ) {
      try {
        const page = await this.#api.history(this.#roomId, { before, limit: PAGE });
        this.#updateAll(page.messages);
        before = page.messages[0]?.seq ?? first;
      } catch (error) {
        if (!isBusy(error)) return;
        await patience(error);
      }
    }
    if (this.state.value.isBeforeLost) void this.loadBefore();
  }

  #updateAll(versions: readonly Message[]): void {
    const { messages } = this.state.value;
    const later = new Map(versions.map((message) => [message.seq, message]));
    const isChanged = (message: Message) => {
      const other = later.get(message.seq);
      return other !== undefined && isLater(other, message);
    };
    if (!messages.some(isChanged)) return;
    this.state.patch({ messages: messages.map((message) => (isChanged(message) ? (later.get(message.seq) ?? message) : message)) });
  }

  async #fill(after: number): Promise<void> {
    for (let more = true; more; ) {
      const page = await this.#api.history(this.#roomId, { after, limit: PAGE });
      this.#early.push(...page.messages);
      after = page.messages.at(-1)?.seq ?? after;
      more = page.hasAfter && page.messages.length > 0;
      this.#join();
    }
  }

  #settle(): void {
    this.#join();
    void this.reach(this.#early.at(-1)?.seq ?? 0);
  }

  /** Moves what has become contiguous from the early ones to the messages. */
  #join(): void {
    let last = this.lastSeq ?? 0;
    const added: Message[] = [];
    this.#early.sort((one, other) => one.seq - other.seq);
    for (const message of this.#early) {
      if (message.seq === last + 1) {
        added.push(message);
        last = message.seq;
      }
    }
    this.#early = this.#early.filter((message) => message.seq > last);
    if (added.length > 0) this.state.patch({ messages: [...this.state.value.messages, ...added] });
  }
}
