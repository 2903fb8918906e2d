import { api, data, type Schema } from "../api/client";
import { useResource } from "../api/resource";
import { EventList } from "../parts/event_list";
import { Badge, Figure, Section, Table, ViewHead } from "../parts/layout";
import { Empty, Loaded } from "../parts/notes";
import { bytes, Time, Word } from "../parts/text";
import { href } from "../route";
import { HostSessions } from "../sessions/host_sessions";
import { RunningSessions } from "../sessions/running";
import { DriftFigure } from "../sessions/drift";

/** What agents do, how the hub is, who asks it, and what they did last. */
export default function Now() {
  const hub = useResource("hub", () => data(api.GET("/api/v1/hub")), 10);
  const clients = useResource("clients", () => data(api.GET("/api/v1/hub/clients")), 10);
  const tools = useResource("tools", () => data(api.GET("/api/v1/log", { params: { query: { kind: "tool", limit: 8 } } })), 10);
  return (
    <>
      <ViewHead title="Now" />
      <RunningSessions />
      <Loaded of={hub}>{(state) => <HubFigures state={state} />}</Loaded>
      <HostSessions />
      <Section title="Clients in the last hour">
        <Loaded of={clients}>{({ clients: found }) => <Clients clients={found.filter((one) => !isFetchingThePage(one))} />}</Loaded>
      </Section>
      <Section title="Latest tool calls" aside={<a href={href(["log"], { kind: "tool" })}>All in the log</a>}>
        <Loaded of={tools}>
          {({ events }) =>
            events.length ? (
              <EventList events={events} label="Latest tool calls" />
            ) : (
              <Empty title="No tool was called yet">
                Connect an agent to the hub: <code>agentos mcp --help</code> shows how.
              </Empty>
            )
          }
        </Loaded>
      </Section>
    </>
  );
}

function HubFigures({ state }: { state: Schema["HubState"] }) {
  return (
    <>
      {!state.home_found && (
        <div className="note note-warn">
          <p className="note-text">There is no AgentOS home at {state.home}.</p>
          <p className="quiet">
            <code>agentos init</code> makes one: the portfolio and the settings lie there.
          </p>
        </div>
      )}
      {state.log_dropped > 0 && (
        <div className="note note-warn">
          <p className="note-text">{state.log_dropped.toLocaleString()} events were not written to the log: the store did not keep up.</p>
          <p className="quiet">
            <code>agentos logs</code> tells why.
          </p>
        </div>
      )}
      <div className="figures">
        <Figure label="Hub">
          <Badge tone="good">Runs</Badge> {state.version}
        </Figure>
        <Figure label="Since">
          <Time at={state.started} />
        </Figure>
        <Figure label="Requests" to={href(["log"], { kind: "http" })}>
          {state.requests.toLocaleString()}
        </Figure>
        <Figure label="Of them failed" to={href(["log"], { outcome: "error" })}>
          {state.errors.toLocaleString()}
        </Figure>
        <Figure label="Memory">{bytes(state.memory_bytes)}</Figure>
        <DriftFigure />
        <Figure label="Active project">{state.active_project === null ? "None" : <Word>{state.active_project}</Word>}</Figure>
      </div>
    </>
  );
}

/** The files of the page itself need no token. */
const isFetchingThePage = (one: Schema["ActiveClient"]) => one.client === "browser" && one.principal === "";

function Clients({ clients }: { clients: Schema["ActiveClient"][] }) {
  if (clients.length === 0) return <Empty title="Nobody asked anything in the last hour" />;
  return (
    <Table label="Clients" head={["Client", "Token", "Last", "Events", "Failed"]}>
      {clients.map((one) => (
        <tr key={`${one.client} ${one.principal}`}>
          <td>
            <a href={href(["log"], { client: one.client, own: one.client === "browser" ? "1" : "" })}>
              {one.client ? <Word>{one.client}</Word> : "(it did not say)"}
            </a>
          </td>
          <td>{one.principal ? <Word>{one.principal}</Word> : <span className="quiet">none</span>}</td>
          <td>
            <Time at={one.last} />
          </td>
          <td className="number">{one.events.toLocaleString()}</td>
          <td className="number">{one.errors > 0 ? <Badge tone="bad">{one.errors.toLocaleString()}</Badge> : "0"}</td>
        </tr>
      ))}
    </Table>
  );
}
