import { Section } from "../parts/layout";
import { Empty, Loaded } from "../parts/notes";
import { href } from "../route";
import { SessionCard, useSessions } from "./session_list";

/** The sessions that the hub holds, and what they wait for. */
export function RunningSessions() {
  const sessions = useSessions({ live: true, limit: 50 });
  return (
    <Section title="Sessions" aside={<a href={href(["session"])}>All sessions</a>}>
      <Loaded of={sessions}>
        {({ sessions: found }) =>
          found.length === 0 ? (
            <Empty title="No agent works now">
              <a href={href(["session", "new"])}>Start a session</a>, or run <code>agentos run</code>.
            </Empty>
          ) : (
            <div className="session-cards">
              {found.map((one) => (
                <SessionCard key={one.id} session={one} changed={sessions.reload} />
              ))}
            </div>
          )
        }
      </Loaded>
    </Section>
  );
}
