import { useState, type FormEvent } from "react";
import { api, data, type ApiError, type Schema } from "../../api/client";
import { asApiError, useResource } from "../../api/resource";
import { Badge, Section } from "../layout";
import { Empty, ErrorNote, Loaded } from "../notes";
import { Word } from "../text";
import { useUsageEvents } from "./live";
import { money } from "./amounts";

type Budget = Schema["BudgetInfo"];
type Money = Schema["CurrencyInfo"];

/** What may be used in a day, how far it is used up, and how far it will be. */
export function Budgets() {
  const budgets = useResource("budgets", () => data(api.GET("/api/v1/usage/budgets")), 60);
  useUsageEvents(budgets.reload);
  return (
    <Section title="Budgets">
      <Loaded of={budgets}>
        {({ budgets: found, currency }) => (
          <>
            {found.length > 0 ? (
              <ul className="budgets">
                {found.map((budget, index) => (
                  <li key={index}>
                    <BudgetState budget={budget} currency={currency} changed={budgets.reload} />
                  </li>
                ))}
              </ul>
            ) : (
              <Empty title="There is no budget">Set one below: the gateway stops calls beyond it, or you are told how far a project is.</Empty>
            )}
            <BudgetForm changed={budgets.reload} />
          </>
        )}
      </Loaded>
    </Section>
  );
}

function BudgetState({ budget, currency, changed }: { budget: Budget; currency: Money; changed: () => void }) {
  const [error, setError] = useState<ApiError | null>(null);
  const told = (dollars: number | null) => money(currency.code, dollars === null ? null : dollars * currency.per_dollar, budget.unpriced > 0);
  const limit = (dollars: number) => money(currency.code, dollars * currency.per_dollar);
  const whose = budget.project ?? (budget.profile === null ? null : `Profile ${budget.profile}`);
  const over = budget.share !== null && budget.share >= 1;
  const ahead = !over && budget.share_ahead !== null && budget.share_ahead > 1;

  function remove(): void {
    const query = { ...(budget.project === null ? {} : { project: budget.project }), ...(budget.profile === null ? {} : { profile: budget.profile }) };
    data(api.DELETE("/api/v1/usage/budgets", { params: { query } })).then(changed, (problem: unknown) => setError(asApiError(problem)));
  }

  return (
    <>
      <div className="row">
        <strong>{whose === null ? "Everything" : <Word>{whose}</Word>}</strong>
        <span>
          {[budget.money === null ? "" : limit(budget.money), budget.tokens === null ? "" : `${budget.tokens.toLocaleString()} tokens`].filter(Boolean).join(" and ") || "a rate"} per{" "}
          {budget.scope}
        </span>
        {over && <Badge tone="bad">used up</Badge>}
        {ahead && <Badge tone="warn">will be exceeded today</Badge>}
        <Badge>{budget.enforced ? "the gateway stops calls beyond it" : "only told"}</Badge>
        {budget.editable && (
          <button type="button" className="plain" onClick={remove} aria-label={`Remove the budget of ${whose ?? "everything"}`}>
            Remove
          </button>
        )}
      </div>
      {budget.share !== null && (
        <meter className={over ? "over" : ahead ? "ahead" : ""} min={0} max={1} value={Math.min(budget.share, 1)} aria-label={`Used of the budget of ${whose ?? "everything"}`}>
          {Math.round(budget.share * 100)} %
        </meter>
      )}
      {budget.used !== null && (
        <p className="quiet small">
          Used {budget.money === null ? `${budget.used.toLocaleString()} tokens` : told(budget.cost)}
          {budget.share !== null && ` (${Math.round(budget.share * 100)} %)`}
          {budget.share_ahead !== null &&
            `; at this pace ${budget.money === null ? `${(budget.tokens_ahead ?? 0).toLocaleString()} tokens` : told(budget.cost_ahead)} at the end of the day`}
        </p>
      )}
      {error && <ErrorNote error={error} />}
    </>
  );
}

function BudgetForm({ changed }: { changed: () => void }) {
  const [said, setSaid] = useState({ money: "", tokens: "", whose: "all", name: "" });
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const set = (more: Partial<typeof said>) => setSaid({ ...said, ...more });

  function submit(event: FormEvent): void {
    event.preventDefault();
    setBusy(true);
    setError(null);
    const body = {
      money: said.money === "" ? null : Number(said.money),
      tokens: said.tokens === "" ? null : Number(said.tokens),
      ...(said.whose === "all" ? {} : { [said.whose]: said.name.trim() }),
    };
    data(api.PUT("/api/v1/usage/budgets", { body }))
      .then(() => {
        set({ money: "", tokens: "", name: "" });
        changed();
      })
      .catch((problem: unknown) => setError(asApiError(problem)))
      .finally(() => setBusy(false));
  }

  return (
    <form className="filters" aria-label="Set a budget of a day" onSubmit={submit}>
      <label>
        Of
        <select value={said.whose} onChange={(event) => set({ whose: event.target.value })}>
          <option value="all">Everything</option>
          <option value="project">A project</option>
          <option value="profile">A profile</option>
        </select>
      </label>
      {said.whose !== "all" && (
        <label>
          {said.whose === "project" ? "Its directory" : "Its name"}
          <input required value={said.name} onChange={(event) => set({ name: event.target.value })} spellCheck={false} />
        </label>
      )}
      <label>
        US dollars a day
        <input type="number" min="0.01" step="any" inputMode="decimal" value={said.money} onChange={(event) => set({ money: event.target.value })} />
      </label>
      <label>
        Tokens a day
        <input type="number" min="1" step="1" inputMode="numeric" value={said.tokens} onChange={(event) => set({ tokens: event.target.value })} />
      </label>
      <button type="submit" disabled={busy || (said.money === "" && said.tokens === "")}>
        Set the budget
      </button>
      {error && <ErrorNote error={error} />}
    </form>
  );
}
