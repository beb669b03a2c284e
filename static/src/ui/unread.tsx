/** How much is unread: in the lists of rooms, and where it is seen while the page is not: its title, its icon, and the installed app's badge. */
import { useEffect } from "preact/hooks";
import { words } from "../words";

/** More are not counted out. */
const MOST = 99;
const capped = (count: number) => (count > MOST ? `${MOST}+` : `${count}`);

export function Badge({ count }: { count: number }) {
  return (
    <span class="badge">
      <span aria-hidden="true">{capped(count)}</span>
      <span class="unseen">{words.unread(count)}</span>
    </span>
  );
}

export function useUnread(count: number, room: string | undefined): void {
  useEffect(() => tell(count, room), [count, room]);
  // Whoever has signed out has nothing to read.
  useEffect(() => () => tell(0), []);
}

function tell(count: number, room?: string): void {
  const shown = count ? `(${capped(count)}) ` : "";
  document.title = `${shown}${room ? `${room} – ` : ""}chatd`;
  const icon = document.querySelector<HTMLLinkElement>("link[rel=icon]");
  if (icon) icon.href = count ? "/icon-unread.svg" : "/icon.svg";
  // Not all browsers have badges, and those that do may refuse them.
  const badged = count ? navigator.setAppBadge?.(count) : navigator.clearAppBadge?.();
  badged?.catch(() => {});
}
