import { useEffect, useState } from "react";
import { api, data, type Schema } from "../api/client";
import { useResource, type Resource } from "../api/resource";
import { useSessionStates, useWhenLive } from "../live";
import { Badge } from "../parts/layout";
import { Time, visible, Word } from "../parts/text";
import { href } from "../route";
import { PermissionBar } from "./permission_bar";
import { cost, named, STATES, type SessionState } from "./session";

/** A page of sessions, each as it is now. */
export function useSessions(query: { live?: boolean; limit?: number; after?: string }): Resource<Schema["SessionList"]> {
  const listed = useResource(`sessions ${JSON.stringify(query)}`, () => data(api.GET("/api/v1/sessions", { params: { query } })), 30);
  const [news, setNews] = useState(new Map<string, SessionState>());
  const { reload } = listed;
  useSessionStates((states) => {
    setNews((old) => new Map([...old, ...states.map((state) => [state.id, state] as const)]));
    const known = new Map(listed.data?.sessions.map((one) => [one.id, news.get(one.id) ?? one]));
    // One that has begun or ended changes the page itself.
    if (states.some((state) => known.get(state.id)?.live !== state.live)) reload();
  });
  useWhenLive(reload);
  // A page that was asked for before something happened may come after it was told.
  useEffect(() => {
    const known = new Map(listed.data?.sessions.map((one) => [one.id, one.last_seq]));
    setNews((old) => new Map([...old].filter(([id, state]) => state.last_seq > (known.get(id) ?? Infinity))));
  }, [listed.data]);
  const page = listed.data && { ...listed.data, sessions: listed.data.sessions.map((one) => news.get(one.id) ?? one) };
  return { ...listed, data: page };
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
