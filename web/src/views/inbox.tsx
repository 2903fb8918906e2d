import { useState } from "react";
import { api, data, type ApiError, type Schema } from "../api/client";
import { asApiError, useResource } from "../api/resource";
import { Diff } from "../parts/diff";
import { Badge, ViewHead } from "../parts/layout";
import { Empty, ErrorNote, Loaded } from "../parts/notes";
import { Time, visible, Word } from "../parts/text";
import { href } from "../route";

type Proposal = Schema["ProposalInfo"];

/** What agents would change in the portfolio, for its owner to decide. */
export default function Inbox() {
  const inbox = useResource("inbox", () => data(api.GET("/api/v1/portfolio/proposals", { params: { query: { limit: 500 } } })), 10);
  const [said, setSaid] = useState("");
  function decided(proposal: Proposal): void {
    setSaid(proposal.state === "accepted" ? `${proposal.name} was changed.` : `${proposal.name} stays as it is.`);
    inbox.reload();
  }
  return (
    <>
      <ViewHead title="Inbox" />
      <p role="status" className="said">
        {said && <span className="note note-good">{visible(said)}</span>}
      </p>
      <Loaded of={inbox}>
        {({ proposals }) =>
          proposals.length ? (
            proposals.map((proposal) => <Decision key={proposal.id} proposal={proposal} decided={decided} />)
          ) : (
            <Empty title="Nothing waits for you">
              Agents never write to the portfolio: what they would change waits here until you accept it.
            </Empty>
          )
        }
      </Loaded>
    </>
  );
}

function Decision({ proposal, decided }: { proposal: Proposal; decided: (proposal: Proposal) => void }) {
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const params = { path: { id: proposal.id } };

  function decide(answer: Promise<{ data?: Proposal }>): void {
    setBusy(true);
    setError(null);
    data(answer).then(decided, (problem: unknown) => {
      setBusy(false);
      setError(asApiError(problem));
    });
  }

  return (
    <article className="card" aria-labelledby={`proposal-${proposal.id}`}>
      <div className="card-head">
        <h2 id={`proposal-${proposal.id}`}>
          {proposal.creates ? <Word>{proposal.name}</Word> : <a href={href(["portfolio", proposal.name])}><Word>{proposal.name}</Word></a>}{" "}
          {proposal.creates && <Badge tone="accent">new page</Badge>}
        </h2>
        <span className="quiet">
          <Word>{proposal.client || "somebody"}</Word>, <Time at={proposal.at} />
        </span>
      </div>
      <p className="reason">{visible(proposal.reason) || "No reason was given."}</p>
      <Diff text={proposal.diff} label={`What would change in ${proposal.name}`} />
      {error && <ErrorNote error={error} />}
      <form
        className="row decide"
        onSubmit={(event) => {
          event.preventDefault();
          decide(api.POST("/api/v1/portfolio/proposals/{id}/reject", { params, body: { reason: reason || null } }));
        }}
      >
        <button type="button" className="primary" disabled={busy} onClick={() => decide(api.POST("/api/v1/portfolio/proposals/{id}/accept", { params, headers: { "Content-Type": "application/json" } }))}>
          Accept
        </button>
        <button type="submit" disabled={busy}>
          Reject
        </button>
        <input aria-label="Why you reject it" placeholder="Why you reject it (optional)" maxLength={2000} value={reason} onChange={(event) => setReason(event.target.value)} />
      </form>
    </article>
  );
}
