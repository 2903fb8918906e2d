import { createContext, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import type { Schema } from "./api/client";
import { follow, type Connection } from "./api/events";

export type LoggedEvent = Schema["LoggedEvent"];
type SessionState = Schema["SessionState"];
/** What the hub tells of itself: what it was asked, and how its sessions are. */
type News = { event: LoggedEvent } | { session: SessionState };
type Listener = (news: News) => void;

interface Live {
  connection: Connection;
  listen: (listener: Listener) => () => void;
}

const Context = createContext<Live>({ connection: "connecting", listen: () => () => undefined });

/** Follows the hub's log once for all that the page shows. */
export function LiveEvents({ children }: { children: ReactNode }) {
  const [connection, setConnection] = useState<Connection>("connecting");
  const listeners = useRef(new Set<Listener>());
  useEffect(
    () =>
      follow("/api/v1/events", {
        connection: setConnection,
        event: ({ type, data }) => {
          const news: News = type === "session" ? { session: JSON.parse(data) as SessionState } : { event: JSON.parse(data) as LoggedEvent };
          for (const listener of listeners.current) listener(news);
        },
      }),
    [],
  );
  const live = useMemo<Live>(
    () => ({
      connection,
      listen: (listener) => {
        listeners.current.add(listener);
        return () => void listeners.current.delete(listener);
      },
    }),
    [connection],
  );
  return <Context.Provider value={live}>{children}</Context.Provider>;
}

export function useConnection(): Connection {
  return useContext(Context).connection;
}

/** Calls back when the stream is open: what happened before that, nobody has told. */
export function useWhenLive(call: () => void): void {
  const connection = useConnection();
  const latest = useRef(call);
  latest.current = call;
  useEffect(() => {
    if (connection === "live") latest.current();
  }, [connection]);
}

/** Calls back with the log's events as they come, some at a time so that many do not slow the page. */
export function useEvents(take: (events: LoggedEvent[]) => void): void {
  useNews((news) => ("event" in news ? news.event : null), take);
}

/** Calls back with the states of the hub's sessions as they change. */
export function useSessionStates(take: (states: SessionState[]) => void): void {
  useNews((news) => ("session" in news ? news.session : null), take);
}

function useNews<T>(of: (news: News) => T | null, take: (some: T[]) => void): void {
  const { listen } = useContext(Context);
  const latest = useRef({ of, take });
  latest.current = { of, take };
  useEffect(() => {
    let waiting: T[] = [];
    let timer: ReturnType<typeof setTimeout> | null = null;
    const stop = listen((news) => {
      const one = latest.current.of(news);
      if (one === null) return;
      waiting.push(one);
      timer ??= setTimeout(() => {
        timer = null;
        const some = waiting;
        waiting = [];
        latest.current.take(some);
      }, 150);
    });
    return () => {
      stop();
      if (timer !== null) clearTimeout(timer);
    };
  }, [listen]);
}
