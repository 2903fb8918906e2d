import { useState } from "react";
import { api, data, type Schema } from "../api/client";
import { useResource } from "../api/resource";
import { Diff } from "../parts/diff";
import { Badge, type Tone } from "../parts/layout";
import { Empty, ErrorNote, Loaded } from "../parts/notes";
import { Word } from "../parts/text";
import { useActing } from "../act";
import type { SessionState } from "./session";

const TONES: Record<Schema["FileChange"]["change"], Tone> = { added: "good", changed: "accent", deleted: "bad" };

/** What the agent changed in its machine, and the way to have it in the workspace. */
export function ChangesPanel({ session }: { session: SessionState }) {
  const params = { path: { id: session.id } };
  const diff = useResource(`diff ${session.id} ${session.turns} ${session.state}`, () => data(api.GET("/api/v1/sessions/{id}/diff", { params })));
  const { busy, error, act } = useActing();
  const [applied, setApplied] = useState<Schema["Applied"] | null>(null);
  const apply = () => act(() => api.POST("/api/v1/sessions/{id}/apply", { params, headers: { "Content-Type": "application/json" } }), setApplied);
  return (
    <Loaded of={diff}>
      {(found) => (
        <>
          <div className="row">
            {session.workspace !== null && found.changes.length > 0 && (
              <button type="button" className="primary" disabled={busy} onClick={apply}>
                Apply to the workspace
              </button>
            )}
            <button type="button" onClick={diff.reload} disabled={diff.loading}>
              Compare again
            </button>
            {session.workspace !== null && (
              <span className="quiet small">
                Workspace: <Word>{session.workspace}</Word>
              </span>
            )}
          </div>
          {error && <ErrorNote error={error} />}
          {applied && <AppliedNote applied={applied} />}
          {found.changes.length === 0 ? (
            <Empty title="Nothing has changed">What the agent adds, changes or deletes in its files is here.</Empty>
          ) : (
            <>
              <ul className="changes" aria-label="Files that changed">
                {found.changes.map((change) => (
                  <li key={change.path}>
                    <Badge tone={TONES[change.change]}>{change.change}</Badge>
                    <code>
                      <Word>{change.path}</Word>
                    </code>
                    <span className="quiet small">
                      +{change.added.toLocaleString()} −{change.removed.toLocaleString()}
                    </span>
                  </li>
                ))}
              </ul>
              <Diff text={found.patch} label="The changes" />
              {found.truncated && <p className="quiet">There is more than is shown here. `agentos run --apply` and Apply bring all of it.</p>}
            </>
          )}
        </>
      )}
    </Loaded>
  );
}

function AppliedNote({ applied }: { applied: Schema["Applied"] }) {
  if (applied.conflicts.length > 0)
    return (
      <div className="note note-warn" role="alert">
        <p className="note-text">Nothing was written: these changed in the workspace, too.</p>
        <ul>
          {applied.conflicts.map((path) => (
            <li key={path}>
              <Word>{path}</Word>
            </li>
          ))}
        </ul>
      </div>
    );
  const files = applied.written.length;
  return (
    <p className="note note-good" role="status">
      {files === 1 ? "1 file was written." : `${files.toLocaleString()} files were written.`}
    </p>
  );
}
