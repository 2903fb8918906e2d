import { useId, type ReactNode } from "react";

export function ViewHead({ title, children }: { title: ReactNode; children?: ReactNode }) {
  return (
    <div className="view-head">
      <h1 tabIndex={-1}>{title}</h1>
      <div className="row">{children}</div>
    </div>
  );
}

export function Section({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  const id = useId();
  return (
    <section className="card" aria-labelledby={id}>
      <div className="card-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}

export type Tone = "plain" | "good" | "warn" | "bad" | "accent";

export function Badge({ tone = "plain", children }: { tone?: Tone; children: ReactNode }) {
  return <span className={`badge badge-${tone}`}>{children}</span>;
}

export function Figure({ label, children, to }: { label: string; children: ReactNode; to?: string }) {
  const inside = (
    <>
      <span className="figure-label">{label}</span>
      <span className="figure-value">{children}</span>
    </>
  );
  return to ? (
    <a className="figure" href={to}>
      {inside}
    </a>
  ) : (
    <div className="figure">{inside}</div>
  );
}

/** A table that scrolls by itself where the page is narrow. */
export function Table({ label, head, children }: { label: string; head: string[]; children: ReactNode }) {
  return (
    <div className="table" role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {head.map((title, index) => (
              <th key={index} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
