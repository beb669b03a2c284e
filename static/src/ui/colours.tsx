/** Light or dark. */
import { words } from "../words";
import { THEMES, theme } from "./state";

export function Colours() {
  return (
    <fieldset class="choices">
      <legend class="unseen">{words.theme}</legend>
      {THEMES.map((name) => (
        <label key={name}>
          <input type="radio" name="theme" checked={theme.value === name} onChange={() => (theme.value = name)} />
          <span>{words.themes[name]}</span>
        </label>
      ))}
    </fieldset>
  );
}
