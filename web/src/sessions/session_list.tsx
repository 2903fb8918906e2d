import { useRef } from "react";
import { api, data } from "../api/client";
import { useResource, type Resource } from "../api/resource";
import type { Schema } from "../api/client";
import { useEvents } from "../live";
import { Badge } from "../parts/layout";
import { Time, visible, Word } from "../parts/text";
import { href } from "../route";
import { PermissionBar } from "./permission_bar";
import { cost, named, STATES, type SessionState } from "./session";

/** Milliseconds between two times that the list is asked for, however much happens. */
const PACE = 1000;

/** A page of sessions, asked for again when one of them changes. */
export function useSessions(query: { live?: boolean; limit?: number; after?: string }): Resource<Schema["SessionList"]> {
  const sessions = useResource(`sessions ${JSON.stringify(query)}`, () => data(api.GET("/api/v1/sessions", { params: { query } })), 15);
  const waiting = useRef(false);
  useEvents((events) => {
    if (waiting.current || !events.some((event) => (event.kind as string) === "session")) return;
    waiting.current = true;
    setTimeout(() => {
      waiting.current = false;
      sessions.reload();
    }, PACE);
  });
  return sessions;
}

export function StateBadge({ state }: { state: SessionState["state"] }) {
  const [words, tone] = STATES[state];
  return <Badge tone={tone}>{words}</Badge>;
}

/** A session at a glance; what it asks is answered here. */
export function SessionCard({ session, changed }: { session: SessionState; changed: () => void }) {
  return (
    <article className="session-card" aria-label={visible(named(session))}>
      <div className="session-card-head">
        <a href={href(["session", session.id])}>
          <Word>{named(session)}</Word>
        </a>
        <StateBadge state={session.state} />
      </div>
      <p className="session-line quiet">{session.last_line ? visible(session.last_line) : "It has said nothing yet."}</p>
      <Facts session={session} />
      <PermissionBar session={session} changed={changed} keys={false} />
    </article>
  );
}

function Facts({ session }: { session: SessionState }) {
  return (
    <p className="facts-line small quiet">
      <Word>{session.agent}</Word>
      {session.model !== null && <Word>{session.model}</Word>}
      <span>cost {cost(session)}</span>
      <span>{session.turns === 1 ? "1 turn" : `${session.turns.toLocaleString()} turns`}</span>
      {session.queued > 0 && <span>{session.queued} queued</span>}
      <Time at={session.updated_at} />
    </p>
  );
}
