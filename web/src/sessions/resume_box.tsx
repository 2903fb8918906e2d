import { useState, type FormEvent } from "react";
import { api } from "../api/client";
import { ErrorNote } from "../parts/notes";
import { useActing } from "../act";
import { environment, EnvironmentField } from "./environment";
import type { SessionState } from "./session";

/** Goes on with a session in a fresh machine. */
export function ResumeBox({ session, changed }: { session: SessionState; changed: (session: SessionState) => void }) {
  const { busy, error, act } = useActing();
  const [wrong, setWrong] = useState("");
  function resume(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const env = environment(new FormData(event.currentTarget));
    if (typeof env === "string") return setWrong(env);
    setWrong("");
    act(() => api.POST("/api/v1/sessions/{id}/resume", { params: { path: { id: session.id } }, body: { env } }), changed);
  }
  return (
    <form className="resume" onSubmit={resume} aria-label="Resume the session">
      {wrong !== "" && (
        <p className="note note-bad" role="alert">
          {wrong}
        </p>
      )}
      {error && <ErrorNote error={error} />}
      <div className="row">
        <button type="submit" className="primary" disabled={busy}>
          {busy ? "The machine starts…" : "Resume"}
        </button>
        <span className="quiet small">It goes on in a fresh machine.</span>
      </div>
      <details>
        <summary className="small">Environment</summary>
        <EnvironmentField className="small quiet" words="One NAME=value a line, such as a key that the hub itself does not have; it is kept nowhere" />
      </details>
    </form>
  );
}
