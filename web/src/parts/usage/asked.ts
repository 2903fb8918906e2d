import type { paths } from "../../api/schema";
import { href } from "../../route";

type Query = NonNullable<paths["/api/v1/usage/series"]["get"]["parameters"]["query"]>;
type Step = NonNullable<Query["step"]>;

export const RANGES = { today: "Today", week: "This week", month: "This month", all: "All time", days: "From … to …" } as const;
export const DIMENSIONS = ["model", "project", "client", "profile", "session", "agent", "provider", "source", "tier"] as const;
export const STEPS = ["hour", "day", "week", "month"] as const;
/** By what calls can be chosen; REST calls a model as it is shown `model_name`. */
export const FILTERS = ["model", "project", "client", "profile", "session", "agent", "provider", "source"] as const;

export type Range = keyof typeof RANGES;
export type Dimension = (typeof DIMENSIONS)[number];
export type Filter = (typeof FILTERS)[number];

/** What the view was asked to show, as its address says. */
export interface Asked {
  range: Range;
  from: string;
  to: string;
  /** Moments, of a bar that was opened; they go before the range. */
  since: string;
  until: string;
  by: Dimension;
  show: "cost" | "tokens";
  step: Step | "";
  /** What is chosen; the empty text is of calls that have none. */
  filters: Partial<Record<Filter, string>>;
}

export function parse(query: URLSearchParams): Asked {
  const of = (name: string) => query.get(name) ?? "";
  const one = <T extends string>(name: string, known: readonly T[], usual: T): T =>
    known.find((each) => each === query.get(name)) ?? usual;
  const none = of("none").split(",");
  const filters: Asked["filters"] = {};
  for (const name of FILTERS) {
    const value = query.get(name);
    if (value !== null) filters[name] = value;
    else if (none.includes(name)) filters[name] = "";
  }
  return {
    range: one("range", Object.keys(RANGES) as Range[], "month"),
    from: day(of("from")),
    to: day(of("to")),
    since: of("since"),
    until: of("until"),
    by: one("by", DIMENSIONS, "model"),
    show: one("show", ["cost", "tokens"], "cost"),
    step: one("step", ["", ...STEPS], ""),
    filters,
  };
}

const day = (said: string) => (/^\d{4}-\d\d-\d\d$/.test(said) ? said : "");

/** The address of a part of the view that shows what is asked. */
export function address(asked: Asked, ...path: string[]): string {
  const { filters, ...rest } = asked;
  const none = Object.keys(filters).filter((name) => filters[name as Filter] === "");
  return href(["usage", ...path], { ...rest, ...filters, none: none.join(",") });
}

/** The same calls as the routes are asked for them. */
export function chosen(asked: Asked): Query {
  const { model, ...others } = asked.filters;
  const query: Query = Object.fromEntries(Object.entries(others).map(([name, value]) => [name, [value]]));
  if (model !== undefined) query.model_name = [model];
  if (asked.since && asked.until) return { ...query, since: asked.since, until: asked.until };
  if (asked.range === "days") {
    if (asked.from) query.first_day = asked.from;
    if (asked.to) query.last_day = asked.to;
  } else if (asked.range !== "all") query.period = asked.range;
  return query;
}
