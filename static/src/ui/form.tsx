/** A form that is sent by a request: what came of it, and what was wrong with which field. */
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "../client/api";
import { explain, words } from "../words";
import { Problem } from "./controls";

interface Outcome {
  busy?: boolean;
  done?: boolean;
  error?: unknown;
}

/** `send` gets what is in the form. `bind` belongs on the form, `outcome` in its `FormEnd`. */
export function useForm(send: (text: (name: string) => string, form: HTMLFormElement) => Promise<unknown>) {
  const ref = useRef<HTMLFormElement>(null);
  const [outcome, setOutcome] = useState<Outcome>({});
  useEffect(() => {
    // Where something is to be mended; a screen reader says there what it is.
    if (outcome.error) ref.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus();
  }, [outcome]);
  const onSubmit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (outcome.busy) return;
    const form = event.currentTarget as HTMLFormElement;
    const data = new FormData(form);
    setOutcome({ busy: true });
    try {
      await send((name) => String(data.get(name) ?? ""), form);
      setOutcome({ done: true });
    } catch (error) {
      setOutcome({ error });
    }
  };
  const onInput = () => outcome.done && setOutcome({});
  return { outcome, setOutcome, bind: { ref, onSubmit, onInput } };
}

interface End {
  outcome: Outcome;
  action: string;
  /** Says that it was done; a form that closes then can be cancelled instead. */
  done?: string;
  onCancel?: () => void;
  /** Whether a field shows already what was wrong. */
  told?: boolean;
}

/** The button of a form, with what came of it. It keeps the focus while it is busy. */
export function FormEnd({ outcome, action, done, onCancel, told }: End) {
  return (
    <>
      <Problem text={outcome.error && !told ? explain(outcome.error) : null} />
      <div class="actions">
        {onCancel ? <button type="button" onClick={onCancel}>{words.cancel}</button> : <p class="hint" role="status">{outcome.done && done}</p>}
        <button type="submit" class="primary" aria-disabled={outcome.busy}>{action}</button>
      </div>
    </>
  );
}

/** What is wrong with a field: `wanted` says what would be right. */
export function problemAt(error: unknown, field: string, wanted: string): string | undefined {
  if (!(error instanceof ApiError)) return undefined;
  const { details } = error;
  return details.fields?.[field] ? wanted : details.field === field ? words.taken : undefined;
}

/** The contract's least; a server may ask for more, and says so only when it refuses a password. */
let leastPassword = 8;

export function passwordHint(): string {
  return words.passwordHint(leastPassword);
}

/** The same for a new password: how long it must be stands in the server's English sentence. */
export function passwordProblem(error: unknown, field: string): string | undefined {
  const why = error instanceof ApiError ? error.details.fields?.[field] : undefined;
  if (!why) return undefined;
  const [least, most] = why.match(/\d+/g)?.map(Number) ?? [];
  if (!least || !most) return passwordHint();
  leastPassword = least;
  return words.passwordWanted(least, most);
}
