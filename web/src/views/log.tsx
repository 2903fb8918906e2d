import { useEffect, useMemo, useRef, useState } from "react";
import { api, data, type ApiError } from "../api/client";
import { asApiError } from "../api/resource";
import { useEvents, useWhenLive, type LoggedEvent } from "../live";
import { EventList } from "../parts/event_list";
import { ViewHead } from "../parts/layout";
import { Empty, ErrorNote, Loading } from "../parts/notes";
import { go, href } from "../route";
import type { ViewProps } from ".";

const KINDS = ["http", "tool", "portfolio_read", "command", "project", "usage"] as const;
const FIELDS = ["client", "name", "project"] as const;
/** How many of the newest are kept while the log is followed. */
const MOST_LIVE = 500;

type Filters = Record<"kind" | "outcome" | "own" | (typeof FIELDS)[number], string>;

/** What the hub was asked, live and as far back as it is kept. */
export default function Log({ query }: ViewProps) {
  const filters = useMemo<Filters>(() => {
    const of = (name: string) => query.get(name) ?? "";
    return { kind: of("kind"), outcome: of("outcome"), own: of("own"), client: of("client"), name: of("name"), project: of("project") };
  }, [query.toString()]);
  const log = useLog(filters);
  const [paused, setPaused] = useState(false);
  const frozen = useRef<LoggedEvent[]>([]);
  if (!paused) frozen.current = log.events;
  const shown = frozen.current.filter((event) => filters.own !== "" || event.client !== "browser");
  const set = (name: keyof Filters, value: string) => go(href(["log"], { ...filters, [name]: value }));

  return (
    <>
      <ViewHead title="Log">
        <button type="button" aria-pressed={paused} onClick={() => setPaused(!paused)}>
          {paused ? "Go on" : "Pause"}
        </button>
      </ViewHead>
      <FilterForm filters={filters} set={set} />
      {log.error && <ErrorNote error={log.error} retry={log.reload} />}
      {log.loading && shown.length === 0 ? (
        <Loading lines={8} />
      ) : shown.length > 0 ? (
        <div className="card flush">
          <EventList events={shown} label="Events, the newest first" />
        </div>
      ) : (
        !log.error && (
          <Empty title="Nothing in the log matches">
            Take a filter away, or wait: what happens appears here at once.
          </Empty>
        )
      )}
      {log.next !== null && (
        <p className="more">
          <button type="button" onClick={log.older} disabled={log.loading}>
            Show older
          </button>
        </p>
      )}
    </>
  );
}

function FilterForm({ filters, set }: { filters: Filters; set: (name: keyof Filters, value: string) => void }) {
  return (
    <form className="filters" role="search" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      <label>
        Kind
        <select value={filters.kind} onChange={(event) => set("kind", event.target.value)}>
          <option value="">All</option>
          {KINDS.map((kind) => (
            <option key={kind} value={kind}>
              {kind.replace("_", " ")}
            </option>
          ))}
        </select>
      </label>
      <label>
        Outcome
        <select value={filters.outcome} onChange={(event) => set("outcome", event.target.value)}>
          <option value="">All</option>
          <option value="ok">ok</option>
          <option value="error">any error</option>
        </select>
      </label>
      {FIELDS.map((field) => (
        <TextFilter key={field} field={field} value={filters[field]} set={(value) => set(field, value)} />
      ))}
      <label className="check">
        <input type="checkbox" checked={filters.own !== ""} onChange={(event) => set("own", event.target.checked ? "1" : "")} />
        This dashboard too
      </label>
    </form>
  );
}

/** Filters when Enter is pressed or the field is left. */
function TextFilter({ field, value, set }: { field: string; value: string; set: (value: string) => void }) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  const apply = () => typed.trim() !== value && set(typed.trim());
  return (
    <label>
      {field[0]?.toUpperCase() + field.slice(1)}
      <input value={typed} onChange={(event) => setTyped(event.target.value)} onBlur={apply} onKeyDown={(event) => event.key === "Enter" && apply()} spellCheck={false} />
    </label>
  );
}

interface LogState {
  events: LoggedEvent[];
  next: number | null;
  error: ApiError | null;
  loading: boolean;
  older: () => void;
  reload: () => void;
}

/** The log's newest page, what comes after it as it comes, and older pages on demand. */
function useLog(filters: Filters): LogState {
  const [state, setState] = useState({ events: [] as LoggedEvent[], next: null as number | null, error: null as ApiError | null, loading: true });
  const key = JSON.stringify(filters);
  const current = useRef(key);

  function load(after: number | null, fresh: boolean): void {
    const asked = (current.current = key);
    setState((old) => ({ ...(fresh ? { ...old, events: [], next: null } : old), loading: true }));
    const { own: _, ...wanted } = filters;
    const named = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== ""));
    data(api.GET("/api/v1/log", { params: { query: { ...named, ...(after === null ? {} : { after }), limit: 100 } } })).then(
      (page) =>
        asked === current.current &&
        setState((old) => ({
          events: merged(old.events, page.events),
          next: after === null && old.events.length > page.events.length ? old.next : page.next,
          error: null,
          loading: false,
        })),
      (error: unknown) => asked === current.current && setState((old) => ({ ...old, error: asApiError(error), loading: false })),
    );
  }

  useEffect(() => load(null, true), [key]);
  useWhenLive(() => load(null, false));
  useEvents((events) => {
    const wanted = events.filter((event) => matches(event, filters));
    if (wanted.length === 0) return;
    setState((old) => {
      const all = merged(old.events, wanted);
      if (all.length <= MOST_LIVE || old.events.length >= all.length) return { ...old, events: all };
      const kept = all.slice(0, Math.max(MOST_LIVE, old.events.length));
      return { ...old, events: kept, next: kept.at(-1)?.id ?? null };
    });
  });
  return { ...state, older: () => load(state.next, false), reload: () => load(null, false) };
}

function merged(some: LoggedEvent[], others: LoggedEvent[]): LoggedEvent[] {
  const all = new Map([...some, ...others].map((event) => [event.id, event]));
  return [...all.values()].sort((a, b) => b.id - a.id);
}

/** As the hub itself filters. */
function matches(event: LoggedEvent, filters: Filters): boolean {
  if (filters.kind !== "" && event.kind !== filters.kind) return false;
  if (filters.outcome === "error" ? event.outcome === "ok" : filters.outcome !== "" && event.outcome !== filters.outcome) return false;
  return FIELDS.every((field) => filters[field] === "" || event[field] === filters[field]);
}
