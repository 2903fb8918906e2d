import { useEffect, useState, type FormEvent } from "react";
import { api, data, type ApiError, type Schema } from "../../api/client";
import { asApiError, useResource } from "../../api/resource";
import { go, href } from "../../route";
import { ViewHead } from "../layout";
import { Empty, ErrorNote, Loaded } from "../notes";
import { visible, Word } from "../text";
import { useSteps } from "./steps";
import { About, Client, clientName, type Memory } from "./words";

const CLIENTS = ["agentos", "codex", "claude", "cursor"];
const MORE = 25;
const EMPTY: Record<string, string> = {
  agentos: "Promote one of a client's, or `agentos memory add` one.",
  codex: "Codex writes them once its memories feature is on.",
  claude: "Claude Code writes them as it works.",
  cursor: "Cursor has rules in .cursor/rules.",
};

/** What every client knows, side by side. */
export function Shelf({ query }: { query: URLSearchParams }) {
  const q = query.get("q") ?? "";
  const project = query.get("project");
  const [round, setRound] = useState(0);
  useSteps("main .memory");
  const set = (more: Record<string, string | null>) => {
    const said = new URLSearchParams(query);
    for (const [name, value] of Object.entries(more)) value === null ? said.delete(name) : said.set(name, value);
    go(`#/memory${said.size > 0 ? `?${said}` : ""}`);
  };
  return (
    <>
      <ViewHead title="Memory">
        <a className="button" href={href(["memory", "inbox"])}>
          Review what waits
        </a>
      </ViewHead>
      <Questions q={q} project={project} set={set} changed={() => setRound(round + 1)} />
      <div className="shelf">
        {CLIENTS.map((client) => (
          <Column key={client} client={client} q={q} project={project} round={round} />
        ))}
      </div>
    </>
  );
}

function Questions({ q, project, set, changed }: { q: string; project: string | null; set: (more: Record<string, string | null>) => void; changed: () => void }) {
  const [typed, setTyped] = useState(q);
  useEffect(() => setTyped(q), [q]);
  const all = useResource("memory projects", () => data(api.GET("/api/v1/memories", { params: { query: { limit: 1 } } })), 60);
  function search(event: FormEvent): void {
    event.preventDefault();
    set({ q: typed.trim() || null });
  }
  return (
    <>
      <form className="filters" role="search" aria-label="Which memories" onSubmit={search}>
        <label className="wide">
          Search
          <input type="search" value={typed} placeholder={'Words and "phrases"'} maxLength={400} onChange={(event) => setTyped(event.target.value)} onBlur={() => typed.trim() !== q && set({ q: typed.trim() || null })} />
        </label>
        <label>
          Of project
          <select value={project === null ? "*" : `=${project}`} onChange={(event) => set({ project: event.target.value === "*" ? null : event.target.value.slice(1) })}>
            <option value="*">All</option>
            <option value="=">What holds everywhere</option>
            {all.data?.projects.map((one) => (
              <option key={one} value={`=${one}`}>
                {visible(one)}
              </option>
            ))}
          </select>
        </label>
        <ActiveProject changed={changed} />
      </form>
      {all.error && <ErrorNote error={all.error} retry={all.reload} />}
      {all.data && all.data.unreadable.length > 0 && (
        <div className="note note-warn">
          <p className="note-text">Not everything could be read.</p>
          <ul>
            {all.data.unreadable.map((one) => (
              <li key={one}>{visible(one)}</li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}

/** The project whose memories agents get now, beside what holds everywhere. */
function ActiveProject({ changed }: { changed: () => void }) {
  const [error, setError] = useState<ApiError | null>(null);
  const known = useResource("memory active", async () => {
    const [settings, hub] = await Promise.all([data(api.GET("/api/v1/settings")), data(api.GET("/api/v1/hub"))]);
    return { projects: settings.projects.map((one) => one.name), active: hub.active_project };
  });
  function use(name: string): void {
    setError(null);
    data(api.POST("/api/v1/set-project", { body: { project: name || null } })).then(
      () => (known.reload(), changed()),
      (problem: unknown) => setError(asApiError(problem)),
    );
  }
  if (!known.data || known.data.projects.length === 0) return null;
  return (
    <label>
      Active project
      <select value={known.data.active ?? ""} onChange={(event) => use(event.target.value)}>
        <option value="">none</option>
        {known.data.projects.map((name) => (
          <option key={name} value={name}>
            {visible(name)}
          </option>
        ))}
      </select>
      {error && <ErrorNote error={error} />}
    </label>
  );
}

function Column({ client, q, project, round }: { client: string; q: string; project: string | null; round: number }) {
  const [limit, setLimit] = useState(MORE);
  const query = { client, limit, ...(q ? { q } : {}), ...(project === null ? {} : { project }) };
  const found = useResource(`memories ${JSON.stringify(query)} ${round}`, () => data(api.GET("/api/v1/memories", { params: { query } })), 30);
  return (
    <section className="card" aria-labelledby={`memories-${client}`}>
      <div className="card-head">
        <h2 id={`memories-${client}`}>{clientName(client)}</h2>
        <span className="quiet">{found.data ? (found.data.clients[client] ?? 0).toLocaleString() : ""}</span>
      </div>
      <Loaded of={found}>
        {(list) =>
          list.memories.length > 0 ? (
            <>
              <ul className="memories">
                {list.memories.map((memory) => (
                  <li key={memory.key}>
                    <Tile memory={memory} list={list} />
                  </li>
                ))}
              </ul>
              {list.next !== null && (
                <p className="more">
                  <button type="button" onClick={() => setLimit(Math.min(limit * 4, 500))}>
                    Show more
                  </button>
                </p>
              )}
            </>
          ) : (
            <Empty title={q || project !== null ? "Nothing matches" : "It has none"}>{q || project !== null ? "Take a filter away." : EMPTY[client]}</Empty>
          )
        }
      </Loaded>
    </section>
  );
}

function Tile({ memory, list }: { memory: Memory; list: Schema["MemoryList"] }) {
  return (
    <a className="memory" href={href(["memory", memory.key])}>
      <span className="tile-title">
        <Word>{memory.title}</Word>
      </span>
      <span className="excerpt">{visible(memory.found ?? memory.excerpt)}</span>
      <span className="row small">
        <About memory={memory} active={list.active_project} />
        {memory.author !== null && <Client client={memory.author} />}
        {memory.same.length > 0 && (
          <span className="quiet">
            {memory.same.length} {memory.same.length === 1 ? "copy" : "copies"} elsewhere
          </span>
        )}
      </span>
    </a>
  );
}
