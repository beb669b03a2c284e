/** Going to a room by typing some of its name: a combobox with a list of one's rooms, as WAI-ARIA has it. */
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Chat } from "../client/chat";
import type { RoomSummary } from "../client/types";
import { words } from "../words";
import { Dialog } from "./controls";
import { Icon } from "./icons";
import { isComposing } from "./keys";
import { matching } from "./match";
import { go, route } from "./route";
import { live, overlay } from "./state";
import { Badge } from "./unread";

/** More than anybody looks through; typing finds the others. */
const MOST_ROOMS = 50;
const MORE = [["search", "find-rooms", words.findRooms], ["plus", "new-room", words.newRoom]] as const;

export function Switcher({ chat, onClose }: { chat: Chat; onClose: () => void }) {
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const id = useId();
  const all = live(chat.rooms.list) ?? [];
  const rooms = (query.trim() ? matching(all, query) : unreadFirst(all)).slice(0, MOST_ROOMS);
  const count = rooms.length + MORE.length;
  const active = Math.min(at, count - 1);

  useLayoutEffect(() => {
    list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [active]);

  const choose = (index: number) => {
    const room = rooms[index];
    const more = MORE[index - rooms.length];
    if (more) return void (overlay.value = { kind: more[1] });
    onClose();
    if (room) go(`/r/${room.id}`);
  };
  const press = (event: KeyboardEvent) => {
    if (isComposing(event)) return;
    if (event.key === "ArrowDown") setAt((active + 1) % count);
    else if (event.key === "ArrowUp") setAt((active + count - 1) % count);
    else if (event.key === "Enter") choose(active);
    else return;
    event.preventDefault();
  };
  const type = (text: string) => {
    setQuery(text);
    setAt(0);
  };
  const option = (index: number) => ({
    id: `${id}-${index}`,
    role: "option",
    "aria-selected": index === active,
    onClick: () => choose(index),
    // The input keeps the focus.
    onMouseDown: (event: MouseEvent) => event.preventDefault(),
  }) as const;
  return (
    <Dialog title={words.goTo} onClose={onClose}>
      <input
        type="text"
        role="combobox"
        autocomplete="off"
        spellcheck={false}
        aria-label={words.search}
        aria-autocomplete="list"
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={`${id}-${active}`}
        placeholder={words.search}
        value={query}
        onInput={(event) => type(event.currentTarget.value)}
        onKeyDown={press}
      />
      <ul ref={list} id={id} class="switcher" role="listbox" aria-label={words.rooms}>
        {rooms.map((room, index) => (
          <li key={room.id} {...option(index)}>
            <Icon name={room.isPrivate ? "lock" : "hash"} />
            <span class="name"><bdi>{room.name}</bdi></span>
            {room.unread > 0 && <Badge count={room.unread} />}
          </li>
        ))}
        {MORE.map(([icon, kind, name], index) => (
          <li key={kind} {...option(rooms.length + index)} class="more">
            <Icon name={icon} />
            <span class="name">{name}</span>
          </li>
        ))}
      </ul>
      <p class="unseen" role="status">{query && words.roomsFound(rooms.length)}</p>
    </Dialog>
  );
}

/** The unread rooms first; the one that is open last, since one is there already. */
function unreadFirst(rooms: readonly RoomSummary[]): RoomSummary[] {
  const here = route.value.page === "room" ? route.value.roomId : "";
  const rank = ({ id, unread }: RoomSummary) => (id === here ? 2 : unread > 0 ? 0 : 1);
  return [...rooms].sort((one, other) => rank(one) - rank(other));
}
