/** One's own settings: sections, of which one is open at a time. */
import type { FunctionComponent } from "preact";
import { useState } from "preact/hooks";
import { words } from "../words";
import { Colours } from "./colours";
import { Dialog } from "./controls";
import { Notifications } from "./notifications";
import { Password } from "./password";
import { Profile } from "./profile";
import { Sessions } from "./sessions";
import { live, session } from "./state";

const SECTIONS: [title: string, content: FunctionComponent][] = [
  [words.profile, Profile],
  [words.password, Password],
  [words.sessions, Sessions],
  [words.notifications, Notifications],
  [words.theme, Colours],
];

export function Settings({ onClose }: { onClose: () => void }) {
  const me = live(session.user);
  return (
    <Dialog title={words.settings} onClose={onClose}>
      <div class="sections">
        {SECTIONS.map(([title, content]) => <Section key={title} title={title} content={content} />)}
      </div>
      <div class="actions">
        <p class="hint">{words.signedInAs(me?.username ?? "")}</p>
        <button type="button" onClick={() => void session.signOut()}>{words.signOut}</button>
      </div>
    </Dialog>
  );
}

function Section({ title, content: Content }: { title: string; content: FunctionComponent }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details name="settings" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{title}</summary>
      {/* What is closed is not there: it asks the server for nothing, and begins anew when it is opened. */}
      {isOpen && <Content />}
    </details>
  );
}
