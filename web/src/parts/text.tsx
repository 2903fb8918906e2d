import { useSyncExternalStore } from "react";

const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const AGO = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "narrow" });
const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [["day", 86400], ["hour", 3600], ["minute", 60]];

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** One clock for all relative times of the page. */
let second = Date.now();
function tick(changed: () => void): () => void {
  const timer = setInterval(() => {
    second = Date.now();
    changed();
  }, 10_000);
  return () => clearInterval(timer);
}

export function useNow(): number {
  return useSyncExternalStore(tick, () => second);
}

/** A moment in the user's zone; its title tells it in full. */
export function Time({ at, how = "ago" }: { at: string; how?: "ago" | "full" | "clock" }) {
  const now = useNow();
  const moment = new Date(at);
  const said =
    how === "ago" ? ago(moment, now) : how === "clock" ? CLOCK.format(moment) : DATE.format(moment);
  return (
    <time dateTime={at} title={`${DATE.format(moment)} (${zone})`}>
      {said}
    </time>
  );
}

function ago(moment: Date, now: number): string {
  const seconds = (moment.getTime() - now) / 1000;
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return AGO.format(Math.trunc(seconds / length), unit);
  }
  return seconds > 30 ? "in a moment" : "just now";
}

/** A date without a time, which no zone changes. */
export function day(iso: string): string {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" }).format(new Date(iso));
}

export function bytes(count: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let unit = 0;
  while (count >= 1000 && unit < units.length - 1) {
    count /= 1000;
    unit += 1;
  }
  return `${count.toLocaleString(undefined, { maximumFractionDigits: count < 10 && unit > 0 ? 1 : 0 })} ${units[unit]}`;
}

export function milliseconds(count: number): string {
  if (count >= 1000) return `${(count / 1000).toLocaleString(undefined, { maximumFractionDigits: 1 })} s`;
  return `${count.toLocaleString(undefined, { maximumFractionDigits: count < 10 ? 1 : 0 })} ms`;
}

/** Characters that turn text around or that nobody sees, by which a change could hide. */
const HIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|[\u{e0000}-\u{e007f}]/gu;

/** Shows what would be hidden. */
export function visible(text: string): string {
  return text.replace(HIDDEN, (one) => `⟨U+${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

/** What somebody else wrote, on one line: nothing in it reaches the text beside it. */
export function Word({ children }: { children: string }) {
  return <bdi>{visible(children)}</bdi>;
}
