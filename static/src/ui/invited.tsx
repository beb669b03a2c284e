/** `/invite/{token}`: what one is invited to, through signing in and into the room. */
import { useEffect, useState } from "preact/hooks";
import type { InvitedTo } from "../client/types";
import { explain, isolated, words } from "../words";
import { Problem } from "./controls";
import { follow, go } from "./route";
import { SignIn } from "./sign-in";
import { chat, session } from "./state";

export function Invited({ token }: { token: string }) {
  const [what, setWhat] = useState<InvitedTo | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const me = chat.value;

  useEffect(() => {
    session.api.invitedTo(token).then(setWhat, setError);
  }, [token]);

  const accept = async () => {
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      const { room } = await session.api.acceptInvite(token);
      chat.peek()?.rooms.put(room);
      go(`/r/${room.id}`, { replace: true });
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };

  const gone = error && !what;
  const code = (error as { code?: string } | null)?.code;
  return (
    <main class="door">
      <section class="card invited">
        {!what && !error && <p class="hint">{words.loading}</p>}
        {what && (
          <>
            <p class="hint">{words.invitedBy(isolated(what.invitedBy))}</p>
            <h1 dir="auto">{what.room.name}</h1>
            {what.room.description && <p dir="auto">{what.room.description}</p>}
            <p class="hint">{words.memberCount(what.room.memberCount)}</p>
          </>
        )}
        <Problem text={code === "not_found" ? words.inviteBad : error ? explain(error) : null} />
        {what && me && code !== "invite_expired" && <button type="button" class="primary" onClick={accept} aria-disabled={busy}>{words.accept}</button>}
        {(gone || me) && <a class="button quiet" href="/" onClick={follow}>{words.toRooms}</a>}
      </section>
      {what && !me && <section class="card"><SignIn invite={token} onRegistered={accept} /></section>}
    </main>
  );
}
