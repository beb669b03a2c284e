/** Who is signed in, on all tabs of this browser. The token is kept in localStorage and renewed before it expires. */
import { type AccountChange, Api, ApiError, isBusy, isLost, type NewAccount } from "./api";
import { Observable } from "./observable";
import type { Me, SignedIn } from "./types";

const KEY = "chatd.session";
/** The tokens of sessions that were ended here, and not yet on the server. */
const LEAVING_KEY = "chatd.leaving";
/** The least time before a token is renewed: a clock that is wrong must not make it too often. */
const RETRY_MS = 60_000;
/** Timers take no longer waits than a signed 32-bit number of milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Stored extends SignedIn {
  /** When the token was got, in milliseconds: it is renewed in the middle of its life. */
  since: number;
}

export class Session {
  readonly api: Api;
  readonly #base: string;
  /** The account; nothing while nobody is signed in. */
  readonly user = new Observable<Me | null>(null);
  /** Whether the server has ended the session, rather than whoever is here. */
  wasEnded = false;
  #stored: Stored | null = null;
  #timer = 0;

  constructor(base: string) {
    this.#base = base;
    this.api = new Api(base, () => this.token);
    this.api.onUnauthorized = (token) => {
      if (token !== this.token) return;
      this.wasEnded = true;
      this.#keep(null);
    };
    addEventListener("storage", (event) => event.key === KEY && this.#load());
    this.#load();
    this.#leaveAll();
  }

  get token(): string | undefined {
    return this.#stored?.token;
  }

  async signIn(name: string, password: string): Promise<void> {
    this.#begin(await this.api.login(name, password));
  }

  async register(account: NewAccount): Promise<void> {
    this.#begin(await this.api.register(account));
  }

  /** Changes the account, here and on the server. */
  async change(change: AccountChange): Promise<void> {
    this.#know(await this.api.changeMe(change));
  }

  /** Asks the server what has become of the account, and of the session: it is forgotten if it is over. */
  async look(): Promise<void> {
    const before = this.user.value;
    const user = await this.api.me().catch(() => undefined);
    // What was changed here meanwhile is newer than the answer.
    if (user && this.user.value === before) this.#know(user);
  }

  /** Ends the session here, and on the server if it can be reached. */
  async signOut(): Promise<void> {
    const { token } = this;
    if (!token) return;
    const ended = this.#leave(token);
    // At once: whatever is asked with this token from now on would be refused.
    this.#keep(null);
    await ended;
  }

  #leaveAll(): void {
    for (const token of leaving()) void this.#leave(token);
  }

  /** Ends a session on the server; where that cannot be reached, it is done at the next sign-in or when the page is opened. */
  async #leave(token: string): Promise<void> {
    keepLeaving([...leaving(), token]);
    try {
      await new Api(this.#base, () => token).logout();
    } catch (error) {
      if (isLost(error) || isBusy(error)) return;
    }
    keepLeaving(leaving().filter((one) => one !== token));
  }

  /** Asks the server whether the session is over; it is forgotten if so. */
  isEnded = async (): Promise<boolean> => {
    await this.look();
    return !this.#stored;
  };

  #begin(signedIn: SignedIn): void {
    this.wasEnded = false;
    this.#leaveAll();
    this.#keep({ ...signedIn, since: Date.now() });
  }

  /** Takes what an account is by now, unless it is nobody's here any more. */
  #know(user: Me): void {
    // Another tab may have written just now.
    this.#load();
    if (this.#stored?.user.id === user.id) this.#keep({ ...this.#stored, user });
  }

  #keep(stored: Stored | null): void {
    if (stored) localStorage.setItem(KEY, JSON.stringify(stored));
    else localStorage.removeItem(KEY);
    this.#load();
  }

  #load(): void {
    try {
      this.#stored = JSON.parse(localStorage.getItem(KEY) ?? "null");
    } catch {
      this.#stored = null;
    }
    const user = this.#stored?.user ?? null;
    if (JSON.stringify(user) !== JSON.stringify(this.user.value)) this.user.set(user);
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (!this.#stored) return;
    const { since, expiresAt } = this.#stored;
    const due = since + (Date.parse(expiresAt) - since) / 2;
    this.#wake(due - Date.now());
  }

  #wake(ms: number): void {
    const wait = Math.min(Math.max(ms, RETRY_MS), LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => (wait === LONGEST_TIMER_MS ? this.#schedule() : void this.#refresh()), wait);
  }

  async #refresh(): Promise<void> {
    const stored = this.#stored;
    if (!stored) return;
    try {
      const renewed = await this.api.refresh();
      this.#load();
      if (this.#stored?.token === stored.token) this.#begin({ ...this.#stored, ...renewed });
    } catch (error) {
      const ended = error instanceof ApiError && error.code === "unauthorized";
      if (!ended) this.#wake(RETRY_MS);
    }
  }
}

function leaving(): string[] {
  return (localStorage.getItem(LEAVING_KEY) ?? "").split(" ").filter(Boolean);
}

function keepLeaving(tokens: string[]): void {
  if (tokens.length > 0) localStorage.setItem(LEAVING_KEY, [...new Set(tokens)].join(" "));
  else localStorage.removeItem(LEAVING_KEY);
}
