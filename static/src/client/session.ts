/** Who is signed in, on all tabs of this browser. The token is kept in localStorage and renewed before it expires. */
import { Api, ApiError, type NewAccount } from "./api";
import { Observable } from "./observable";
import type { Me, SignedIn } from "./types";

const KEY = "chatd.session";
const RETRY_MS = 60_000;
/** Timers take no longer waits than a signed 32-bit number of milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Stored extends SignedIn {
  /** When the token was got, in milliseconds: it is renewed in the middle of its life. */
  since: number;
}

export class Session {
  readonly api: Api;
  /** The account; nothing while nobody is signed in. */
  readonly user = new Observable<Me | null>(null);
  #stored: Stored | null = null;
  #timer = 0;

  constructor(base: string) {
    this.api = new Api(base, () => this.token);
    this.api.onUnauthorized = (token) => token === this.token && this.#keep(null);
    addEventListener("storage", (event) => event.key === KEY && this.#load());
    this.#load();
  }

  get token(): string | undefined {
    return this.#stored?.token;
  }

  async signIn(name: string, password: string): Promise<void> {
    this.#keep(await this.api.login(name, password));
  }

  async register(account: NewAccount): Promise<void> {
    this.#keep(await this.api.register(account));
  }

  /** Ends the session here, and on the server if it can be reached. */
  async signOut(): Promise<void> {
    const ended = this.api.logout();
    // At once: whatever is asked with this token from now on would be refused.
    this.#keep(null);
    await ended.catch(() => {});
  }

  /** Asks the server whether the session is over; it is forgotten if so. */
  isEnded = async (): Promise<boolean> => {
    await this.api.me().catch(() => {});
    return !this.#stored;
  };

  #keep(signedIn: SignedIn | null): void {
    if (signedIn) localStorage.setItem(KEY, JSON.stringify({ ...signedIn, since: Date.now() } satisfies Stored));
    else localStorage.removeItem(KEY);
    this.#load();
  }

  #load(): void {
    try {
      this.#stored = JSON.parse(localStorage.getItem(KEY) ?? "null");
    } catch {
      this.#stored = null;
    }
    if (this.#stored?.user.id !== this.user.value?.id) this.user.set(this.#stored?.user ?? null);
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
    const wait = Math.min(Math.max(ms, 0), LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => (wait === LONGEST_TIMER_MS ? this.#schedule() : void this.#refresh()), wait);
  }

  async #refresh(): Promise<void> {
    const stored = this.#stored;
    if (!stored) return;
    try {
      const renewed = await this.api.refresh();
      if (this.#stored === stored) this.#keep({ ...stored, ...renewed });
    } catch (error) {
      const ended = error instanceof ApiError && error.code === "unauthorized";
      if (!ended) this.#wake(RETRY_MS);
    }
  }
}
