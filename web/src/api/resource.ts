import { useCallback, useEffect, useRef, useState } from "react";
import { ApiError } from "./client";

export interface Resource<T> {
  data: T | null;
  error: ApiError | null;
  loading: boolean;
  reload: () => void;
}

/**
 * Loads something from the hub, again whenever `key` changes, and every `everySeconds` while the
 * page is looked at. What was loaded before stays on the page while it is loaded again, and when
 * that fails.
 */
export function useResource<T>(
  key: string,
  load: () => Promise<T>,
  everySeconds = 0,
): Resource<T> {
  const [state, setState] = useState<{ key: string; data: T | null; error: ApiError | null; loading: boolean }>(
    { key, data: null, error: null, loading: true },
  );
  const latest = useRef(load);
  latest.current = load;
  const [round, setRound] = useState(0);
  const reload = useCallback(() => setRound((n) => n + 1), []);

  useEffect(() => {
    let wanted = true;
    setState((old) => ({ ...old, key, data: old.key === key ? old.data : null, loading: true }));
    latest.current().then(
      (data) => wanted && setState({ key, data, error: null, loading: false }),
      (error: unknown) => wanted && setState((old) => ({ ...old, error: asApiError(error), loading: false })),
    );
    return () => {
      wanted = false;
    };
  }, [key, round]);

  useEffect(() => {
    // A hub that was away is asked again soon, whatever the pace.
    const seconds = state.error?.status === 0 ? 2 : everySeconds;
    if (seconds === 0 || state.error?.status === 401) return;
    const timer = setInterval(() => document.visibilityState === "visible" && reload(), seconds * 1000);
    return () => clearInterval(timer);
  }, [everySeconds, state.error, reload]);

  return { data: state.key === key ? state.data : null, error: state.error, loading: state.loading, reload };
}

export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(-1, "page_failed", `This page failed: ${String(error)}`, "Load it again.");
}
