/** One's own settings. */
import { words } from "../words";
import { Dialog } from "./controls";
import { Notifications } from "./notifications";
import { THEMES, live, overlay, session, theme } from "./state";

export function Settings({ onClose }: { onClose: () => void }) {
  const me = live(session.user);
  const leave = () => {
    overlay.value = null;
    void session.signOut();
  };
  return (
    <Dialog title={words.settings} onClose={onClose}>
      <p class="hint">{words.signedInAs(me?.username ?? "")}</p>
      <fieldset class="choices">
        <legend>{words.theme}</legend>
        {THEMES.map((name) => (
          <label key={name}>
            <input type="radio" name="theme" checked={theme.value === name} onChange={() => (theme.value = name)} />
            <span>{words.themes[name]}</span>
          </label>
        ))}
      </fieldset>
      <Notifications />
      <div class="actions">
        <button type="button" onClick={leave}>{words.signOut}</button>
      </div>
    </Dialog>
  );
}
