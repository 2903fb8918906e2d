import { api, data, type Schema } from "../../api/client";
import { Section, Table } from "../../parts/layout";
import { Empty, ErrorNote, Loaded } from "../../parts/notes";
import { visible, Word } from "../../parts/text";
import { asked, More, named, useDoing, usePages, written, type Applied, type Shared } from "./doing";
import { count, PlannedFile, type Side } from "./file";

/** What a push or a clean would do, and doing it. */
export function Plan({ verb, client, moved, done }: Shared & { verb: "push" | "clean" }) {
  const plan = usePages(`plan ${verb} ${client}`, moved, (after) =>
    data(api.GET("/api/v1/sync/plan", { params: { query: { ...named(client), verb, ...after } } })),
  );
  const { busy, error, act } = useDoing(plan);
  const whose = client === "" ? "the clients" : client;

  function resolve(digest: string, file: string, owner: string, key: string, choice: Side): void {
    const body = { ...asked(client), digest, client: owner, file, key, choice };
    const words = choice === "ours" ? `${key || file} is written as AgentOS has it` : `${key || file} stays as the file has it, and is yours from now on`;
    act<Applied>(() => api.POST("/api/v1/sync/resolve", { body }), (did) => done(did.backup === null ? `${words}.` : `${words}; backup ${did.backup} takes it back.`));
  }

  return (
    <>
      {error && <ErrorNote error={error} />}
      <Loaded of={plan}>
        {(found) => (
          <>
            <Section
              title={verb === "push" ? "What a push would change" : "What a clean would change"}
              aside={
                <button
                  type="button"
                  className="primary"
                  disabled={busy || found.in_sync || (found.counts.conflict ?? 0) > 0}
                  onClick={() => act<Applied>(() => api.POST(verb === "push" ? "/api/v1/sync/push" : "/api/v1/sync/clean", { body: { ...asked(client), digest: found.digest } }), (did) => done(written(did)))}
                >
                  {verb === "push" ? `Push to ${whose}` : `Clean ${whose}`}
                </button>
              }
            >
              <p className="quiet">
                {verb === "push" ? "What the AgentOS home has goes into the clients' files; what you and others wrote there stays." : "What is AgentOS's is taken out of the clients' files and deployed anew."} {summary(found)}
              </p>
              {found.warnings.map((warning) => (
                <p key={warning} className="note note-warn">
                  {visible(warning)}
                </p>
              ))}
              {found.files.length === 0 ? (
                <Empty title={verb === "push" ? "All is in sync" : "Nothing would be another one"} />
              ) : (
                <div className="files">
                  {found.files.map((file, index) => (
                    <PlannedFile
                      key={file.path}
                      file={file}
                      open={file.conflicts.length > 0 || index < 3}
                      busy={busy}
                      resolve={verb === "push" ? (conflict, side) => resolve(found.digest, file.path, conflict.client, conflict.name, side) : undefined}
                    />
                  ))}
                </div>
              )}
              <More of={plan} />
            </Section>
            {verb === "push" && found.yielded.length > 0 && (
              <Yours yielded={found.yielded} busy={busy} again={(one) => resolve(found.digest, one.path, one.client, one.name, "ours")} />
            )}
          </>
        )}
      </Loaded>
    </>
  );
}

function summary(plan: Schema["SyncPlan"]): string {
  const of = (name: string) => plan.counts[name] ?? 0;
  const parts = [count(of("files"), "file"), ...(["add", "change", "remove", "keep"] as const).filter((name) => of(name) > 0).map((name) => `${of(name).toLocaleString()} to ${name}`)];
  const conflicts = of("conflict");
  return `${parts.join(", ")}.${conflicts > 0 ? ` Choose about ${count(conflicts, "conflict")} first.` : ""}`;
}

/** What was AgentOS's and is the user's now. */
function Yours({ yielded, busy, again }: { yielded: Schema["Yielded"][]; busy: boolean; again: (one: Schema["Yielded"]) => void }) {
  return (
    <Section title="What you took over">
      <p className="quiet">You removed these, or chose what stands there: a push leaves them alone.</p>
      <Table label="What is yours" head={["Client", "File", "What", "Take it back"]}>
        {yielded.map((one) => (
          <tr key={`${one.client} ${one.path} ${one.name}`}>
            <td>{one.client}</td>
            <td className="wrap">
              <code>
                <Word>{one.path}</Word>
              </code>
            </td>
            <td className="wrap">{one.name === "" ? "the file" : <code><Word>{one.name}</Word></code>}</td>
            <td>
              <button type="button" disabled={busy} onClick={() => again(one)} aria-label={`Write it again: ${visible(one.name || one.path)}`}>
                Write it again
              </button>
            </td>
          </tr>
        ))}
      </Table>
    </Section>
  );
}
