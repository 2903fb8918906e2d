import { useEffect, useState, type ReactNode } from "react";
import { api, data } from "../../api/client";
import { useResource } from "../../api/resource";
import { Badge, Section, Table } from "../../parts/layout";
import { Empty, ErrorNote, Loaded } from "../../parts/notes";
import { Time, Word } from "../../parts/text";
import { More, useDoing, usePages, type Applied, type Shared } from "./doing";
import { count, FileDetails, type Side } from "./file";

/** Which backups there are, and bringing the newest back. */
export function Undo({ moved, done }: Shared) {
  const [side, setSide] = useState<Side | "">("");
  const history = useResource("history", () => data(api.GET("/api/v1/sync/history", { params: { query: { limit: 50 } } })));
  useEffect(() => history.reload(), [moved]);
  return (
    <>
      <Loaded of={history}>
        {({ backups }) => {
          const [last] = backups;
          if (last === undefined) return <Empty title="There is nothing to undo">A push or clean that changes a file keeps a backup of it.</Empty>;
          return (
            <>
              <Restoring key={`${last.number} ${side}`} moved={moved} side={side} setSide={setSide} done={(words) => (setSide(""), done(words), history.reload())} />
              <Section title="Backups">
                <p className="quiet">An undo takes the newest; again for the one before.</p>
                <Table label="List of backups" head={["Number", "Made", "Clients", "Files"]}>
                  {backups.map((backup) => (
                    <tr key={backup.number}>
                      <td className="number">{backup.number}</td>
                      <td>
                        <Time at={backup.at} how="full" />
                      </td>
                      <td className="wrap">{backup.clients.join(", ")}</td>
                      <td className="wrap">{short(backup.files)}</td>
                    </tr>
                  ))}
                </Table>
              </Section>
            </>
          );
        }}
      </Loaded>
    </>
  );
}

function short(files: string[]): ReactNode {
  const [first = "", ...more] = files;
  return (
    <>
      <code>
        <Word>{first}</Word>
      </code>
      {more.length > 0 && ` and ${more.length.toLocaleString()} more`}
    </>
  );
}

function Restoring({ moved, side, setSide, done }: { moved: string; side: Side | ""; setSide: (side: Side | "") => void; done: (words: string) => void }) {
  const chosen = side === "" ? {} : { side };
  const plan = usePages(`undo ${side}`, moved, (after) => data(api.GET("/api/v1/sync/undo", { params: { query: { ...chosen, ...after } } })));
  const { busy, error, act } = useDoing(plan);
  return (
    <>
      {error && <ErrorNote error={error} />}
      <Loaded of={plan}>
        {(found) => {
          const changed = found.files.filter((file) => file.changed_since);
          return (
            <Section
              title={`What an undo would bring back: backup ${found.backup}`}
              aside={
                <button
                  type="button"
                  className="primary"
                  disabled={busy || (changed.length > 0 && side === "")}
                  onClick={() => act<Applied>(() => api.POST("/api/v1/sync/undo", { body: { ...chosen, digest: found.digest } }), (did) => done(`${count(did.files.length, "file")} brought back from backup ${found.backup}.`))}
                >
                  Undo
                </button>
              }
            >
              <p className="quiet">
                Made <Time at={found.at} how="full" />. Content, permissions, links and absence come back exactly.
              </p>
              {changed.length > 0 && (
                <fieldset className="note note-warn">
                  <legend>{count(changed.length, "file")} changed since</legend>
                  {(["theirs", "ours"] as const).map((one) => (
                    <label key={one} className="check">
                      <input type="radio" name="side" checked={side === one} onChange={() => setSide(one)} /> {one === "theirs" ? "leave what changed since" : "bring it back, too: the changes are lost"}
                    </label>
                  ))}
                </fieldset>
              )}
              <div className="files">
                {found.files.map((file, index) => (
                  <FileDetails key={file.path} file={file} open={index < 3} badges={file.changed_since && <Badge tone="warn">changed since</Badge>} />
                ))}
              </div>
              <More of={plan} />
            </Section>
          );
        }}
      </Loaded>
    </>
  );
}
