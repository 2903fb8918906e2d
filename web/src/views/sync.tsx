import { useState } from "react";
import type { Schema } from "../api/client";
import { driftMoved, useDrift } from "../drift";
import { Badge, Section, Table, ViewHead, type Tone } from "../parts/layout";
import { Empty, Loaded } from "../parts/notes";
import { Time, visible } from "../parts/text";
import { href } from "../route";
import { Plan } from "./sync/plan";
import { Pull } from "./sync/pull";
import { Undo } from "./sync/undo";
import type { ViewProps } from ".";

type Standing = Schema["ClientStanding"];
/** What of sync is looked at: a step of the path. */
const PLACES = [
  ["", "Push"],
  ["clean", "Clean"],
  ["pull", "Pull"],
  ["undo", "Undo"],
] as const;
const TONES: Record<Standing["state"], [string, Tone]> = {
  in_sync: ["in sync", "good"],
  drift: ["drifted", "accent"],
  conflict: ["conflict", "warn"],
  error: ["unknown", "bad"],
};

/** The clients' files and the AgentOS home: what is not in step, and bringing it so. */
export default function Sync({ path, query }: ViewProps) {
  const client = query.get("client") ?? "";
  const place = path[0] ?? "";
  const status = useDrift(10);
  const [said, setSaid] = useState("");
  const moved = JSON.stringify(status.data);
  const shared = { client, moved, done: (words: string) => (setSaid(words), driftMoved()) };
  return (
    <>
      <ViewHead title="Sync" />
      <p role="status" className="said">
        {said && <span className="note note-good">{visible(said)}</span>}
      </p>
      <Loaded of={status}>
        {(found) =>
          found.home_found ? (
            <>
              <Clients clients={found.clients} client={client} place={place} />
              <nav className="tabs" aria-label="What to do">
                {PLACES.map(([step, title]) => (
                  <a key={step} href={href(step ? ["sync", step] : ["sync"], { client })} aria-current={step === place ? "page" : undefined} onClick={() => setSaid("")}>
                    {title}
                  </a>
                ))}
              </nav>
              {place === "pull" ? <Pull key={client} {...shared} /> : place === "undo" ? <Undo {...shared} /> : <Plan key={`${place} ${client}`} verb={place === "clean" ? "clean" : "push"} {...shared} />}
            </>
          ) : (
            <Empty title="There is no AgentOS home">
              <code>agentos init</code> makes one: what is deployed to the clients lies there.
            </Empty>
          )
        }
      </Loaded>
    </>
  );
}

function Clients({ clients, client, place }: { clients: Standing[]; client: string; place: string }) {
  const to = (name: string) => href(place ? ["sync", place] : ["sync"], { client: name });
  return (
    <Section title="Clients" aside={client !== "" && <a href={to("")}>All clients</a>}>
      {clients.length ? (
        <Table label="List of clients" head={["Client", "State", "To change", "Conflicts", "Last changed"]}>
          {clients.map((one) => (
            <tr key={one.client}>
              <td>
                <a href={to(one.client)} aria-current={one.client === client ? "true" : undefined}>
                  {one.client}
                </a>
              </td>
              <td>
                <Badge tone={TONES[one.state][1]}>{TONES[one.state][0]}</Badge>
              </td>
              <td className="number">{one.drift.toLocaleString()}</td>
              <td className="number">{one.conflicts.toLocaleString()}</td>
              <td>{one.last_applied_at ? <Time at={one.last_applied_at} /> : <span className="quiet">no backup tells</span>}</td>
            </tr>
          ))}
        </Table>
      ) : (
        <Empty title="No client is synced">
          Name some in <code>agentos.toml</code>, under <code>[sync]</code>: <code>clients = [&quot;codex&quot;]</code>.
        </Empty>
      )}
      {clients.filter((one) => one.client === client || one.error).map((one) => (
        <About key={one.client} client={one} />
      ))}
    </Section>
  );
}

function About({ client }: { client: Standing }) {
  return (
    <>
      {client.error && (
        <div className="note note-bad">
          <p className="note-text">{visible(client.error.message)}</p>
          {client.error.hint && <p className="quiet">{visible(client.error.hint)}</p>}
        </div>
      )}
      <p className="quiet">
        {client.client} has its files in <code>{visible(client.directory)}</code>.{" "}
        {client.installed ? client.version && `Version ${visible(client.version)} is installed.` : "Its program is not in the PATH of the hub."}
      </p>
    </>
  );
}
