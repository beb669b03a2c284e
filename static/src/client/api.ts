/** The REST API, typed. Each refusal is an `ApiError`; one that is no answer at all has the code `network`. */
import type { Ban, ErrorBody, History, Invite, InvitedTo, Joined, Me, Member, Message, OwnSession, Role, Room, RoomSummary, SignedIn } from "./types";

const REQUEST_MS = 20_000;
/** After a refusal that may pass, unless it says for how long. */
const PATIENCE_MS = 5_000;
/** The most rows that the server gives at once. */
export const PAGE = 200;

export class ApiError extends Error {
  readonly code: string;
  readonly details: NonNullable<ErrorBody["details"]>;
  /** The HTTP status; 0 where there was no answer. */
  readonly status: number;

  constructor(error: ErrorBody, status = 0) {
    super(error.message);
    this.code = error.code;
    this.details = error.details ?? {};
    this.status = status;
  }
}

/** Whether there was no answer. */
export function isLost(error: unknown): boolean {
  return error instanceof ApiError && error.code === "network";
}

/** Whether the server asks to be asked again later. */
export function isBusy(error: unknown): boolean {
  return error instanceof ApiError && (error.code === "rate_limited" || error.code === "overloaded");
}

/** Waits for as long as a refusal asks for. */
export function patience(error: unknown): Promise<void> {
  const asked = error instanceof ApiError ? error.details.retryAfterMs : undefined;
  return new Promise((done) => setTimeout(done, asked ?? PATIENCE_MS));
}

export interface NewAccount {
  username: string;
  email: string;
  password: string;
  invite?: string;
  /** Of a setup link: the account is the first admin's. */
  token?: string;
}

export interface AccountChange {
  displayName?: string;
  email?: string;
}

/** What is to be changed about a room; what is left out stays. `createdBy` hands it over to a member. */
export interface RoomChange {
  name?: string;
  description?: string;
  isPrivate?: boolean;
  createdBy?: string;
}

export class Api {
  readonly #base: string;
  readonly #token: () => string | undefined;
  /** Called when the server no longer knows the session. */
  onUnauthorized: (token: string) => void = () => {};

  constructor(base: string, token: () => string | undefined) {
    this.#base = base;
    this.#token = token;
  }

  register = (account: NewAccount) => this.#send<SignedIn>("POST", account.token ? "/setup" : "/auth/register", account);
  /** Whether a setup link's token is good; it is refused otherwise. */
  checkSetup = (token: string) => this.#send<void>("POST", "/setup/check", { token });
  login = (name: string, password: string) =>
    this.#send<SignedIn>("POST", "/auth/login", { [name.includes("@") ? "email" : "username"]: name, password });
  logout = () => this.#send<void>("POST", "/auth/logout");
  refresh = () => this.#send<{ token: string; expiresAt: string }>("POST", "/auth/refresh");
  me = () => this.#send<Me>("GET", "/users/me");
  changeMe = (change: AccountChange) => this.#send<Me>("PATCH", "/users/me", change);
  /** All other sessions end by it. */
  changePassword = (currentPassword: string, newPassword: string) =>
    this.#send<void>("PUT", "/auth/password", { currentPassword, newPassword });
  sessions = () => this.#all<OwnSession>("/auth/sessions", "sessions");
  endSession = (id: string) => this.#send<void>("DELETE", `/auth/sessions/${id}`);

