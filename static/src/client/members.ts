/** The members of one room, with their roles, presence and receipts. */
import type { Api } from "./api";
import { Observable } from "./observable";
import type { Member } from "./types";

type Change = (members: readonly Member[]) => readonly Member[];

export class Members {
  /** In the order of their names; nothing until they are loaded. */
  readonly list = new Observable<readonly Member[] | null>(null);
  readonly #api: Api;
  readonly #roomId: string;
  #loading = false;
  #again = false;
  /** What was told while the list was on its way: the list may be older. */
  #told: Change[] = [];

  constructor(api: Api, roomId: string) {
    this.#api = api;
    this.#roomId = roomId;
  }

  /** Loads the list. Asked for once more while it comes, it is loaded once more after that. */
  async load(): Promise<void> {
    this.#again = this.#loading;
    if (this.#loading) return;
    this.#loading = true;
    this.#told = [];
    const members = await this.#api.members(this.#roomId).catch(() => undefined);
    this.#loading = false;
    if (members) {
      members.sort(byName);
      this.list.set(this.#told.reduce((list: readonly Member[], change) => change(list), members));
    }
    if (this.#again) await this.load();
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
