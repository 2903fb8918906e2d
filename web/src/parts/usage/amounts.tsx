import { Badge } from "../layout";
import { visible } from "../text";

export type Show = "cost" | "tokens";

/** An amount of money; null is an unknown one, and never 0. */
export function money(code: string, amount: number | null, atLeast = false): string {
  if (amount === null) return "unknown";
  const digits = Math.abs(amount) >= 1 || amount === 0 ? 2 : 4;
  const style = { style: "currency", currency: code, currencyDisplay: "narrowSymbol" } as const;
  const said = amount.toLocaleString(undefined, { ...style, minimumFractionDigits: digits, maximumFractionDigits: digits });
  return atLeast ? `≥ ${said}` : said;
}

const COMPACT = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
export const compact = (count: number) => COMPACT.format(count);

export interface Used {
  calls: number;
  tokens: number;
  cost: number | null;
  unpriced_calls: number;
}

/** What was used, as one chose to see it. */
export function amount(show: Show, currency: string, used: Used): string {
  return show === "tokens" ? used.tokens.toLocaleString() : money(currency, used.cost, used.unpriced_calls > 0);
}

/** A cost; what is not known is marked. */
export function Cost({ currency, used }: { currency: string; used: Used }) {
  if (used.cost === null) return <Badge tone="warn">unknown</Badge>;
  return <data value={used.cost}>{money(currency, used.cost, used.unpriced_calls > 0)}</data>;
}

export function Count({ of }: { of: number }) {
  return <data value={of}>{of.toLocaleString()}</data>;
}

export function AmountOf({ show, currency, used }: { show: Show; currency: string; used: Used }) {
  return show === "tokens" ? <Count of={used.tokens} /> : <Cost currency={currency} used={used} />;
}

/** A moment in the zone of the reports, which has no name where it is only that of the hub's host. */
export function moment(at: string, zone: string): string {
  const named = zone === "local" ? {} : { timeZone: zone };
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", ...named }).format(new Date(at));
}

/** How a step is called where there is little room. */
export function stepName(step: string): string {
  const day = (iso: string, how: Intl.DateTimeFormatOptions) => new Date(iso).toLocaleDateString(undefined, { ...how, timeZone: "UTC" });
  if (step.includes("W")) return step.slice(5).replace("W", "Week ");
  if (step.includes(":")) return `${day(step.slice(0, 10), { day: "numeric", month: "short" })}, ${step.slice(11)}`;
  if (step.length === 7) return day(`${step}-01`, { month: "short", year: "numeric" });
  return day(step, { day: "numeric", month: "short" });
}

/** What has this name; calls without one have that in common. */
export function named(name: string): string {
  return visible(name) || "(none)";
}

export const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);
