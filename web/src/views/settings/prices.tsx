import { useState, type FormEvent } from "react";
import { useActing } from "../../act";
import { api, data, type Schema } from "../../api/client";
import { useResource } from "../../api/resource";
import { Badge, Section, Table } from "../../parts/layout";
import { Empty, ErrorNote, Loaded } from "../../parts/notes";
import { day, visible, Word } from "../../parts/text";

type Price = Schema["ModelPrice"];
const RATES = [
  ["input", "Input"],
  ["output", "Output"],
  ["cached_input", "Cached input"],
  ["cache_write", "Cache write"],
] as const;
const PAGE = 25;

/** What models cost, who says so, and what is not known. */
export function Prices() {
  const [search, setSearch] = useState("");
  const [own, setOwn] = useState(false);
  const [pages, setPages] = useState(1);
  const [form, setForm] = useState<string | null>(null);
  const [said, setSaid] = useState("");
  const prices = useResource(`prices ${own} ${pages} ${search}`, () => data(api.GET("/api/v1/prices", { params: { query: { search, own, limit: Math.min(PAGE * pages, 500) } } })));
  const { busy, error, act } = useActing(prices.reload);

  return (
    <Section
      title="Prices"
      aside={
        <span className="row">
          <button type="button" onClick={() => setForm("")}>
            Set a price
          </button>
          <button
            type="button"
            disabled={busy}
            onClick={() => act(() => api.POST("/api/v1/prices/refresh", { headers: { "Content-Type": "application/json" } }), (done) => setSaid(`${done.prices.toLocaleString()} prices were fetched, ${done.changed.length.toLocaleString()} are new or changed.`))}
          >
            {busy ? "Wait…" : "Fetch prices"}
          </button>
        </span>
      }
    >
      <p role="status" className="said">
        {said && <span className="note note-good">{said}</span>}
      </p>
      {error && <ErrorNote error={error} />}
      {form !== null && (
        <OwnPrice
          key={form}
          name={form}
          busy={busy}
          cancel={() => setForm(null)}
          save={(price) => act(() => api.PUT("/api/v1/prices/own", { body: price }), () => (setForm(null), setSaid(`${price.name} costs what you say.`)))}
        />
      )}
      <form className="filters" role="search" aria-label="Filters of prices" onSubmit={(event) => event.preventDefault()}>
        <label>
          Provider or model
          <input value={search} onChange={(event) => (setSearch(event.target.value), setPages(1))} maxLength={200} spellCheck={false} />
        </label>
        <label className="check">
          <input type="checkbox" checked={own} onChange={(event) => (setOwn(event.target.checked), setPages(1))} /> Only my own
        </label>
      </form>
      <Loaded of={prices}>
        {(found) => (
          <>
            {found.unpriced.length > 0 && (
              <div className="note note-warn">
                <p className="note-text">Some calls have no price, so what they cost is not known:</p>
                <ul className="plain-list">
                  {found.unpriced.map((one) => (
                    <li key={one.name}>
                      <code>{visible(one.name)}</code>, {one.calls.toLocaleString()} calls{" "}
                      <button type="button" onClick={() => setForm(one.name)} aria-label={`Set a price of ${visible(one.name)}`}>
                        Set a price
                      </button>
                    </li>
                  ))}
                </ul>
              </div>
            )}
            {found.prices.length ? <PriceTable prices={found.prices} busy={busy} remove={(name) => act(() => api.DELETE("/api/v1/prices/own", { params: { query: { name } } }), () => setSaid(`${visible(name)} has no price of yours any more.`))} /> : <Empty title="No price is called that" />}
            <p className="quiet">
              {found.prices.length.toLocaleString()} of {found.total.toLocaleString()}. US dollars for a million tokens; <Badge tone="warn">unknown</Badge> is never counted as 0.
            </p>
            {found.next !== null && found.prices.length < 500 && (
              <p className="more">
                <button type="button" onClick={() => setPages(pages + 1)} disabled={prices.loading}>
                  Show more prices
                </button>
              </p>
            )}
          </>
        )}
      </Loaded>
    </Section>
  );
}

function PriceTable({ prices, busy, remove }: { prices: Price[]; busy: boolean; remove: (name: string) => void }) {
  return (
    <Table label="List of prices" head={["Model", "From", "Input", "Cached", "Written", "Output", "Source"]}>
      {prices.flatMap((price) =>
        price.periods.map((period, index) => (
          <tr key={`${price.name} ${index}`}>
            <td className="wrap">
              {index === 0 && (
                <>
                  <code>
                    <Word>{price.name}</Word>
                  </code>{" "}
                  {price.own && (
                    <>
                      <Badge tone="accent">yours</Badge>{" "}
                      <button type="button" disabled={busy} onClick={() => remove(price.name)} aria-label={`Remove your price of ${visible(price.name)}`}>
                        Remove
                      </button>
                    </>
                  )}
                </>
              )}
              {period.long_above !== null && <div className="quiet">otherwise above {period.long_above.toLocaleString()} tokens of input</div>}
              {period.tiers.length > 0 && <div className="quiet">otherwise for {visible(period.tiers.join(", "))}</div>}
            </td>
            <td>{period.since === null ? <span className="quiet">always</span> : day(period.since)}</td>
            {period.input === null ? (
              <td colSpan={4}>
                <Badge tone="warn">unknown</Badge>
              </td>
            ) : (
              [period.input, period.cached_input, period.cache_write, period.output].map((rate, at) => (
                <td key={at} className="number">
                  {rate === null ? <span className="quiet">as input</span> : rate.toLocaleString(undefined, { maximumFractionDigits: 6 })}
                </td>
              ))
            )}
            <td className="wrap">
              {index === 0 && (
                <>
                  {visible(price.source) || <span className="quiet">it does not say</span>}
                  {price.read && <div className="quiet">read on {day(price.read)}</div>}
                </>
              )}
            </td>
          </tr>
        )),
      )}
    </Table>
  );
}

function OwnPrice({ name, busy, save, cancel }: { name: string; busy: boolean; save: (price: Schema["OwnPrice"]) => void; cancel: () => void }) {
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const said = new FormData(event.currentTarget);
    const rate = (field: string) => (said.get(field) === "" ? null : Number(said.get(field)));
    save({ name: String(said.get("name")).trim(), input: rate("input") ?? 0, output: rate("output") ?? 0, cached_input: rate("cached_input"), cache_write: rate("cache_write") });
  }
  return (
    <form className="form" onSubmit={submit} aria-label="A price of your own">
      <label>
        Provider/model
        <input name="name" defaultValue={name} required pattern="[^\/\s]+\/\S+" placeholder="openai/gpt-5.5" maxLength={300} spellCheck={false} />
      </label>
      {RATES.map(([field, words]) => (
        <label key={field}>
          {words}, dollars for a million
          <input name={field} type="number" min="0" step="any" required={field === "input" || field === "output"} placeholder={field === "input" || field === "output" ? "" : "as input"} />
        </label>
      ))}
      <div className="row">
        <button type="submit" className="primary" disabled={busy}>
          Save in agentos.toml
        </button>
        <button type="button" onClick={cancel}>
          Cancel
        </button>
      </div>
    </form>
  );
}
