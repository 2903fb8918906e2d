import { memo, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type ReactNode, type RefObject } from "react";

/** Pixels beside what is seen that are drawn too, so that scrolling shows no gap. */
const BESIDE = 800;
/** As near to the end as this is at the end. */
const NEAR = 48;
const GUESS = 72;
/** Where the browser itself keeps what is read in its place, it does so in the midst of a scroll, too. */
const ANCHORS = typeof CSS !== "undefined" && CSS.supports("overflow-anchor", "auto");

interface Props<T> {
  items: T[];
  keyOf: (item: T) => string;
  draw: (item: T) => ReactNode;
  label: string;
  /** Called near the beginning, where older items would be. */
  nearStart?: (() => void) | undefined;
  /** Called when the list comes to follow its end, or to stay where it is read. */
  following: (atEnd: boolean) => void;
  scroller: RefObject<HTMLDivElement | null>;
}

/**
 * A long list of which only what is near the view is in the document.
 *
 * It stays at its end as long as nobody scrolls up. Heights are measured; what was not drawn yet is
 * guessed to be as high as the average.
 */
export function VirtualList<T>({ items, keyOf, draw, label, nearStart, following, scroller }: Props<T>) {
  const inner = useRef<HTMLOListElement>(null);
  const heights = useRef(new Map<string, number>());
  const pinned = useRef(true);
  const lastTop = useRef(0);
  const [round, setRound] = useState(0);
  const again = useCallback(() => setRound((n) => n + 1), []);
  const [view, setView] = useState({ top: Number.MAX_SAFE_INTEGER, height: 800 });
  const offsets = useMemo(() => offsetsOf(items.map(keyOf), heights.current), [items, keyOf, round]);
  const total = offsets[items.length] ?? 0;
  const first = items[0] && keyOf(items[0]);
  const anchor = useRef<{ key: string; at: number } | null>(null);
  const formerFirst = useRef(first);
  // Items that came in front are no reason to show others than before.
  const moved = formerFirst.current === first || pinned.current ? -1 : items.findIndex((item) => keyOf(item) === anchor.current?.key);
  const kept = moved < 0 ? view.top : (offsets[moved] ?? 0) - (anchor.current?.at ?? 0);
  const top = pinned.current ? Math.max(total - view.height, 0) : Math.min(kept, total);
  const start = indexAt(offsets, top - BESIDE);
  const end = Math.min(indexAt(offsets, top + view.height + BESIDE) + 1, items.length);

  const look = useCallback(() => {
    const box = scroller.current;
    if (!box) return;
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
    const was = pinned.current;
    // Only who scrolls up leaves the end; that the list has grown does not.
    if (atEnd) pinned.current = true;
    else if (box.scrollTop < lastTop.current - 1) pinned.current = false;
    lastTop.current = box.scrollTop;
    if (pinned.current !== was) following(pinned.current);
    setView((old) => (Math.abs(old.top - box.scrollTop) < BESIDE / 4 && old.height === box.clientHeight ? old : { top: box.scrollTop, height: box.clientHeight }));
  }, [following, scroller]);

  const measure = useCallback(() => {
    let differs = false;
    for (const child of inner.current?.children ?? []) {
      const key = child instanceof HTMLElement ? child.dataset["key"] : undefined;
      if (key === undefined) continue;
      const height = child.getBoundingClientRect().height;
      if (Math.abs((heights.current.get(key) ?? -1) - height) > 0.5) {
        heights.current.set(key, height);
        differs = true;
      }
    }
    return differs;
  }, []);

  useLayoutEffect(() => {
    if (measure()) again();
    const box = scroller.current;
    if (!box) return;
    if (pinned.current) box.scrollTop = box.scrollHeight;
    else if (moved >= 0) {
      box.scrollTop = top;
      restore(box, inner.current, anchor.current);
      setView({ top: box.scrollTop, height: box.clientHeight });
    } else if (!ANCHORS) restore(box, inner.current, anchor.current);
    formerFirst.current = first;
    anchor.current = anchorOf(box, inner.current);
    lastTop.current = box.scrollTop;
  });

  useEffect(() => {
    const list = inner.current;
    if (!list) return;
    const observer = new ResizeObserver(() => {
      if (measure()) again();
    });
    for (const child of list.children) observer.observe(child);
    return () => observer.disconnect();
  }, [start, end, items, measure, again]);

  useEffect(() => {
    const box = scroller.current;
    if (!box) return;
    const observer = new ResizeObserver(() => {
      if (pinned.current) box.scrollTop = box.scrollHeight;
      look();
    });
    observer.observe(box);
    return () => observer.disconnect();
  }, [look, scroller]);

  useEffect(() => {
    if (start === 0) nearStart?.();
  }, [start, first, nearStart]);

  return (
    <div className="virtual" ref={scroller} onScroll={look} role="region" aria-label={label} tabIndex={0}>
      <div className="virtual-rest" style={{ height: offsets[start] ?? 0 }} />
      <ol className="virtual-items" ref={inner}>
        {items.slice(start, end).map((item) => (
          <Row key={keyOf(item)} name={keyOf(item)} item={item} draw={draw as (item: unknown) => ReactNode} />
        ))}
      </ol>
      <div className="virtual-rest" style={{ height: Math.max(total - (offsets[end] ?? total), 0) }} />
    </div>
  );
}

/** Drawn again only when its item is another one. */
const Row = memo(function Row({ name, item, draw }: { name: string; item: unknown; draw: (item: unknown) => ReactNode }) {
  return <li data-key={name}>{draw(item)}</li>;
});

/** Where each item begins; the last entry is the whole height. */
function offsetsOf(keys: string[], heights: Map<string, number>): Float64Array {
  let sum = 0;
  let known = 0;
  for (const height of heights.values()) sum += height;
  known = heights.size;
  const guess = known ? sum / known : GUESS;
  const offsets = new Float64Array(keys.length + 1);
  keys.forEach((key, index) => {
    offsets[index + 1] = (offsets[index] ?? 0) + (heights.get(key) ?? guess);
  });
  return offsets;
}

/** The last item that begins at or before a height. */
function indexAt(offsets: Float64Array, height: number): number {
  let low = 0;
  let high = Math.max(offsets.length - 2, 0);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((offsets[middle] ?? 0) <= height) low = middle;
    else high = middle - 1;
  }
  return low;
}

function anchorOf(box: HTMLElement, list: HTMLElement | null): { key: string; at: number } | null {
  const edge = box.getBoundingClientRect().top;
  for (const child of list?.children ?? []) {
    const { top, bottom } = child.getBoundingClientRect();
    if (bottom > edge && child instanceof HTMLElement) return { key: child.dataset["key"] ?? "", at: top - edge };
  }
  return null;
}

/** Brings what was read back to where it was on the screen. */
function restore(box: HTMLElement, list: HTMLElement | null, anchor: { key: string; at: number } | null): void {
  if (anchor === null) return;
  for (const child of list?.children ?? []) {
    if (!(child instanceof HTMLElement) || child.dataset["key"] !== anchor.key) continue;
    box.scrollTop += child.getBoundingClientRect().top - box.getBoundingClientRect().top - anchor.at;
    return;
  }
}
