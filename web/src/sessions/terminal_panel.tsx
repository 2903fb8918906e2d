import { lazy, Suspense, useEffect, useState } from "react";
import { api, data, type ApiError } from "../api/client";
import { asApiError } from "../api/resource";
import { Empty, ErrorNote, Loading } from "../parts/notes";
import { JSON_HEADERS, type SessionState } from "./session";

const TerminalScreen = lazy(() => import("./terminal_screen"));

/** A shell in the session's machine, which is there again after the page was loaded anew. */
export function TerminalPanel({ session }: { session: SessionState }) {
  const kept = `agentos.terminal.${session.id}`;
  const [id, setId] = useState(() => sessionStorage.getItem(kept));
  const [error, setError] = useState<ApiError | null>(null);
  const [ended, setEnded] = useState(false);
  const live = session.live && session.state !== "starting";

  useEffect(() => {
    if (id !== null || !live || ended) return;
    let wanted = true;
    data(api.POST("/api/v1/sessions/{id}/terminals", { params: { path: { id: session.id } }, body: { columns: 80, rows: 24 } })).then(
      (opened) => {
        sessionStorage.setItem(kept, opened.id);
        if (wanted) setId(opened.id);
      },
      (problem: unknown) => wanted && setError(asApiError(problem)),
    );
    return () => {
      wanted = false;
    };
  }, [id, live, ended, kept, session.id]);

  function gone(): void {
    sessionStorage.removeItem(kept);
    setEnded(true);
    setId(null);
  }
  function close(): void {
    if (id !== null) api.DELETE("/api/v1/terminals/{tid}", { params: { path: { tid: id } }, headers: JSON_HEADERS }).then(gone, gone);
  }
  if (!session.live) return <Empty title="The machine is gone">Resume the session to have a terminal in a new one.</Empty>;
  if (error)
    return (
      <ErrorNote
        error={error}
        retry={() => {
          setError(null);
          gone();
          setEnded(false);
        }}
      />
    );
  if (ended)
    return (
      <Empty title="This terminal has ended">
        <button type="button" onClick={() => setEnded(false)}>
          Open another
        </button>
      </Empty>
    );
  if (id === null) return <Loading lines={6} />;
  return (
    <Suspense fallback={<Loading lines={6} />}>
      <TerminalScreen key={id} id={id} gone={gone} close={close} />
    </Suspense>
  );
}
