/** Keeps a growing list where its reader is: at the end, or at what they look at. */
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** So near counts as being there, in pixels. */
const END_PX = 48;
const TOP_PX = 800;

/**
 * `first` names the oldest row: when it changes, rows were put before it. `onTop` is called when the reader comes near
 * the beginning, `start` when there is something to show for the first time; it may move away from the end.
 */
export function useScroll(
  box: RefObject<HTMLElement | null>,
  { first, isReady, onTop, start }: { first: number; isReady: boolean; onTop: () => void; start: (box: HTMLElement) => void },
) {
  const [atEnd, setAtEnd] = useState(true);
  const kept = useRef({ first, height: 0, atEnd: true, started: false });

  const look = () => {
    const list = box.current;
    if (!list || !kept.current.started) return;
    kept.current.atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < END_PX;
    setAtEnd(kept.current.atEnd);
    if (list.scrollTop < TOP_PX) onTop();
  };

  useLayoutEffect(() => {
    const list = box.current;
    if (!list || !isReady) return;
    const { first: before, height, atEnd: wasAtEnd, started } = kept.current;
    if (!started) {
      list.scrollTop = list.scrollHeight;
      start(list);
      kept.current.started = true;
      look();
    } else if (first < before) {
      list.scrollTop += list.scrollHeight - height;
    } else if (wasAtEnd) {
      list.scrollTop = list.scrollHeight;
    }
    kept.current.first = first;
    kept.current.height = list.scrollHeight;
  });

  useEffect(() => {
    const list = box.current;
    if (!list) return;
    const follow = new ResizeObserver(() => {
      if (kept.current.atEnd) list.scrollTop = list.scrollHeight;
    });
    follow.observe(list);
    return () => follow.disconnect();
  }, []);

  const toEnd = () => {
    kept.current.atEnd = true;
    setAtEnd(true);
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  };
  return { atEnd, look, toEnd };
}
