/** A room's invite link: making, showing, copying and revoking it. */
import { useEffect, useState } from "preact/hooks";
import type { Chat } from "../client/chat";
import type { Invite } from "../client/types";
import { explain, words } from "../words";
import { Dialog, Problem } from "./controls";
import { QrCode } from "./qr";
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
/** So long the button says that the link was copied. */
const COPIED_MS = 3_000;
const USES = [1, 5, 25, 0];

export function InviteDialog({ chat, roomId, onClose }: { chat: Chat; roomId: string; onClose: () => void }) {
  const [invite, setInvite] = useState<Invite | null | undefined>(undefined);
  const [error, setError] = useState<unknown>(null);
  const [life, setLife] = useState(7 * DAY_S);
  const [uses, setUses] = useState(0);
  /** Whether the link is shown as a code; what makes another link would only be in the way of it then. */
  const [scanning, setScanning] = useState(false);
  const attempt = <T,>(work: Promise<T>, done: (result: T) => void) => {
    setError(null);
    work.then(done, setError);
  };
  useEffect(() => {
    chat.api.invite(roomId).then(setInvite, setError);
  }, [roomId]);
  const make = () => {
    const limits = { ...(life && { expiresIn: life }), ...(uses && { maxUses: uses }) };
    attempt(chat.api.makeInvite(roomId, limits), setInvite);
  };
  const revoke = () =>
    attempt(chat.api.revokeInvite(roomId), () => {
      setInvite(null);
      setScanning(false);
    });
  return (
    <Dialog title={words.invite} onClose={onClose}>
      {invite === undefined && !error && <p class="hint">{words.loading}</p>}
      {invite === null && <p>{words.inviteNone}</p>}
      {invite && <Link key={invite.token} {...{ invite, scanning, onScan: setScanning }} onRevoke={revoke} />}
      <Problem text={error ? explain(error) : null} />
      {invite !== undefined && !scanning && (
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
          {invite && <p class="hint">{words.renewHint}</p>}
        </div>
      )}
    </Dialog>
  );
}

interface Shown {
  invite: Invite;
  scanning: boolean;
  onScan: (scanning: boolean) => void;
  onRevoke: () => void;
}

function Link({ invite, scanning, onScan, onRevoke }: Shown) {
  const [copied, setCopied] = useState(false);
  const { token, uses, maxUses, expiresAt } = invite;
  // The address by which this page was reached leads here; the server may know itself by another.
  const link = `${location.origin}/invite/${token}`;
  const copy = async (event: MouseEvent) => {
    const box = (event.currentTarget as HTMLElement).parentElement?.querySelector("input");
    box?.select();
    // Browsers give the clipboard to pages by HTTPS only; the older way works by HTTP.
    const done = await navigator.clipboard?.writeText(link).then(() => true, () => false);
    setCopied(done || document.execCommand("copy"));
  };
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), COPIED_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const isSpent = uses >= (maxUses ?? Infinity) || (expiresAt !== null && Date.parse(expiresAt) <= Date.now());
  return (
    <>
      <p>{isSpent ? words.inviteSpent : words.inviteIntro}</p>
      {!isSpent && (
        <div class="link">
          <input readOnly value={link} aria-label={words.inviteLink} onFocus={(event) => event.currentTarget.select()} />
          <button type="button" class="primary" onClick={copy}>{copied ? words.copied : words.copy}</button>
        </div>
      )}
      <p class="hint">{words.usedOf(uses, maxUses)}{expiresAt && `, ${words.validUntil(fullTime(expiresAt))}`}</p>
      {scanning && !isSpent && <QrCode text={link} name={words.qrCode} />}
      {!isSpent && (
        <div class="deeds beside">
          <button type="button" onClick={() => onScan(!scanning)}>{scanning ? words.hideQr : words.showQr}</button>
          <button type="button" class="risky" onClick={onRevoke}>{words.revokeInvite}</button>
        </div>
      )}
    </>
  );
}
