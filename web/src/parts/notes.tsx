import type { ReactNode } from "react";
import type { ApiError } from "../api/client";
import { visible } from "./text";

/** What is wrong, and what to do. */
export function ErrorNote({ error, retry }: { error: ApiError; retry?: () => void }) {
  return (
    <div className="note note-bad" role="alert">
      <p className="note-text">{visible(error.message)}</p>
      {error.hint !== null && <p className="quiet">{visible(error.hint)}</p>}
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** That there is nothing, and how there would be something. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children && <div className="quiet">{children}</div>}
    </div>
  );
}

export function Loading({ lines = 3 }: { lines?: number }) {
  return (
    <div className="loading" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, line) => (
        <div key={line} className="loading-line" />
      ))}
    </div>
  );
}

/** Shows what a resource has: what was loaded, why not, or that it is on its way. */
export function Loaded<T>({
  of,
  children,
}: {
  of: { data: T | null; error: ApiError | null; reload: () => void };
  children: (data: T) => ReactNode;
}) {
  return (
    <>
      {of.error && <ErrorNote error={of.error} retry={of.reload} />}
      {of.data !== null ? children(of.data) : !of.error && <Loading />}
    </>
  );
}
