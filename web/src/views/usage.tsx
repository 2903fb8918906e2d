import { useState } from "react";
import { api, data, type ApiError } from "../api/client";
import { asApiError, useResource } from "../api/resource";
import { ViewHead } from "../parts/layout";
import { ErrorNote, Loaded } from "../parts/notes";
import { address, chosen, DIMENSIONS, parse, RANGES, STEPS, type Asked, type Range } from "../parts/usage/asked";
import { Budgets } from "../parts/usage/budgets";
import { Calls, OneCall } from "../parts/usage/calls";
import { Chosen } from "../parts/usage/chosen";
import { Course } from "../parts/usage/course";
import { useUsageEvents } from "../parts/usage/live";
import { SumsOf, Totals } from "../parts/usage/sums";
import { go } from "../route";
import type { ViewProps } from ".";

/** What agents used and what it cost, down to a single call. */
export default function Usage({ path, query }: ViewProps) {
  const asked = parse(query);
  if (path[0] !== "calls") return <Overview asked={asked} />;
  return path[1] === undefined ? <Calls asked={asked} /> : <OneCall key={path[1]} number={path[1]} />;
}

function Overview({ asked }: { asked: Asked }) {
  const query = { ...chosen(asked), by: asked.by, limit: 9, ...(asked.step ? { step: asked.step } : {}) };
  const series = useResource(`series ${JSON.stringify(query)}`, () => data(api.GET("/api/v1/usage/series", { params: { query } })), 60);
  useUsageEvents(series.reload);
  return (
    <>
      <ViewHead title="Usage">
        <Export asked={asked} step={series.data?.step ?? "day"} />
      </ViewHead>
      <Questions asked={asked} />
      <Chosen asked={asked} zone={series.data?.time_zone ?? "UTC"} />
      <Loaded of={series}>
        {(found) => (
          <>
            <Totals total={found.total} currency={found.currency} />
            <Course key={JSON.stringify(query)} series={found} asked={asked} />
          </>
        )}
      </Loaded>
      <SumsOf asked={asked} />
      <Budgets />
    </>
  );
}

function Questions({ asked }: { asked: Asked }) {
  const set = (more: Partial<Asked>) => go(address({ ...asked, since: "", until: "", ...more }));
  return (
    <form className="filters" role="search" aria-label="What to show" onSubmit={(event) => event.preventDefault()}>
      <label>
        Time
        <select value={asked.range} onChange={(event) => set({ range: event.target.value as Range })}>
          {Object.entries(RANGES).map(([range, words]) => (
            <option key={range} value={range}>
              {words}
            </option>
          ))}
        </select>
      </label>
      {asked.range === "days" && (
        <>
          <label>
            First day
            <input type="date" value={asked.from} max={asked.to || undefined} onChange={(event) => set({ from: event.target.value })} />
          </label>
          <label>
            Last day
            <input type="date" value={asked.to} min={asked.from || undefined} onChange={(event) => set({ to: event.target.value })} />
          </label>
        </>
      )}
      <label>
        By
        <select value={asked.by} onChange={(event) => set({ by: event.target.value as Asked["by"] })}>
          {DIMENSIONS.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <label>
        Bars
        <select value={asked.step} onChange={(event) => set({ step: event.target.value as Asked["step"] })}>
          <option value="">as it suits</option>
          {STEPS.map((one) => (
            <option key={one} value={one}>
              {one}s
            </option>
          ))}
        </select>
      </label>
      <label>
        Show
        <select value={asked.show} onChange={(event) => set({ show: event.target.value as Asked["show"] })}>
          <option value="cost">cost</option>
          <option value="tokens">tokens</option>
        </select>
      </label>
    </form>
  );
}

/** Saves what is shown, all of it, as comma-separated values. */
function Export({ asked, step }: { asked: Asked; step: (typeof STEPS)[number] }) {
  const [error, setError] = useState<ApiError | null>(null);
  const query = { ...chosen(asked), by: [step, asked.by] };
  function save(): void {
    setError(null);
    data(api.GET("/api/v1/usage/csv", { params: { query }, parseAs: "blob" })).then(
      (content) => download(content as unknown as Blob, "usage.csv"),
      (problem: unknown) => setError(asApiError(problem)),
    );
  }
  return (
    <>
      <button type="button" onClick={save}>
        Save as CSV
      </button>
      {error && <ErrorNote error={error} />}
    </>
  );
}

function download(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // The browser has taken it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
