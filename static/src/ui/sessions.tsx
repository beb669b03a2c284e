/** Where one is signed in, and ending it there. */
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "../client/api";
import type { OwnSession } from "../client/types";
import { explain, words } from "../words";
import { Problem } from "./controls";
import { deviceName } from "./device";
import { session } from "./state";
import { timeAgo } from "./time";

export function Sessions() {
  const [sessions, setSessions] = useState<OwnSession[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [ended, setEnded] = useState(false);
  const list = useRef<HTMLUListElement>(null);
  // The one that is used here comes first, then whichever was used last.
  const load = async () => {
    const rank = ({ current, lastSeenAt }: OwnSession) => `${Number(current)} ${lastSeenAt}`;
    setSessions((await session.api.sessions()).sort((one, other) => rank(other).localeCompare(rank(one))));
  };
  useEffect(() => {
    load().catch(setError);
  }, []);
  const end = async (which: OwnSession[]) => {
    setError(null);
    setEnded(false);
    try {
      for (const { id } of which) await session.api.endSession(id).catch(unlessGone);
      await load();
      setEnded(true);
      // The button that had the focus is gone.
      list.current?.focus();
    } catch (failure) {
      setError(failure);
    }
  };
  const others = sessions?.filter(({ current }) => !current) ?? [];
  return (
    <>
      {!sessions && !error && <p class="hint">{words.loading}</p>}
      <ul ref={list} class="found sessions" tabIndex={-1} aria-label={words.sessions}>
        {sessions?.map((one) => <Row key={one.id} session={one} onEnd={() => end([one])} />)}
      </ul>
      <Problem text={error ? explain(error) : null} />
      <div class="actions">
        <p class="hint" role="status">{ended && words.sessionEnded}</p>
        {others.length > 0 && <button type="button" onClick={() => end(others)}>{words.endOthers}</button>}
      </div>
    </>
  );
}

function Row({ session: { userAgent, address, lastSeenAt, current }, onEnd }: { session: OwnSession; onEnd: () => void }) {
  const name = deviceName(userAgent);
  return (
    <li>
      <div>
        <strong>{name}</strong>
        <p class="hint">{current ? words.thisDevice : words.active(timeAgo(lastSeenAt))} · {address}</p>
      </div>
      {!current && <button type="button" onClick={onEnd} aria-label={`${words.end}: ${name}, ${address}`}>{words.end}</button>}
    </li>
  );
}

/** One that has ended by itself meanwhile is as good as ended. */
function unlessGone(error: unknown): void {
  if (!(error instanceof ApiError && error.code === "not_found")) throw error;
}