  myRooms = () => this.#all<RoomSummary>("/rooms", "rooms");
  findRooms = async (query: string) =>
    (await this.#send<{ rooms: Room[] }>("GET", `/rooms?scope=public&query=${encodeURIComponent(query)}`)).rooms;
  room = (roomId: string) => this.#send<Room>("GET", `/rooms/${encodeURIComponent(roomId)}`);
  createRoom = (room: { name: string; description?: string; isPrivate: boolean }) =>
    this.#send<Room>("POST", "/rooms", room);
  changeRoom = (roomId: string, change: RoomChange) => this.#send<Room>("PATCH", `/rooms/${roomId}`, change);
  joinRoom = (roomId: string) => this.#send<Joined>("POST", `/rooms/${roomId}/join`);
  leaveRoom = (roomId: string) => this.#send<void>("POST", `/rooms/${roomId}/leave`);
  deleteRoom = (roomId: string) => this.#send<void>("DELETE", `/rooms/${roomId}`);
  members = (roomId: string) => this.#all<Member>(`/rooms/${roomId}/users`, "users");

  setRole = (roomId: string, userId: string, role: Role) =>
    this.#send<{ role: Role }>("PATCH", `/rooms/${roomId}/users/${userId}`, { role });
  removeMember = (roomId: string, userId: string) => this.#send<void>("DELETE", `/rooms/${roomId}/users/${userId}`);

  bans = (roomId: string) => this.#all<Ban>(`/rooms/${roomId}/bans`, "bans");
  ban = (roomId: string, userId: string) => this.#send<void>("PUT", `/rooms/${roomId}/bans/${userId}`);
  unban = (roomId: string, userId: string) => this.#send<void>("DELETE", `/rooms/${roomId}/bans/${userId}`);

  invite = (roomId: string) => this.#send<Invite | null>("GET", `/rooms/${roomId}/invites`);
  makeInvite = (roomId: string, limits: { expiresIn?: number; maxUses?: number }) =>
    this.#send<Invite>("POST", `/rooms/${roomId}/invites`, limits);
  revokeInvite = (roomId: string) => this.#send<void>("DELETE", `/rooms/${roomId}/invites`);
  invitedTo = (token: string) => this.#send<InvitedTo>("GET", `/rooms/invites/${encodeURIComponent(token)}`);
  acceptInvite = (token: string) => this.#send<Joined>("POST", `/rooms/invites/${encodeURIComponent(token)}/join`);

  /** A page of a room's history: the newest, or the one before or after a number. */
  history = (roomId: string, where: { before?: number; after?: number; limit: number }) => {
    const query = Object.entries(where).map(([name, value]) => `${name}=${value}`);
    return this.#send<History>("GET", `/rooms/${roomId}/messages?${query.join("&")}`);
  };
  editMessage = (roomId: string, messageId: string, content: string) =>
    this.#send<Message>("PATCH", `/rooms/${roomId}/messages/${messageId}`, { content });
  deleteMessage = (roomId: string, messageId: string) =>
    this.#send<Message>("DELETE", `/rooms/${roomId}/messages/${messageId}`);

  /** A list with all its pages. */
  async #all<T>(path: string, plural: string): Promise<T[]> {
    const rows: T[] = [];
    let cursor = "";
    do {
      const page = await this.#send<Record<string, T[]> & { nextCursor?: string }>(
        "GET",
        `${path}?limit=${PAGE}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      rows.push(...(page[plural] ?? []));
      cursor = page.nextCursor ?? "";
    } while (cursor);
    return rows;
  }

  async #send<T>(method: string, path: string, body?: object): Promise<T> {
    const token = this.#token();
    const headers: Record<string, string> = {};
    if (token) headers.authorization = `Bearer ${token}`;
    if (body) headers["content-type"] = "application/json";
    let response: Response;
    try {
      response = await fetch(`${this.#base}/api${path}`, {
        method,
        headers,
        body: body ? JSON.stringify(body) : null,
        signal: AbortSignal.timeout(REQUEST_MS),
      });
    } catch {
      throw new ApiError({ code: "network", message: "The server cannot be reached." });
    }
    const answer = await response.json().catch(() => undefined);
    if (response.ok) return answer as T;
    const error: ErrorBody = answer?.error ?? { code: "internal", message: `The server answered ${response.status}.` };
    if (error.code === "unauthorized" && token) this.onUnauthorized(token);
    throw new ApiError(error, response.status);
  }
}
