import { lazy, Suspense, useState } from "react";
import type { Schema } from "../../api/client";
import { go } from "../../route";
import { Section, Table } from "../layout";
import { Empty } from "../notes";
import { address, type Asked } from "./asked";
import { amount, AmountOf, capital, compact, money, named, stepName, type Used } from "./amounts";
import type { Line } from "./chart";

const Chart = lazy(() => import("./chart"));
type Series = Schema["UsageSeries"];

/** How use went over time: as bars, and the same numbers as a table. */
export function Course({ series, asked }: { series: Series; asked: Asked }) {
  const [how, setHow] = useState<"chart" | "table">("chart");
  const lines = [
    ...series.series.map(({ name, points }) => ({ name: named(name), points })),
    ...(series.left_out > 0 ? [{ name: `${series.left_out} others`, points: series.others }] : []),
  ];
  const what = asked.show === "cost" ? "Cost" : "Tokens";
  const title = `${what} by ${series.step} and ${asked.by}`;
  const choice = (
    <div className="row" role="group" aria-label="Show as">
      <span className="quiet small">Days of {series.time_zone === "local" ? "the hub's zone" : series.time_zone}</span>
      {(["chart", "table"] as const).map((one) => (
        <button key={one} type="button" aria-pressed={how === one} onClick={() => setHow(one)}>
          {one === "chart" ? "Chart" : "Table"}
        </button>
      ))}
    </div>
  );
  return (
    <Section title={title} aside={choice}>
      {series.steps.length === 0 ? (
        <Empty title="Nothing was used in this time">
          <a href={address({ ...asked, range: "all", since: "", until: "", filters: {} })}>Look at all time</a>, or wait: the hub reads what is new every half minute.
        </Empty>
      ) : how === "chart" ? (
        <Bars title={title} series={series} lines={lines} asked={asked} />
      ) : (
        <Numbers title={title} series={series} lines={lines} asked={asked} />
      )}
    </Section>
  );
}

interface Parts {
  title: string;
  series: Series;
  lines: { name: string; points: Used[] }[];
  asked: Asked;
}

function Bars({ title, series, lines, asked }: Parts) {
  const [at, setAt] = useState<number | null>(null);
  const chosen = at === null || at >= series.steps.length ? null : at;
  const names = series.steps.map(stepName);
  const totals = series.steps.map((_, step) => sum(lines.map((line) => line.points[step])));
  const drawn: Line[] = lines.map(({ name, points }) => ({ name, values: points.map((point) => (asked.show === "cost" ? (point.cost ?? 0) : point.tokens)) }));
  const atLeast = totals.map((total) => asked.show === "cost" && total.unpriced_calls > 0);
  const told = (used: Used) => amount(asked.show, series.currency, used);
  const open = (step: number) => go(callsOf(asked, series, step));
  const whole = chosen === null ? series.total : (totals[chosen] ?? series.total);
  return (
    <>
      <Suspense fallback={<div className="chart" />}>
        <Chart
          label={`${title}, as bars. The same numbers are in the table.`}
          steps={names}
          lines={drawn}
          atLeast={atLeast}
          format={asked.show === "cost" ? (value) => money(series.currency, value) : compact}
          chosen={chosen}
          choose={setAt}
          open={open}
        />
      </Suspense>
      <input
        type="range"
        className="chart-step"
        aria-label={`Which ${series.step}`}
        min={0}
        max={series.steps.length - 1}
        value={chosen ?? series.steps.length - 1}
        aria-valuetext={`${names[chosen ?? series.steps.length - 1] ?? ""}: ${told(totals[chosen ?? series.steps.length - 1] ?? series.total)}`}
        onChange={(event) => setAt(Number(event.target.value))}
        onKeyDown={(event) => event.key === "Enter" && chosen !== null && open(chosen)}
      />
      <p className="row chart-at">
        <strong>{chosen === null ? "Altogether" : names[chosen]}</strong>
        <span>{told(whole)}</span>
        {chosen !== null && <a href={callsOf(asked, series, chosen)}>Its {whole.calls.toLocaleString()} calls</a>}
      </p>
      <ul className="legend" aria-label="What the bars are made of">
        {lines.map(({ name, points }, index) => (
          <li key={index}>
            <i className={`swatch swatch-${index}`} />
            <bdi className="legend-name">{name}</bdi>
            <span className="legend-value">{told(chosen === null ? sum(points) : sum([points[chosen]]))}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

function Numbers({ title, series, lines, asked }: Parts) {
  return (
    <Table label={`${title}, as a table`} head={[capital(series.step), ...lines.map((line) => line.name), "Total"]}>
      {series.steps.map((step, at) => (
        <tr key={step}>
          <th scope="row">
            <a href={callsOf(asked, series, at)}>{step}</a>
          </th>
          {[...lines.map((line) => sum([line.points[at]])), sum(lines.map((line) => line.points[at]))].map((used, column) => (
            <td key={column} className="number">
              <AmountOf show={asked.show} currency={series.currency} used={used} />
            </td>
          ))}
        </tr>
      ))}
    </Table>
  );
}

const callsOf = (asked: Asked, series: Series, step: number) =>
  address({ ...asked, since: series.spans[step]?.since ?? "", until: series.spans[step]?.until ?? "" }, "calls");

/** Adds up; a cost is unknown where none of what was used has a price. */
function sum(points: (Used | undefined)[]): Used {
  const used = points.filter((point) => point !== undefined);
  const some = used.filter((point) => point.calls > 0);
  const known = some.filter((point) => point.cost !== null);
  const add = (of: (point: Used) => number) => used.reduce((all, point) => all + of(point), 0);
  return {
    calls: add((point) => point.calls),
    tokens: add((point) => point.tokens),
    cost: some.length > 0 && known.length === 0 ? null : known.reduce((all, point) => all + (point.cost ?? 0), 0),
    unpriced_calls: add((point) => point.unpriced_calls),
  };
}
