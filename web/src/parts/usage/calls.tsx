import { useEffect, useState, type ReactNode } from "react";
import { api, data, type ApiError, type Schema } from "../../api/client";
import { asApiError, useResource } from "../../api/resource";
import { href } from "../../route";
import { Badge, Section, Table, ViewHead } from "../layout";
import { Empty, ErrorNote, Loaded, Loading } from "../notes";
import { visible, Word } from "../text";
import { address, chosen, type Asked } from "./asked";
import { Cost, Count, moment, money, named } from "./amounts";
import { Chosen } from "./chosen";

type Call = Schema["CallInfo"];
type Page = Schema["CallList"];
const model = (call: Call) => named(call.provider ? `${call.provider}/${call.model}` : call.model);

/** Calls one by one, and the files that they come from. */
export function Calls({ asked }: { asked: Asked }) {
  const query = chosen(asked);
  const key = JSON.stringify(query);
  const [pages, setPages] = useState<Page[]>([]);
  const [error, setError] = useState<ApiError | null>(null);
  const last = pages.at(-1);

  function load(after: number, before: Page[]): void {
    setError(null);
    data(api.GET("/api/v1/usage/calls", { params: { query: { ...query, after, limit: 100 } } })).then(
      (page) => setPages([...before, page]),
      (problem: unknown) => setError(asApiError(problem)),
    );
  }
  useEffect(() => {
    setPages([]);
    load(0, []);
  }, [key]);

  return (
    <>
      <p className="crumbs">
        <a href={address({ ...asked, since: "", until: "", filters: {} })}>Usage</a>
      </p>
      <ViewHead title="Calls" />
      <Chosen asked={asked} zone={last?.time_zone ?? "UTC"} path={["calls"]} />
      {error && <ErrorNote error={error} retry={() => load(last?.next ?? 0, pages)} />}
      {last === undefined ? (
        !error && <Loading lines={8} />
      ) : (
        <Section title="As they came into the ledger" aside={<span className="quiet">Times of {last.time_zone === "local" ? "the hub's zone" : last.time_zone}</span>}>
          <Rows calls={pages.flatMap((page) => page.calls)} page={last} />
          {last.next !== null && (
            <p className="more">
              <button type="button" onClick={() => load(last.next ?? 0, pages)}>
                Show more
              </button>
            </p>
          )}
        </Section>
      )}
      <Explanation key={key} asked={asked} />
    </>
  );
}

function Rows({ calls, page }: { calls: Call[]; page: Page }) {
  if (calls.length === 0) return <Empty title="There are no such calls">Take a filter away, or choose another time.</Empty>;
  return (
    <Table label="Calls" head={["Number", "When", "Model", "Input", "Cached", "Output", "Cost", "Known", "For", "Client", "Project"]}>
      {calls.map((call) => (
        <tr key={call.number}>
          <th scope="row">
            <a href={href(["usage", "calls", String(call.number)])}>{call.number}</a>
          </th>
          <td>
            <time dateTime={call.at}>{moment(call.at, page.time_zone)}</time>
          </td>
          <td><bdi>{model(call)}</bdi></td>
          {[call.tokens?.input, call.tokens?.cached_input, call.tokens?.output].map((count, at) => (
            <td key={at} className="number">
              {count === undefined ? <Badge tone="warn">unknown</Badge> : <Count of={count} />}
            </td>
          ))}
          <td className="number">
            <CallCost call={call} currency={page.currency} />
          </td>
          <td><Known call={call} /></td>
          <td><Word>{call.kind}</Word></td>
          <td><Word>{call.client}</Word></td>
          <td className="wrap"><Word>{call.project}</Word></td>
        </tr>
      ))}
    </Table>
  );
}

function CallCost({ call, currency }: { call: Call; currency: Schema["CurrencyInfo"] }) {
  const cost = call.cost === null ? null : call.cost * currency.per_dollar;
  return <Cost currency={currency.code} used={{ calls: 1, tokens: 0, cost, unpriced_calls: 0 }} />;
}

const Known = ({ call }: { call: Call }) => <Badge tone={call.confidence === "exact" ? "good" : "accent"}>{call.confidence}</Badge>;

/** Which files and lines a number comes from, and what there was not counted. */
function Explanation({ asked }: { asked: Asked }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="card" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Where these numbers come from</summary>
      {open && <Files asked={asked} />}
    </details>
  );
}

