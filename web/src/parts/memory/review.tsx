import { useState } from "react";
import { api, data, type ApiError, type Schema } from "../../api/client";
import { asApiError, useResource } from "../../api/resource";
import { href } from "../../route";
import { Diff } from "../diff";
import { Badge, ViewHead } from "../layout";
import { Markdown } from "../markdown";
import { Empty, ErrorNote, Loaded } from "../notes";
import { Time, visible, Word } from "../text";
import { body, Fields, type Wanted } from "./as_memory";
import { BothSides } from "./both_sides";
import { useSteps } from "./steps";
import { Client } from "./words";

type Candidate = Schema["CandidateInfo"];

/** What clients wrote that the user has not decided on. */
export function Review() {
  const inbox = useResource("memory inbox", () => data(api.GET("/api/v1/memories/inbox", { params: { query: { limit: 500 } } })), 30);
  const [said, setSaid] = useState("");
  const [error, setError] = useState<ApiError | null>(null);
  useSteps("main article.candidate");
  function look(): void {
    setError(null);
    data(api.POST("/api/v1/memories/inbox/pull", { headers: { "Content-Type": "application/json" } })).then(
      (found) => {
        setSaid(`${found.new} new; ${found.known} were known, ${found.merged} said the same as others.${found.left_out > 0 ? ` ${found.left_out} more wait until some are decided.` : ""}`);
        inbox.reload();
      },
      (problem: unknown) => setError(asApiError(problem)),
    );
  }
  return (
    <>
      <p className="crumbs">
        <a href={href(["memory"])}>Memory</a>
      </p>
      <ViewHead title="Memories to review">
        <button type="button" onClick={look}>
          Look for new ones
        </button>
      </ViewHead>
      <p role="status" className="said">
        {said && <span className="note note-good">{visible(said)}</span>}
      </p>
      {error && <ErrorNote error={error} retry={look} />}
      <Loaded of={inbox}>
        {({ candidates }) =>
          candidates.length > 0 ? (
            candidates.map((one) => <Decision key={one.id} candidate={one} decided={(words) => (setSaid(words), inbox.reload())} />)
          ) : (
            <Empty title="Nothing waits for you">
              What clients write down themselves waits here until you accept it; nothing of it is in your AgentOS home before. <b>Look for new ones</b> reads their files.
            </Empty>
          )
        }
      </Loaded>
    </>
  );
}

function Decision({ candidate, decided }: { candidate: Candidate; decided: (words: string) => void }) {
  const usual = { name: candidate.name, project: candidate.project ?? "" };
  const [wanted, setWanted] = useState<Wanted>({ type: candidate.type, despite: false, ...usual });
  const [seen, setSeen] = useState(candidate);
  const [reason, setReason] = useState("");
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const changed = seen.version !== candidate.version;
  const path = { id: candidate.id };

  function decide(answer: Promise<{ data?: unknown }>, words: string): void {
    setBusy(true);
    setError(null);
    answer
      .then(
        () => decided(words),
        (problem: unknown) => {
          const no = asApiError(problem);
          if (no.code === "candidate_closed") decided(no.message);
          else setError(no);
        },
      )
      .finally(() => setBusy(false));
  }

  return (
    <article className="card candidate" tabIndex={-1} aria-labelledby={`candidate-${candidate.id}`}>
      <div className="card-head">
        <h2 id={`candidate-${candidate.id}`}>
          <Word>{candidate.description}</Word>
        </h2>
        <span className="row">
          {candidate.clients.map((client) => (
            <Client key={client} client={client} />
          ))}
          <span className="quiet">
            <Time at={candidate.at} />
          </span>
        </span>
      </div>
      <Origins candidate={candidate} />
      <Markdown text={candidate.text} level={3} />
      {candidate.variants.length > 0 && (
        <details>
          <summary>{candidate.variants.length} other wordings</summary>
          {candidate.variants.map((text, index) => (
            <pre key={index} className="line" tabIndex={0} aria-label={`Wording ${index + 2}`}>
              {visible(text)}
            </pre>
          ))}
        </details>
      )}
      {candidate.like !== null && (
        <>
          <p>
            It is near the memory <b>{visible(candidate.like)}</b>, which it may be to correct:
          </p>
          {candidate.like_diff && <Diff text={candidate.like_diff} label={`How it differs from ${candidate.like}`} />}
        </>
      )}
      {candidate.findings.length > 0 && (
        <div className="note note-warn">
          <p className="note-text">There may be secrets or personal data in it.</p>
          <ul>
            {candidate.findings.map((one) => (
              <li key={one}>{visible(one)}</li>
            ))}
          </ul>
        </div>
      )}
      {changed && (
        <>
          <p className="note note-warn">It was changed since you read it.</p>
          <BothSides left={["What you read", sides(seen)]} right={["What it is now", sides(candidate)]} />
          <p>
            <button type="button" onClick={() => setSeen(candidate)}>
              Go on with what it is now
            </button>
          </p>
        </>
      )}
      {error && <ErrorNote error={error} />}
      <form
        className="filters"
        aria-label={`Decide on ${visible(candidate.description)}`}
        onSubmit={(event) => {
          event.preventDefault();
          const header = { "If-Match": `"${seen.version}"` };
          decide(data(api.POST("/api/v1/memories/inbox/{id}/accept", { params: { path, header }, body: body(wanted, usual) })).then((made) => ({ data: made })), `${candidate.description} is a memory now.`);
        }}
      >
        <Fields wanted={wanted} set={(more) => setWanted({ ...wanted, ...more })} held={candidate.findings.length > 0 || error?.code === "secrets_found"} />
        <button type="submit" className="primary" disabled={busy}>
          Accept
        </button>
        <button type="button" disabled={busy} onClick={() => decide(api.POST("/api/v1/memories/inbox/{id}/reject", { params: { path }, body: { reason: reason || null } }), `${candidate.description} is left out.`)}>
          Reject
        </button>
        <label className="wide">
          Why you reject it (optional)
          <input maxLength={2000} value={reason} onChange={(event) => setReason(event.target.value)} />
        </label>
      </form>
    </article>
  );
}

function Origins({ candidate }: { candidate: Candidate }) {
  const about = candidate.project ?? candidate.about;
  return (
    <p className="row small">
      <Badge>{candidate.type}</Badge>
      {about !== null && (
        <span>
          about <Word>{about}</Word>
        </span>
      )}
      {candidate.origins.slice(0, 3).map((one) => (
        <code key={`${one.client} ${one.path}`}>
          {visible(one.path)}:{one.line}
        </code>
      ))}
      {candidate.origins.length > 3 && <span className="quiet">and {candidate.origins.length - 3} more places</span>}
    </p>
  );
}

/** All that is read of a candidate, by which a change shows. */
function sides(one: Candidate): string {
  return [one.text, ...one.variants.map((text) => `or: ${text}`), ...one.origins.map(({ client, path }) => `(${client}, ${path})`)].join("\n\n");
}
