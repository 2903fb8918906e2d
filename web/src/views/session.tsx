import { useState } from "react";
import { Table, ViewHead } from "../parts/layout";
import { Empty, Loaded } from "../parts/notes";
import { Time, Word } from "../parts/text";
import { href } from "../route";
import { NewSession } from "../sessions/new_session";
import { cost, named, type SessionState } from "../sessions/session";
import { SessionCard, StateBadge, useSessions } from "../sessions/session_list";
import { SessionPage } from "../sessions/session_page";
import type { ViewProps } from ".";

/** The sessions of the hub, a new one, or one of them. */
export default function Session({ path }: ViewProps) {
  const [id, tab] = path;
  if (id === "new") {
    return (
      <>
        <ViewHead title="New session" />
        <NewSession />
      </>
    );
  }
  return id === undefined ? <Sessions /> : <SessionPage key={id} id={id} tab={tab ?? "transcript"} />;
}

function Sessions() {
  const [after, setAfter] = useState<string[]>([]);
  const from = after.at(-1);
  const sessions = useSessions({ limit: 50, ...(from === undefined ? {} : { after: from }) });
  return (
    <>
      <ViewHead title="Sessions">
        <a className="button" href={href(["session", "new"])}>
          New session
        </a>
      </ViewHead>
      <Loaded of={sessions}>
        {({ sessions: found, next }) => (
          <>
            {found.length === 0 && <Empty title="No session yet">Start one here, or with `agentos run`.</Empty>}
            {found.some((one) => one.live) && (
              <div className="session-cards">
                {found.filter((one) => one.live).map((one) => (
                  <SessionCard key={one.id} session={one} changed={sessions.reload} />
                ))}
              </div>
            )}
            <Past sessions={found.filter((one) => !one.live)} />
            <div className="row">
              {from !== undefined && (
                <button type="button" onClick={() => setAfter(after.slice(0, -1))}>
                  Newer
                </button>
              )}
              {next !== null && (
                <button type="button" onClick={() => setAfter([...after, next])}>
                  Older
                </button>
              )}
            </div>
          </>
        )}
      </Loaded>
    </>
  );
}

function Past({ sessions }: { sessions: SessionState[] }) {
  if (sessions.length === 0) return null;
  return (
    <div className="card">
      <Table label="Past sessions" head={["Session", "State", "Agent", "Turns", "Cost", "Last"]}>
        {sessions.map((one) => (
          <tr key={one.id}>
            <td className="wrap">
              <a href={href(["session", one.id])}>
                <Word>{named(one)}</Word>
              </a>
            </td>
            <td>
              <StateBadge state={one.state} />
            </td>
            <td>
              <Word>{one.agent}</Word>
            </td>
            <td className="number">{one.turns.toLocaleString()}</td>
            <td className="number">{cost(one)}</td>
            <td>
              <Time at={one.updated_at} />
            </td>
          </tr>
        ))}
      </Table>
    </div>
  );
}
