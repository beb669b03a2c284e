/** The members of one room, with their roles, presence and receipts. */
import type { Api } from "./api";
import { Observable } from "./observable";
import type { Member } from "./types";

export class Members {
  /** In the order of their names; nothing until they are loaded. */
  readonly list = new Observable<readonly Member[] | null>(null);
  readonly #api: Api;
  readonly #roomId: string;

  constructor(api: Api, roomId: string) {
    this.#api = api;
    this.#roomId = roomId;
  }

  async load(): Promise<void> {
    const members = await this.#api.members(this.#roomId).catch(() => undefined);
    if (members) this.list.set(members.sort(byName));
  }

  change(userId: string, change: Partial<Member>): void {
    const members = this.list.value;
    if (!members?.some((member) => member.userId === userId)) return;
    const changed = members.map((member) => (member.userId === userId ? { ...member, ...change } : member));
    this.list.set("displayName" in change ? changed.sort(byName) : changed);
  }

  remove(userId: string): void {
    const members = this.list.value;
    if (members) this.list.set(members.filter((member) => member.userId !== userId));
  }
}

function byName(one: Member, other: Member): number {
  return one.displayName.localeCompare(other.displayName);
}
