import { api, data } from "../../api/client";
import { Badge, Section, Table } from "../../parts/layout";
import { Empty, ErrorNote, Loaded } from "../../parts/notes";
import { bytes, visible, Word } from "../../parts/text";
import { asked, More, named, useDoing, usePages, type Applied, type Shared } from "./doing";
import { count } from "./file";

/** What a pull would bring, and bringing it. */
export function Pull({ client, moved, done }: Shared) {
  const plan = usePages(`pull ${client}`, moved, (after) => data(api.GET("/api/v1/sync/pull", { params: { query: { ...named(client), ...after } } })));
  const { busy, error, act } = useDoing(plan);
  const tones = { new: "good", changed: "accent", same: "plain" } as const;
  return (
    <>
      {error && <ErrorNote error={error} />}
      <Loaded of={plan}>
        {(found) => (
          <Section
            title="What a pull would bring"
            aside={
              <button
                type="button"
                className="primary"
                disabled={busy}
                onClick={() => act<Applied>(() => api.POST("/api/v1/sync/pull", { body: { ...asked(client), digest: found.digest } }), (did) => done(`${count(did.files.length, "file")} brought into the AgentOS home.`))}
              >
                Pull
              </button>
            }
          >
            <p className="quiet">What the clients have is copied to where you can look at it; nothing that is deployed is written over, and secrets stop it.</p>
            <dl className="facts">
              {Object.entries(found.folders).map(([name, folder]) => (
                <div key={name} className="fact">
                  <dt>{name}</dt>
                  <dd>
                    <code>{visible(folder)}</code>
                  </dd>
                </div>
              ))}
            </dl>
            {found.files.length === 0 ? (
              <Empty title="The clients have nothing to bring" />
            ) : (
              <Table label="Files that would be brought" head={["Client", "File", "Size", "There"]}>
                {found.files.map((file) => (
                  <tr key={`${file.client} ${file.path}`}>
                    <td>{file.client}</td>
                    <td className="wrap">
                      <code>
                        <Word>{file.path}</Word>
                      </code>
                    </td>
                    <td className="number">{bytes(file.size)}</td>
                    <td>
                      <Badge tone={tones[file.state]}>{file.state}</Badge>
                    </td>
                  </tr>
                ))}
              </Table>
            )}
            <More of={plan} />
          </Section>
        )}
      </Loaded>
    </>
  );
}
