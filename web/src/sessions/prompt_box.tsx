import { useState } from "react";
import { api } from "../api/client";
import { ErrorNote } from "../parts/notes";
import { useActing } from "../act";
import type { SessionState } from "./session";

/** What to tell the agent next. */
export function PromptBox({ session }: { session: SessionState }) {
  const [typed, setTyped] = useState("");
  const { busy, error, act } = useActing();
  const working = session.state === "running" || session.state === "waiting";
  function send(): void {
    const text = typed.trim();
    if (text === "") return;
    // Sent twice, by a key that bounces or a connection that breaks, it is played once.
    const idempotency_key = crypto.randomUUID();
    act(() => api.POST("/api/v1/sessions/{id}/prompts", { params: { path: { id: session.id } }, body: { text, idempotency_key } }), () => setTyped(""));
  }
  return (
    <form className="prompt" onSubmit={(event) => (event.preventDefault(), send())}>
      {error && <ErrorNote error={error} />}
      <textarea
        aria-label="Prompt"
        placeholder={working ? "It works; a prompt waits until its turn" : "What shall it do?"}
        rows={2}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            send();
          }
        }}
      />
      <button type="submit" className="primary" disabled={busy || typed.trim() === ""}>
        Send <kbd aria-hidden="true">Ctrl ⏎</kbd>
      </button>
    </form>
  );
}
