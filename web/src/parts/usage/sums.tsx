import { useState } from "react";
import { api, data, type Schema } from "../../api/client";
import { useResource } from "../../api/resource";
import { Figure, Section, Table } from "../layout";
import { Loaded } from "../notes";
import { useUsageEvents } from "./live";
import { address, chosen, FILTERS, type Asked, type Filter } from "./asked";
import { capital, compact, Cost, Count, named } from "./amounts";

type Sums = Schema["UsageSums"];
const MORE = 25;
const MOST = 1000;

/** What was used altogether, and by what one likes to know it by. */
export function SumsOf({ asked }: { asked: Asked }) {
  const [limit, setLimit] = useState(MORE);
  const query = { ...chosen(asked), by: [asked.by], limit };
  const sums = useResource(`sums ${JSON.stringify(query)}`, () => data(api.GET("/api/v1/usage", { params: { query } })), 60);
  useUsageEvents(sums.reload);
  return (
    <Section title={`By ${asked.by}`}>
      <Loaded of={sums}>
        {(found) => (
          <>
            <Rows sums={found} asked={asked} />
            {found.next !== null && limit < MOST && (
              <p className="more">
                <button type="button" onClick={() => setLimit(Math.min(limit * 4, MOST))}>
                  Show more
                </button>
              </p>
            )}
            {found.next !== null && limit >= MOST && <p className="quiet">There are more; the CSV file has all of them.</p>}
          </>
        )}
      </Loaded>
    </Section>
  );
}

function Rows({ sums, asked }: { sums: Sums; asked: Asked }) {
  const filter = FILTERS.find((one) => one === asked.by) as Filter | undefined;
  return (
    <Table label={`Sums by ${asked.by}`} head={[capital(asked.by), "Calls", "Input", "Cached", "Output", "Tokens", "Cost"]}>
      {sums.rows.map((row) => {
        const name = row[asked.by] ?? "";
        return (
          <tr key={name}>
            <th scope="row" className="wrap">
              {filter ? <a href={address({ ...asked, filters: { ...asked.filters, [filter]: name } }, "calls")}><bdi>{named(name)}</bdi></a> : <bdi>{named(name)}</bdi>}
            </th>
            <Figures row={row} currency={sums.currency} />
          </tr>
        );
      })}
      <tr className="total">
        <th scope="row">All</th>
        <Figures row={sums.total} currency={sums.currency} />
      </tr>
    </Table>
  );
}

function Figures({ row, currency }: { row: Schema["UsageSum"]; currency: string }) {
  return (
    <>
      {[row.calls, row.input, row.cached_input, row.output, row.tokens].map((count, at) => (
        <td key={at} className="number">
          <Count of={count} />
        </td>
      ))}
      <td className="number">
        <Cost currency={currency} used={row} />
      </td>
    </>
  );
}

const callCount = (count: number) => `${count.toLocaleString()} ${count === 1 ? "call" : "calls"}`;

/** The total in figures, and what they leave out. */
export function Totals({ total, currency }: { total: Schema["UsageSum"]; currency: string }) {
  const cached = total.input > 0 ? total.cached_input / total.input : 0;
  return (
    <>
      <div className="figures">
        <Figure label={`Cost (${currency})`}>
          <Cost currency={currency} used={total} />
        </Figure>
        <Figure label="Tokens">{compact(total.tokens)}</Figure>
        <Figure label="Calls">{total.calls.toLocaleString()}</Figure>
        <Figure label="Input from a cache">{cached.toLocaleString(undefined, { style: "percent" })}</Figure>
      </div>
      {total.unpriced_calls > 0 && (
        <p className="note note-warn">
          The price of {callCount(total.unpriced_calls)} is not known: a cost with ≥, and a bar with +, is of the others. <code>agentos prices list</code> shows what
          is known, and <code>[prices]</code> in agentos.toml adds to it.
        </p>
      )}
      {total.unmetered_calls > 0 && <p className="note note-warn">Nobody knows the tokens of {callCount(total.unmetered_calls)}.</p>}
    </>
  );
}