function Files({ asked }: { asked: Asked }) {
  const query = chosen(asked);
  const found = useResource(`explained ${JSON.stringify(query)}`, () => data(api.GET("/api/v1/usage/explanation", { params: { query } })));
  return (
    <Loaded of={found}>
      {(told) => (
        <>
          <Table label="Files" head={["File", "Calls", "Lines", "Input", "Cached", "Output", ""]}>
            {told.files.map((share) => (
              <tr key={share.file}>
                <th scope="row" className="wrap"><Word>{share.file}</Word></th>
                <td className="number">{share.calls.toLocaleString()}</td>
                <td className="number">{share.first_line}-{share.last_line}</td>
                <td className="number"><Count of={share.tokens.input} /></td>
                <td className="number"><Count of={share.tokens.cached_input} /></td>
                <td className="number"><Count of={share.tokens.output} /></td>
                <td>
                  {share.gone && <Badge tone="warn">gone; the ledger remembers it</Badge>}
                  {share.derived > 0 && <Badge tone="accent">{share.derived} derived</Badge>}
                </td>
              </tr>
            ))}
          </Table>
          {told.files_left_out > 0 && <p className="quiet">And {told.files_left_out.toLocaleString()} more files.</p>}
          {told.problems.length > 0 && (
            <>
              <h3>Not counted</h3>
              <ul>
                {told.problems.map((problem, index) => (
                  <li key={index}>
                    <code>{visible(problem.file)}:{problem.line}</code> {visible(problem.message)}
                  </li>
                ))}
              </ul>
              {told.problems_left_out > 0 && <p className="quiet">And {told.problems_left_out.toLocaleString()} more.</p>}
            </>
          )}
        </>
      )}
    </Loaded>
  );
}

/** One call: what it used, how well that is known, and the line that says so. */
export function OneCall({ number }: { number: string }) {
  const found = useResource(`call ${number}`, () => data(api.GET("/api/v1/usage/calls/{number}", { params: { path: { number: Number(number) } } })));
  return (
    <>
      <p className="crumbs">
        <a href={href(["usage"])}>Usage</a>
      </p>
      <ViewHead title={`Call ${number}`} />
      <Loaded of={found}>{(told) => <CallFacts told={told} />}</Loaded>
    </>
  );
}

const WHY = {
  exact: "The provider's own figures of this one call.",
  derived: "The difference of two readings of a running total: the provider's figures of this one call were not written down.",
};

function CallFacts({ told }: { told: Schema["CallText"] }) {
  const { call, currency } = told;
  const facts: [string, ReactNode][] = [
    ["When", moment(call.at, told.time_zone)],
    ["Model", <bdi>{model(call)}</bdi>],
    ["Cost", <CallCost call={call} currency={currency} />],
    ["Price written by", call.price === null ? "nobody: by the price list" : `${call.source}: ${money("USD", call.price)}`],
    ["Client", named(call.client)],
    ["Session", call.session ? <a href={href(["usage", "calls"], { range: "all", session: call.session })}><Word>{call.session}</Word></a> : "none"],
    ["Thread", named(call.thread)],
    ["Turn", named(call.turn)],
    ["For", named(call.kind)],
    ["Project", named(call.project)],
    ["Profile", named(call.profile)],
    ["Agent", call.agent ? <Word>{call.agent}</Word> : "on the host"],
    ["Service tier", call.tier ? <Word>{call.tier}</Word> : "the usual one"],
    ["Response", named(call.response_id)],
  ];
  const { tokens } = call;
  return (
    <>
      <Section title="What it used">
        {tokens ? (
          <Table label="Tokens" head={["Input", "Of it cached", "Of it written to the cache", "Output", "Of it reasoning"]}>
            <tr>
              {[tokens.input, tokens.cached_input, tokens.cache_write, tokens.output, tokens.reasoning].map((count, at) => (
                <td key={at} className="number"><Count of={count} /></td>
              ))}
            </tr>
          </Table>
        ) : (
          <Empty title="Nobody knows its tokens">The agent went away before the provider told them.</Empty>
        )}
        <dl className="facts">
          {facts.map(([name, value]) => (
            <div key={name} className="fact">
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </Section>
      <Section title="Where that is written" aside={<Known call={call} />}>
        <p>{WHY[call.confidence]}</p>
        <p>
          {call.provenance.file === "gateway" ? (
            `Record ${call.provenance.line} of the gateway, told by nobody else.`
          ) : (
            <code>{visible(call.provenance.file)}:{call.provenance.line}</code>
          )}
        </p>
        {told.line !== null ? (
          <pre className="line" tabIndex={0} aria-label="The line">{visible(told.line)}</pre>
        ) : (
          call.provenance.file !== "gateway" && <p className="quiet">The line is not there any more; the ledger remembers what it said.</p>
        )}
      </Section>
    </>
  );
}
