/** The members of one room, with their roles, presence and receipts. */
import { type Api, isBusy, isLost, patience } from "./api";
import { Observable } from "./observable";
import type { Member } from "./types";

/** Between two loads of the list for its changes. */
const RELOAD_MS = 1_000;
/** In big rooms the server does not tell who comes and goes, so that what is older is loaded anew when it is shown. */
const STALE_MS = 60_000;

type Change = (members: readonly Member[]) => readonly Member[];

export class Members {
  /** In the order of their names; nothing until they are loaded. */
  readonly list = new Observable<readonly Member[] | null>(null);
  readonly #api: Api;
  readonly #roomId: string;
  #loading = false;
  #again = false;
  #loadedAt = 0;
  /** What was told while the list was on its way: the list may be older. */
  #told: Change[] = [];

  constructor(api: Api, roomId: string) {
    this.#api = api;
    this.#roomId = roomId;
  }

  /** To be called when the list is shown. */
  renew(): void {
    if (!this.#loading && Date.now() - this.#loadedAt > STALE_MS) void this.load();
  }

  /** Loads the list, and tries until it is there. Asked for once more meanwhile, it is loaded once more after that. */
  async load(): Promise<void> {
    this.#again = true;
    if (this.#loading) return;
    this.#loading = true;
    while (this.#again) {
      this.#again = false;
      this.#told = [];
      try {
        const members = (await this.#api.members(this.#roomId)).sort(byName);
        this.#loadedAt = Date.now();
        this.list.set(this.#told.reduce((list: readonly Member[], change) => change(list), members));
        if (this.#again) await new Promise((done) => setTimeout(done, RELOAD_MS));
      } catch (error) {
        if (!isBusy(error) && !isLost(error)) break;
        this.#again = true;
        await patience(error);
      }
    }
    this.#loading = false;
  }

  change(userId: string, change: Partial<Member>): void {
    this.#apply((members) => {
      if (!members.some((member) => member.userId === userId)) return members;
      const changed = members.map((member) => (member.userId === userId ? { ...member, ...change } : member));
      return "displayName" in change ? changed.sort(byName) : changed;
    });
  }

  remove(userId: string): void {
    this.#apply((members) => members.filter((member) => member.userId !== userId));
  }

  #apply(change: Change): void {
    if (this.#loading) this.#told.push(change);
    if (this.list.value) this.list.set(change(this.list.value));
  }
}

function byName(one: Member, other: Member): number {
  return one.displayName.localeCompare(other.displayName);
}
