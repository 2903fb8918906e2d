import { useCallback, useEffect, useRef, useState } from "react";
import { api, data, type ApiError } from "../api/client";
import { follow, type Connection } from "../api/events";
import { asApiError } from "../api/resource";
import type { SessionEvent } from "./events";
import { Fold } from "./fold";
import type { Item } from "./items";
import { later, type SessionState } from "./session";

const PAGE = 1000;
/** Milliseconds between two drawings: many events at once cost what one costs. */
const PACE = 100;

export interface Transcript {
  session: SessionState | null;
  items: Item[];
  connection: Connection;
  error: ApiError | null;
  /** Loads what was before; null at the beginning. */
  older: (() => void) | null;
  changed: (session: SessionState) => void;
  reload: () => void;
}

/** A session as it is and what has happened in it, followed also when it has ended: it may be resumed. */
export function useTranscript(id: string): Transcript {
  const [session, setSession] = useState<SessionState | null>(null);
  const [items, setItems] = useState<Item[]>([]);
  const [error, setError] = useState<ApiError | null>(null);
  const [connection, setConnection] = useState<Connection>("connecting");
  const [previous, setPrevious] = useState<number | null>(null);
  /** The last event of the page that was loaded first: from there on it is followed. */
  const [last, setLast] = useState<number | null>(null);
  const [round, setRound] = useState(0);
  const events = useRef<SessionEvent[]>([]);
  const fold = useRef(new Fold());
  const asking = useRef(false);

  const changed = useCallback((fresh: SessionState) => setSession((old) => later(old, fresh)), []);

  const took = useCallback((fresh: SessionEvent[]) => {
    const known = events.current.at(-1)?.seq ?? 0;
    const wanted = fresh.filter((event) => event.seq > known);
    if (wanted.length === 0) return;
    events.current.push(...wanted);
    setItems(fold.current.take(wanted));
  }, []);

  useEffect(() => {
    let wanted = true;
    setError(null);
    void (async () => {
      const path = { id };
      const found = await data(api.GET("/api/v1/sessions/{id}", { params: { path } }));
      const query = { before: found.last_seq + 1, limit: PAGE };
      const page = await data(api.GET("/api/v1/sessions/{id}/events", { params: { path, query } }));
      if (!wanted) return;
      changed(found);
      if (events.current.length === 0) setPrevious(page.previous);
      took(page.events);
      setLast(found.last_seq);
    })().catch((problem: unknown) => wanted && setError(asApiError(problem)));
    return () => {
      wanted = false;
    };
  }, [id, took, changed, round]);

  useEffect(() => {
    if (last === null) return;
    let waiting: SessionEvent[] = [];
    let timer: ReturnType<typeof setTimeout> | null = null;
    const draw = () => {
      timer = null;
      took(waiting);
      waiting = [];
    };
    const stop = follow(
      `/api/v1/sessions/${encodeURIComponent(id)}/stream`,
      {
        connection: setConnection,
        refused: setError,
        event: ({ type, data: text }) => {
          if (type === "state") return changed(JSON.parse(text) as SessionState);
          if (type !== "event") return;
          waiting.push(JSON.parse(text) as SessionEvent);
          timer ??= setTimeout(draw, PACE);
        },
      },
      events.current.at(-1)?.seq ?? 0,
    );
    return () => {
      stop();
      if (timer !== null) clearTimeout(timer);
      draw();
    };
  }, [id, last, took, changed]);

  // A hub that was away when it was asked is asked again.
  useEffect(() => {
    if (error?.status !== 0) return;
    const timer = setTimeout(() => setRound((n) => n + 1), 2000);
    return () => clearTimeout(timer);
  }, [error]);

  const older = useCallback(() => {
    if (previous === null || asking.current) return;
    asking.current = true;
    const params = { path: { id }, query: { before: previous, limit: PAGE } };
    data(api.GET("/api/v1/sessions/{id}/events", { params }))
      .then(
        (page) => {
          events.current = [...page.events, ...events.current];
          fold.current = new Fold();
          setItems(fold.current.take(events.current));
          setPrevious(page.previous);
        },
        (problem: unknown) => setError(asApiError(problem)),
      )
      .finally(() => {
        asking.current = false;
      });
  }, [id, previous]);

  return {
    session,
    items,
    error,
    connection,
    older: previous === null ? null : older,
    changed,
    reload: () => setRound((n) => n + 1),
  };
}
