/** Which page is shown: the browser's address decides. */
import { batch, signal } from "@preact/signals";
import { overlay } from "./state";

export type Route = { page: "home" } | { page: "room"; roomId: string } | { page: "invite" | "setup"; token: string };

function read(): Route {
  const [, first, second] = location.pathname.split("/");
  if (first === "r" && second) return { page: "room", roomId: second };
  if (first === "invite" && second) return { page: "invite", token: second };
  if (first === "setup") return { page: "setup", token: location.hash.slice(1) };
  return { page: "home" };
}

export const route = signal<Route>(read());

/** Shows another page. What was open above the former one goes first: nothing under it could take the focus. */
function show(): void {
  batch(() => {
    overlay.value = null;
    route.value = read();
  });
}

addEventListener("popstate", show);

export function go(path: string, { replace = false } = {}): void {
  if (path === location.pathname) return;
  history[replace ? "replaceState" : "pushState"](null, "", path);
  show();
}

/** For links within the page: those that open elsewhere are left to the browser. */
export function follow(event: MouseEvent): void {
  const link = event.currentTarget as HTMLAnchorElement;
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(link.pathname);
}
