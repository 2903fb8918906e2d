import { createContext, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import type { Schema } from "./api/client";
import { follow, type Connection } from "./api/events";

export type LoggedEvent = Schema["LoggedEvent"];
type Listener = (event: LoggedEvent) => void;

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
          if (type === "session") return;
          const event = JSON.parse(data) as LoggedEvent;
          for (const listener of listeners.current) listener(event);
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

/** Calls back with the log's events as they come, some at a time so that many do not slow the page. */
export function useEvents(take: (events: LoggedEvent[]) => void): void {
  const { listen } = useContext(Context);
  const latest = useRef(take);
  latest.current = take;
  useEffect(() => {
    let waiting: LoggedEvent[] = [];
    let timer: ReturnType<typeof setTimeout> | null = null;
    const stop = listen((event) => {
      waiting.push(event);
      timer ??= setTimeout(() => {
        timer = null;
        const some = waiting;
        waiting = [];
        latest.current(some);
      }, 150);
    });
    return () => {
      stop();
      if (timer !== null) clearTimeout(timer);
    };
  }, [listen]);
}
