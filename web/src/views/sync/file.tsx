import { useState, type ReactNode } from "react";
import type { Schema } from "../../api/client";
import { Diff } from "../../parts/diff";
import { Badge, Table, type Tone } from "../../parts/layout";
import { visible, Word } from "../../parts/text";

type Planned = Schema["PlannedFile"];
type Changed = Pick<Planned, "path" | "becomes" | "diff" | "cut" | "binary">;
type Conflict = Schema["OpenConflict"];
type Resolve = ((conflict: Conflict, side: Side) => void) | undefined;
type Content = Schema["Content"];
export type Side = "ours" | "theirs";

export const MOVED = {
  source: "AgentOS changed",
  file: "the file changed",
  both: "both changed",
} as const;
const BECOMES: Record<Planned["becomes"], [string, Tone]> = {
  made: ["new", "good"],
  changed: ["changes", "accent"],
  removed: ["goes", "bad"],
  same: ["stays", "plain"],
};

/** A file on its way: what is to be chosen, which side moved what, and the diff. */
export function PlannedFile({ file, open, busy, resolve }: { file: Planned; open: boolean; busy: boolean; resolve: Resolve }) {
  return (
    <FileDetails file={file} open={open} badges={file.conflicts.length > 0 && <Badge tone="warn">{count(file.conflicts.length, "conflict")}</Badge>}>
      {file.conflicts.map((conflict) => (
        <Choice key={`${conflict.client} ${conflict.name}`} file={file} conflict={conflict} busy={busy} resolve={resolve} />
      ))}
      {file.changes.some((change) => change.name !== "" || change.action === "keep") && <Changes file={file} />}
    </FileDetails>
  );
}

/** A file that opens to its diff; what is inside is made when it is first looked at. */
export function FileDetails({ file, open = false, badges, children }: { file: Changed; open?: boolean; badges?: ReactNode; children?: ReactNode }) {
  const [seen, setSeen] = useState(open);
  const [words, tone] = BECOMES[file.becomes];
  return (
    <details className="file" open={open} onToggle={(event) => event.currentTarget.open && setSeen(true)}>
      <summary>
        <code className="file-path">
          <Word>{file.path}</Word>
        </code>
        <span className="row">
          {badges}
          <Badge tone={tone}>{words}</Badge>
        </span>
      </summary>
      {seen && (
        <div className="file-inside">
          {children}
          {file.diff !== "" && <Diff text={file.diff} label={`What becomes of ${visible(file.path)}`} />}
          {file.cut && <p className="quiet">The diff is longer: the rest is not shown.</p>}
          {file.binary && <p className="quiet">It is no text, so there is no diff.</p>}
        </div>
      )}
    </details>
  );
}

function Changes({ file }: { file: Planned }) {
  const shown = file.changes.filter((change) => change.name !== "" || change.action === "keep");
  return (
    <Table label={`What changes in ${visible(file.path)}`} head={["Client", "What", "Who moved", "Then"]}>
      {shown.map((change) => (
        <tr key={`${change.client} ${change.name}`}>
          <td>{change.client}</td>
          <td className="wrap">{change.name === "" ? "the file" : <code><Word>{change.name}</Word></code>}</td>
          <td>{MOVED[change.moved]}</td>
          <td className="wrap">{change.action === "keep" ? "it is left as you have it" : <Said content={change.after} />}</td>
        </tr>
      ))}
    </Table>
  );
}

function Said({ content }: { content: Content | null }) {
  if (content === null) return null;
  if (!content.there) return <>it goes</>;
  const text = content.text ?? "";
  return text.includes("\n") ? <>{count(text.split("\n").length, "line")}</> : <code>{visible(text)}</code>;
}

function Choice({ file, conflict, busy, resolve }: { file: Planned; conflict: Conflict; busy: boolean; resolve: Resolve }) {
  const what = conflict.name === "" ? "the file" : conflict.name;
  return (
    <section className="choice" aria-label={`Conflict: ${visible(what)}`}>
      <p>
        <code>
          <Word>{what}</Word>
        </code>{" "}
        <span className="quiet">
          {conflict.client}: {MOVED[conflict.moved]}
        </span>
      </p>
      <div className="sides">
        <SideOf title="AgentOS has" content={conflict.ours} absent="It is not among what AgentOS deploys any more." label={`What AgentOS has of ${visible(what)}`}>
          {resolve && (
            <button type="button" disabled={busy} onClick={() => resolve(conflict, "ours")} aria-label={`Write this: what AgentOS has of ${visible(what)}, ${visible(file.path)}`}>
              Write this
            </button>
          )}
        </SideOf>
        <SideOf title="The file has" content={conflict.theirs} absent="It is not there." label={`What the file has of ${visible(what)}`}>
          {resolve && (
            <button type="button" disabled={busy} onClick={() => resolve(conflict, "theirs")} aria-label={`Leave this: what the file has of ${visible(what)}, ${visible(file.path)}`}>
              Leave this
            </button>
          )}
        </SideOf>
      </div>
    </section>
  );
}

function SideOf({ title, content, absent, label, children }: { title: string; content: Content; absent: string; label: string; children: ReactNode }) {
  return (
    <div className="side">
      <div className="card-head">
        <span className="quiet">{title}</span>
        {children}
      </div>
      {!content.there ? (
        <p className="quiet">{absent}</p>
      ) : content.text === null ? (
        <p className="quiet">It is no text.</p>
      ) : (
        <pre role="region" tabIndex={0} aria-label={label}>
          {visible(content.text)}
        </pre>
      )}
      {content.cut && <p className="quiet">The rest is not shown.</p>}
    </div>
  );
}

export function count(number: number, what: string): string {
  return `${number.toLocaleString()} ${what}${number === 1 ? "" : "s"}`;
}
