import type { LoggedEvent } from "../live";
import { Badge } from "./layout";
import { bytes, milliseconds, Time, visible, Word } from "./text";

/** Events of the log, each of which opens to all that is kept of it. */
export function EventList({ events, label }: { events: LoggedEvent[]; label: string }) {
  return (
    <ol className="events" aria-label={label}>
      {events.map((event) => (
        <li key={event.id}>
          <EventRow event={event} />
        </li>
      ))}
    </ol>
  );
}

function EventRow({ event }: { event: LoggedEvent }) {
  return (
    <details className="event">
      <summary>
        <span className="event-at">
          <Time at={event.at} how="clock" />
        </span>
        <span className="event-kind">{event.kind.replace("_", " ")}</span>
        <span className="event-name">
          <Word>{event.name || "(none)"}</Word>
        </span>
        <span className="event-client">
          <Word>{event.client}</Word>
        </span>
        <span className="event-outcome">
          <Badge tone={event.outcome === "ok" ? "good" : "bad"}>{visible(event.outcome)}</Badge>
        </span>
        <span className="event-took">{milliseconds(event.duration_ms)}</span>
      </summary>
      <dl className="facts">
        <Fact name="At">
          <Time at={event.at} how="full" />
        </Fact>
        <Fact name="Token">{visible(event.principal) || "none that is good"}</Fact>
        <Fact name="Project">{visible(event.project) || "none"}</Fact>
        <Fact name="Size">
          {bytes(event.bytes_in)} in, {bytes(event.bytes_out)} out
        </Fact>
        <Fact name="Request">
          <code>{visible(event.request_id) || "none"}</code>
        </Fact>
        {event.arguments && (
          <Fact name="Arguments">
            <pre tabIndex={0}>{visible(JSON.stringify(event.arguments, null, 2))}</pre>
          </Fact>
        )}
      </dl>
    </details>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}
