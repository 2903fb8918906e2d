import { useState } from "react";
import { api, data, type ApiError, type Schema } from "../api/client";
import { asApiError, useResource } from "../api/resource";
import { useEvents, useWhenLive } from "../live";
import { Badge, Section, Table, ViewHead, type Tone } from "../parts/layout";
import { Markdown } from "../parts/markdown";
import { Empty, ErrorNote, Loaded } from "../parts/notes";
import { bytes, day, Time, visible, Word } from "../parts/text";
import { href } from "../route";
import type { ViewProps } from ".";

/** The pages about the user: all of them, or one. */
export default function Portfolio({ path }: ViewProps) {
  return path[0] === undefined ? <Pages /> : <Page name={path[0]} />;
}

function Pages() {
  const pages = useResource("pages", () => data(api.GET("/api/v1/portfolio/pages", { params: { query: { limit: 500 } } })), 30);
  const findings = useResource("findings", () => data(api.GET("/api/v1/portfolio/findings")), 60);
  return (
    <>
      <ViewHead title="Portfolio" />
      <Loaded of={pages}>
        {({ pages: found }) =>
          found.length ? (
            <ul className="tiles">
              {found.map((page) => (
                <li key={page.name}>
                  <Tile page={page} />
                </li>
              ))}
            </ul>
          ) : (
            <Empty title="The portfolio has no pages">
              <code>agentos init</code> makes ten to fill in; every <code>.md</code> file beside them is one too.
            </Empty>
          )
        }
      </Loaded>
      {findings.data && findings.data.findings.length > 0 && <Findings findings={findings.data.findings} />}
      {pages.data && pages.data.pages.length > 0 && <Readers />}
    </>
  );
}

function Tile({ page }: { page: Schema["PageInfo"] }) {
  return (
    <a className="tile" href={href(["portfolio", page.name])}>
      <span className="tile-title">
        <Word>{page.title}</Word>
      </span>
      <span className="quiet">{page.scope ? <Word>{page.scope}</Word> : "It does not say what it is about."}</span>
      <span className="row small">
        <Freshness page={page} />
      </span>
    </a>
  );
}

const TONES: Record<string, Tone> = { stable: "good", evolving: "accent", draft: "warn" };

function Freshness({ page }: { page: Schema["PageInfo"] }) {
  return (
    <>
      {page.stability && <Badge tone={TONES[page.stability] ?? "plain"}>{page.stability}</Badge>}
      {page.stale && <Badge tone="warn">old</Badge>}
      <span className="quiet">{page.updated ? `Updated ${day(page.updated)}` : "Never marked as updated"}</span>
    </>
  );
}

function Findings({ findings }: { findings: Schema["PageFinding"][] }) {
  return (
    <Section title="What to look after">
      <Table label="Findings" head={["Page", "Line", "Level", "What"]}>
        {findings.map((one) => (
          <tr key={`${one.name} ${one.line} ${one.message}`}>
            <td>
              <a href={href(["portfolio", one.name])}>
                <Word>{one.name}</Word>
              </a>
            </td>
            <td className="number">{one.line}</td>
            <td>
              <Badge tone={one.level === "error" ? "bad" : "warn"}>{one.level}</Badge>
            </td>
            <td className="wrap">{visible(one.message)}</td>
          </tr>
        ))}
      </Table>
    </Section>
  );
}

function Page({ name }: { name: string }) {
  const page = useResource(`page ${name}`, () => data(api.GET("/api/v1/portfolio/pages/{name}", { params: { path: { name } } })), 15);
  return (
    <>
      <p className="crumbs">
        <a href={href(["portfolio"])}>Portfolio</a>
      </p>
      <Loaded of={page}>
        {(text) => (
          <>
            <ViewHead title={<Word>{text.page.title}</Word>}>
              <Open page={text} />
            </ViewHead>
            <p className="row small">
              <Freshness page={text.page} />
              <span className="quiet">{bytes(text.page.size)}</span>
            </p>
            {text.warnings.map((warning) => (
              <p key={warning} className="note note-warn">
                {visible(warning)}
              </p>
            ))}
            <article className="card">
              {text.body.trim() ? (
                <Markdown text={withoutTitle(text.body)} level={1} />
              ) : (
                <Empty title="This page is empty">
                  Fill it in, at <code>{visible(text.path)}</code>.
                </Empty>
              )}
            </article>
            <Readers name={text.page.name} />
          </>
        )}
      </Loaded>
    </>
  );
}

/** Opens the page where the user edits: in the editor of agentos.toml, or by a link that VS Code takes. */
function Open({ page }: { page: Schema["PageText"] }) {
  const [error, setError] = useState<ApiError | null>(null);
  if (page.editor === null) {
    return (
      <a className="button" href={`vscode://file${encodeURI(page.path)}`}>
        Open in VS Code
      </a>
    );
  }
  const open = () => {
    setError(null);
    const params = { path: { name: page.page.name } };
    api
      .POST("/api/v1/portfolio/pages/{name}/open", { params, headers: { "Content-Type": "application/json" } })
      .catch((problem: unknown) => setError(asApiError(problem)));
  };
  return (
    <>
      <button type="button" onClick={open}>
        Open in {visible(page.editor)}
      </button>
      {error && <ErrorNote error={error} />}
    </>
  );
}

/** The first heading is what the view is called already. */
function withoutTitle(body: string): string {
  return body.replace(/^\s*#[ \t]+.*(?:\n|$)/, "");
}

function Readers({ name }: { name?: string }) {
  const wanted = name === undefined ? {} : { name };
  const reads = useResource(
    `reads ${name ?? ""}`,
    () => data(api.GET("/api/v1/log", { params: { query: { kind: "portfolio_read", ...wanted, limit: 20 } } })),
  );
  useWhenLive(reads.reload);
  useEvents((events) => {
    if (events.some((event) => event.kind === "portfolio_read" && (name === undefined || event.name === name))) reads.reload();
  });
  return (
    <Section title={name === undefined ? "Who read what" : "Who read it"} aside={<a href={href(["log"], { kind: "portfolio_read", ...wanted })}>All in the log</a>}>
      <Loaded of={reads}>
        {({ events }) =>
          events.length ? (
            <Table label="Readers" head={[...(name === undefined ? ["Page"] : []), "Client", "Project", "When"]}>
              {events.map((event) => (
                <tr key={event.id}>
                  {name === undefined && (
                    <td>
                      <a href={href(["portfolio", event.name])}>
                        <Word>{event.name}</Word>
                      </a>
                    </td>
                  )}
                  <td>
                    <Word>{event.client}</Word>
                  </td>
                  <td>{event.project ? <Word>{event.project}</Word> : <span className="quiet">none</span>}</td>
                  <td>
                    <Time at={event.at} />
                  </td>
                </tr>
              ))}
            </Table>
          ) : (
            <Empty title={name === undefined ? "No agent has read a page yet" : "No agent has read this page yet"}>Agents that are connected to the hub read it when they need it.</Empty>
          )
        }
      </Loaded>
    </Section>
  );
}
