/** Which keys do what. */
import { words } from "../words";
import { Dialog } from "./controls";
import { SHORTCUTS, caps } from "./keys";

const PLACES = ["page", "composer", "log"] as const;

export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title={words.keyboard} onClose={onClose}>
      {PLACES.map((place) => (
        <section key={place} class="keys">
          <h3>{words.places[place]}</h3>
          <dl>
            {SHORTCUTS[place].map(({ keys, name }) => (
              <div key={name}>
                <dt>{keys.split(" / ").map((one) => <span key={one}>{caps(one).map((cap) => <kbd key={cap}>{cap}</kbd>)}</span>)}</dt>
                <dd>{words.shortcuts[name]}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </Dialog>
  );
}
