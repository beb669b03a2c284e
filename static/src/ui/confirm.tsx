/** Asks once more before something that cannot be undone. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { explain, words } from "../words";
import { Dialog, Problem } from "./controls";

interface Question {
  title: string;
  action: string;
  onDo: () => Promise<unknown>;
  onClose: () => void;
  children?: ComponentChildren;
}

export function Confirm({ title, action, onDo, onClose, children }: Question) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const act = async () => {
    if (busy) return;
    setBusy(true);
    try {
      await onDo();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      <Problem text={error ? explain(error) : null} />
      <div class="actions">
        <button type="button" onClick={onClose} data-autofocus>{words.cancel}</button>
        <button type="button" class="danger" onClick={act} aria-disabled={busy}>{action}</button>
      </div>
    </Dialog>
  );
}
