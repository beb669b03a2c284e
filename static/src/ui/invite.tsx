/** A room's invite link: making, copying and revoking it. */
import { useEffect, useState } from "preact/hooks";
import { ApiError } from "../client/api";
import type { Chat } from "../client/chat";
import type { Invite } from "../client/types";
import { explain, words } from "../words";
import { Dialog, Problem } from "./controls";
import { fullTime } from "./time";

const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;
const LIVES: [seconds: number, name: string][] = [
  [HOUR_S, words.hours(1)],
  [DAY_S, words.days(1)],
  [7 * DAY_S, words.days(7)],
  [30 * DAY_S, words.days(30)],
  [0, words.forGood],
];
const USES = [1, 5, 25, 0];

export function InviteDialog({ chat, roomId, onClose }: { chat: Chat; roomId: string; onClose: () => void }) {
  const [invite, setInvite] = useState<Invite | null | undefined>(undefined);
  const [error, setError] = useState<unknown>(null);
  const [life, setLife] = useState(7 * DAY_S);
  const [uses, setUses] = useState(0);
  const attempt = <T,>(work: Promise<T>, done: (result: T) => void) => {
    setError(null);
    work.then(done, setError);
  };
  useEffect(() => {
    chat.api.invite(roomId).then(setInvite, (failure) => {
      if (failure instanceof ApiError && failure.code === "not_found") setInvite(null);
      else setError(failure);
    });
  }, [roomId]);
  const make = () => {
    const limits = { ...(life && { expiresIn: life }), ...(uses && { maxUses: uses }) };
    attempt(chat.api.makeInvite(roomId, limits), setInvite);
  };
  return (
    <Dialog title={words.invite} onClose={onClose}>
      {invite === undefined && !error && <p class="hint">{words.loading}</p>}
      {invite === null && <p>{words.inviteNone}</p>}
      {invite && <Link invite={invite} onRevoke={() => attempt(chat.api.revokeInvite(roomId), () => setInvite(null))} />}
      <Problem text={error ? explain(error) : null} />
      {invite !== undefined && (
        <div class="limits">
          <label>
            {words.expires}
            <select value={life} onChange={(event) => setLife(Number(event.currentTarget.value))}>
              {LIVES.map(([seconds, name]) => <option key={seconds} value={seconds}>{name}</option>)}
            </select>
          </label>
          <label>
            {words.uses}
            <select value={uses} onChange={(event) => setUses(Number(event.currentTarget.value))}>
              {USES.map((most) => <option key={most} value={most}>{most ? words.useTimes(most) : words.useAlways}</option>)}
            </select>
          </label>
          <button type="button" class={invite ? "" : "primary"} onClick={make}>{invite ? words.renewInvite : words.makeInvite}</button>
        </div>
      )}
    </Dialog>
  );
}

function Link({ invite, onRevoke }: { invite: Invite; onRevoke: () => void }) {
  const [copied, setCopied] = useState(false);
  // The address by which this page was reached leads here; the server may know itself by another.
  const link = `${location.origin}/invite/${invite.token}`;
  const copy = async (event: MouseEvent) => {
    const box = (event.currentTarget as HTMLElement).parentElement?.querySelector("input");
    box?.select();
    // Browsers give the clipboard to pages by HTTPS only; the older way works by HTTP.
    const done = await navigator.clipboard?.writeText(link).then(() => true, () => false);
    setCopied(done || document.execCommand("copy"));
  };
  const used = words.usedOf(invite.uses, invite.maxUses);
  return (
    <>
      <p>{words.inviteIntro}</p>
      <div class="link">
        <input readOnly value={link} aria-label={words.inviteLink} onFocus={(event) => event.currentTarget.select()} />
        <button type="button" class="primary" onClick={copy}>{copied ? words.copied : words.copy}</button>
      </div>
      <p class="hint">
        {used}{invite.expiresAt && `, ${words.validUntil(fullTime(invite.expiresAt))}`}
        {" · "}<button type="button" class="text-button" onClick={onRevoke}>{words.revokeInvite}</button>
      </p>
    </>
  );
}
