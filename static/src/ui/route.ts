/** Which page is shown: the browser's address decides. */
import { signal } from "@preact/signals";

export type Route = { page: "home" } | { page: "room"; roomId: string } | { page: "invite"; token: string };

function read(): Route {
  const [, first, second] = location.pathname.split("/");
  if (first === "r" && second) return { page: "room", roomId: second };
  if (first === "invite" && second) return { page: "invite", token: second };
  return { page: "home" };
}

export const route = signal<Route>(read());

addEventListener("popstate", () => (route.value = read()));

export function go(path: string, { replace = false } = {}): void {
  if (path !== location.pathname) history[replace ? "replaceState" : "pushState"](null, "", path);
  route.value = read();
}

/** For links within the page: those that open elsewhere are left to the browser. */
export function follow(event: MouseEvent): void {
  const link = event.currentTarget as HTMLAnchorElement;
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(link.pathname);
}
