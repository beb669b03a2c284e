/**
 * The service worker. Phones show notifications only through one; all it does is to open the room when one is clicked.
 * Nothing is cached.
 */

// The types of pages and of workers exclude each other in one check, so what is used of a worker's is written here.
interface Click extends Event {
  readonly notification: Notification;
  waitUntil(work: Promise<unknown>): void;
}
interface Page {
  readonly visibilityState: DocumentVisibilityState;
  focus(): Promise<Page>;
  postMessage(data: unknown): void;
}
declare const clients: {
  matchAll(options: { type: "window"; includeUncontrolled: boolean }): Promise<readonly Page[]>;
  openWindow(path: string): Promise<unknown>;
};
declare function skipWaiting(): Promise<void>;

addEventListener("install", () => void skipWaiting());

addEventListener("notificationclick", (event) => {
  const click = event as Click;
  click.notification.close();
  click.waitUntil(open(`/r/${click.notification.tag}`));
});

/** In a page that there is already, or else in a new one. */
async function open(path: string): Promise<void> {
  const pages = await clients.matchAll({ type: "window", includeUncontrolled: true });
  const page = pages.find(({ visibilityState }) => visibilityState === "visible") ?? pages[0];
  if (!page) return void (await clients.openWindow(path));
  page.postMessage({ open: path });
  await page.focus();
}

export {};
