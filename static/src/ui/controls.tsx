/** The small parts that all pages are made of. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useRef } from "preact/hooks";
import { words } from "../words";
import { Icon } from "./icons";

type IconName = Parameters<typeof Icon>[0]["name"];

/** A button that shows an icon only; its name is told and shown as a tip. */
export function IconButton(props: { icon: IconName; name: string; onClick: () => void; class?: string; tabIndex?: number }) {
  const { icon, name, onClick, tabIndex } = props;
  return (
    <button type="button" class={`icon-button ${props.class ?? ""}`} aria-label={name} title={name} onClick={onClick} tabIndex={tabIndex}>
      <Icon name={icon} />
    </button>
  );
}

/** A labelled input with what it wants or what was wrong with it below. */
export function Field(props: {
  label: string;
  name: string;
  type?: "text" | "email" | "password";
  hint?: string | undefined;
  problem?: string | undefined;
  autocomplete?: string;
  minLength?: number;
  maxLength?: number;
  required?: boolean;
  defaultValue?: string | undefined;
  dir?: "auto";
  autofocus?: boolean;
}) {
  const { label, hint, problem, autofocus, type = "text", ...input } = props;
  const id = useId();
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (autofocus) box.current?.focus();
  }, [autofocus]);
  const note = problem ?? hint;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input id={id} ref={box} type={type as "text"} {...input} aria-invalid={problem ? true : undefined} aria-describedby={note ? `${id}-note` : undefined} />
      {note && <p id={`${id}-note`} class={problem ? "problem" : "hint"}>{note}</p>}
    </div>
  );
}

/** Something went wrong with what was just tried. */
export function Problem({ text }: { text: string | null | undefined }) {
  return <div role="alert">{text && <p class="problem">{text}</p>}</div>;
}

/** A dialog above the page; Escape closes it, and the focus goes back to where it was. */
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const id = useId();
  const box = useRef<HTMLDialogElement>(null);
  // In step with the page: the focus must be back before what comes instead of the dialog takes it.
  useLayoutEffect(() => {
    const before = document.activeElement;
    // What a row shows only while it has the focus can take it only after the row has.
    const row = before?.closest<HTMLElement>("[tabindex]");
    const dialog = box.current;
    dialog?.showModal();
    dialog?.querySelector<HTMLElement>("[data-autofocus], input:not([data-later]), select")?.focus();
    return () => {
      // While it is open, nothing outside can take the focus.
      dialog?.close();
      row?.focus();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const outside = (event: MouseEvent) => event.target === box.current && onClose();
  // Escape would have the browser close it first and tell us later, and keys pressed meanwhile would be lost.
  const cancelled = (event: Event) => {
    event.preventDefault();
    onClose();
  };
  // What is told after the dialog has gone is about its going.
  const closed = () => box.current && onClose();
  return (
    <dialog ref={box} aria-labelledby={id} onCancel={cancelled} onClose={closed} onMouseDown={outside}>
      <div class="dialog">
        <header>
          <h2 id={id}><bdi>{title}</bdi></h2>
          <IconButton icon="close" name={words.close} onClick={onClose} />
        </header>
        {children}
      </div>
    </dialog>
  );
}

const HUES = 12;
const letters = new Intl.Segmenter();

/** Somebody's initial on a colour that stays theirs. */
export function Avatar({ name, id }: { name: string; id: string }) {
  const hue = Number.parseInt(id.slice(-4), 16) % HUES;
  const [first = "?"] = letters.segment(name.trim())[Symbol.iterator]().next().value?.segment ?? "?";
  return <span class={`avatar hue-${hue}`} aria-hidden="true">{first.toLocaleUpperCase()}</span>;
}
