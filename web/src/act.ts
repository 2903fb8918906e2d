import { useState } from "react";
import { data, type ApiError } from "./api/client";
import { asApiError } from "./api/resource";

export interface Acting {
  busy: boolean;
  error: ApiError | null;
  /** Asks the hub for something, one thing at a time; its answer goes to `then`. */
  act: <T>(ask: () => Promise<{ data?: T }>, then: (answer: T) => void) => void;
}

/** What a button asks of the hub: that it is on its way, and why it failed. `after` is called either way. */
export function useActing(after: () => void = () => undefined): Acting {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  function act<T>(ask: () => Promise<{ data?: T }>, then: (answer: T) => void): void {
    if (busy) return;
    setBusy(true);
    setError(null);
    data(ask())
      .then(then, (problem: unknown) => setError(asApiError(problem)))
      .finally(() => {
        setBusy(false);
        after();
      });
  }
  return { busy, error, act };
}
