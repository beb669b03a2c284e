/** Which keys do what. */
import { words } from "../words";
import { Dialog } from "./controls";
import { SHORTCUTS, caps } from "./keys";

export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title={words.keyboard} onClose={onClose}>
      <dl class="keys">
        {SHORTCUTS.map(({ keys, name }) => (
          <div key={name}>
            <dt>{keys.split(" / ").map((one) => <span key={one}>{caps(one).map((cap) => <kbd key={cap}>{cap}</kbd>)}</span>)}</dt>
            <dd>{words.shortcuts[name]}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
