/**
 * The part of a long list that is drawn: it moves with its reader, who stays where they are, at the end or at what
 * they look at. However long the list is, a bounded number of rows is on the page.
 */
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** So near counts as being at the end, in pixels. */
const END_PX = 48;
/** So near to where the drawn rows end, more of them are drawn, in pixels. */
const NEAR_PX = 800;
/** So many rows are added at a time, and drawn at first. */
const STEP_ROWS = 60;
const MOST_ROWS = 240;
/** So many rows stand above the one that the list is opened at. */
const ABOVE_ROWS = 10;

/** The numbers of the first and the last row; `to` is infinite where the newest ones are drawn as they come. */
interface Range {
  from: number;
  to: number;
}

interface List {
  /** The numbers of the oldest and the newest row that there are. */
  first: number;
  last: number;
  isReady: boolean;
  /** The row to begin at, if it is not the end. */
  opensAt: number | null;
  /** Called when the reader comes near the oldest row. */
  onTop: () => void;
  /** Called with the number of the last row that is in sight. */
  onSee: (number: number) => void;
}

export function useWindow(box: RefObject<HTMLElement | null>, { first, last, isReady, opensAt, onTop, onSee }: List) {
  const [asked, setRange] = useState<Range | null>(null);
  const [atEnd, setAtEnd] = useState(true);
  const kept = useRef({ atEnd: true, isOpen: false, hadFocus: false, target: 0, row: undefined as HTMLElement | undefined, y: 0, top: 0, height: 0 });
  const keep = kept.current;
  const range = fit(asked ?? opening(first, last, opensAt), first, last, keep.atEnd);
  const move = (to: Range) => {
    const next = fit(to, first, last, keep.atEnd);
    if (next.from !== range.from || next.to !== range.to) setRange(next);
  };

  /** Sees where the reader is, and draws more where they are near the edge of what is drawn. */
  const look = () => {
    const list = box.current;
    if (!list || !keep.isOpen) return;
    const below = list.scrollHeight - list.scrollTop - list.clientHeight;
    keep.atEnd = range.to === Infinity && below < END_PX;
    setAtEnd(keep.atEnd);
    const inSight = rowsInSight(list);
    keep.row = inSight[0];
    keep.y = keep.row?.getBoundingClientRect().top ?? 0;
    keep.top = list.scrollTop;
    keep.height = list.clientHeight;
    onSee(Number(inSight.at(-1)?.dataset.seq ?? 0));
    keep.hadFocus = list.contains(document.activeElement);
    if (list.scrollTop < NEAR_PX) {
      if (range.from > first) move({ from: range.from - STEP_ROWS, to: range.to });
      else onTop();
    } else if (below < NEAR_PX && range.to < last) {
      const to = range.to + STEP_ROWS;
      move({ from: Math.max(range.from, Math.min(to, last) - MOST_ROWS + 1), to });
    }
  };

  /** Puts the reader back to where they were before something was drawn. */
  const settle = () => {
    const list = box.current;
    if (!list || !keep.isOpen) return;
    const target = keep.target > 0 && list.querySelector<HTMLElement>(`[data-seq="${keep.target}"]`);
    if (target) {
      keep.target = 0;
      target.scrollIntoView({ block: "center" });
      target.focus({ preventScroll: true });
    } else if (keep.atEnd) {
      list.scrollTop = list.scrollHeight;
    } else if (keep.row?.isConnected) {
      // What was scrolled since the last look is the reader's wish.
      const scrolled = list.scrollTop - keep.top;
      list.scrollTop += keep.row.getBoundingClientRect().top - keep.y + scrolled;
    }
    // The row that had it is not drawn any more.
    if (keep.hadFocus && document.activeElement === document.body) list.focus({ preventScroll: true });
  };

  const scrolled = () => {
    // A box that has become smaller was not scrolled by anybody.
    if (box.current?.clientHeight !== keep.height) settle();
    look();
  };

  useLayoutEffect(() => {
    if (!isReady) return;
    if (!keep.isOpen) {
      keep.isOpen = true;
      setRange(range);
      settle();
      const start = opensAt !== null && box.current?.querySelector(`[data-seq="${opensAt}"]`);
      if (start) start.scrollIntoView({ block: "center" });
    } else {
      settle();
    }
    look();
  });

  useEffect(() => {
    if (!box.current) return;
    const resized = new ResizeObserver(settle);
    resized.observe(box.current);
    return () => resized.disconnect();
  }, []);

  const toEnd = () => {
    keep.atEnd = true;
    setAtEnd(true);
    if (range.to < last) setRange(newest(last));
    settle();
  };
  /** Draws the row with this number, and gives it the focus. */
  const show = (number: number) => {
    keep.atEnd = false;
    keep.target = number;
    setRange({ from: number - STEP_ROWS, to: number + STEP_ROWS });
  };
  return { range, atEnd, scrolled, toEnd, show };
}

function newest(last: number): Range {
  return { from: last - STEP_ROWS + 1, to: Infinity };
}

function opening(first: number, last: number, opensAt: number | null): Range {
  if (opensAt === null || opensAt < first) return newest(last);
  const from = Math.min(last - STEP_ROWS + 1, opensAt - ABOVE_ROWS);
  return { from, to: last - from < MOST_ROWS ? Infinity : from + MOST_ROWS - 1 };
}

/** What of a range there is, and no more than may be drawn. */
function fit({ from, to }: Range, first: number, last: number, atEnd: boolean): Range {
  if (to < first) return fit(newest(last), first, last, atEnd);
  const start = Math.max(from, first);
  const end = to < last ? to : Infinity;
  if (Math.min(end, last) - start < MOST_ROWS) return { from: start, to: end };
  if (atEnd && end === Infinity) return { from: last - MOST_ROWS + 1, to: end };
  return { from: start, to: start + MOST_ROWS - 1 };
}

function rowsInSight(list: HTMLElement): HTMLElement[] {
  const { top, bottom } = list.getBoundingClientRect();
  return [...list.querySelectorAll<HTMLElement>("[data-seq]")].filter((row) => {
    const place = row.getBoundingClientRect();
    return place.bottom > top && place.top < bottom;
  });
}
