import { useCallback, useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { Empty, Loading } from "../parts/notes";
import { VirtualList } from "../parts/virtual_list";
import { ItemView } from "./item_view";
import { words, type Item } from "./items";
import type { Transcript } from "./transcript";

const CONNECTIONS = { connecting: "Connecting…", lost: "The hub does not answer; what comes meanwhile is shown then." } as const;
const keyOf = (item: Item) => item.key;
const draw = (item: Item) => <ItemView item={item} />;

/** What was said and done, with the newest at the end. */
export function TranscriptPanel({ transcript }: { transcript: Transcript }) {
  const { items, older, connection, session } = transcript;
  const [typed, setTyped] = useState("");
  const wanted = useDeferredValue(typed).trim().toLowerCase();
  const shown = useMemo(() => (wanted === "" ? items : items.filter((item) => words(item).toLowerCase().includes(wanted))), [items, wanted]);
  const scroller = useRef<HTMLDivElement>(null);
  const [left, setLeft] = useState<number | null>(null);
  const count = useRef(0);
  count.current = items.length;
  const following = useCallback((atEnd: boolean) => setLeft(atEnd ? null : count.current), []);
  useKeys(scroller);
  const fresh = left === null ? 0 : Math.max(items.length - left, 0);

  return (
    <div className="transcript">
      <div className="transcript-bar">
        <input type="search" aria-label="Find in the transcript" placeholder="Find in what is loaded" value={typed} onChange={(event) => setTyped(event.target.value)} />
        <span className="quiet small" role="status">
          {wanted !== "" && `${shown.length.toLocaleString()} of ${items.length.toLocaleString()}`}
        </span>
        {(connection === "lost" || connection === "connecting") && (
          <span className={`small ${connection === "lost" ? "bad" : "quiet"}`} role="status">
            {CONNECTIONS[connection]}
          </span>
        )}
      </div>
      {shown.length > 0 ? (
        <VirtualList items={shown} keyOf={keyOf} draw={draw} label="Transcript" nearStart={older ?? undefined} following={following} scroller={scroller} />
      ) : (
        <div className="virtual">
          {session === null ? (
            <Loading lines={5} />
          ) : wanted !== "" ? (
            <Empty title="Nothing that is loaded has this text">{older && <button type="button" onClick={older}>Load what was before</button>}</Empty>
          ) : (
            <Empty title={session.state === "starting" ? "The machine and the agent start" : "Nothing was said yet"} />
          )}
        </div>
      )}
      {left !== null && (
        <button type="button" className="to-end" onClick={() => scroller.current && (scroller.current.scrollTop = scroller.current.scrollHeight)}>
          {fresh > 0 ? `${fresh.toLocaleString()} new` : "To the end"} ↓
        </button>
      )}
    </div>
  );
}

/** Keys that scroll do so wherever one is that needs them for nothing else, each at once. */
function useKeys(scroller: React.RefObject<HTMLDivElement | null>): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const box = scroller.current;
      const at = event.target;
      if (!box || event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
      if (!(at === box || at === document.body || (at instanceof HTMLElement && at.id === "main"))) return;
      const page = box.clientHeight * 0.9;
      const steps: Record<string, number> = { ArrowDown: 48, ArrowUp: -48, PageDown: page, PageUp: -page, Home: -box.scrollTop, End: box.scrollHeight };
      const step = steps[event.key];
      if (step === undefined) return;
      event.preventDefault();
      box.scrollTop += step;
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [scroller]);
}
