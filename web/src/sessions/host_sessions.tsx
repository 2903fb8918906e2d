import { api, data } from "../api/client";
import { useResource } from "../api/resource";
import { Section, Table } from "../parts/layout";
import { Loaded } from "../parts/notes";
import { Word } from "../parts/text";

const MOST = 8;
const DAY = 86_400_000;

interface Sum {
  session: string;
  client: string;
  project: string;
  hour: string;
  tokens: number;
  cost: number | null;
  unpriced_calls: number;
}
interface Sums {
  rows: Sum[];
  currency: string;
}

/** What clients on this computer did in the last day, as their own records tell it. */
export function HostSessions() {
  const sums = useResource("host sessions", load, 60);
  return (
    <Loaded of={sums}>
      {({ rows, currency }) => {
        const found = bySession(rows);
        return found.length === 0 ? null : (
          <Section title="On this computer in the last day" aside={<span className="quiet">by the clients' own records</span>}>
            <Table label="Sessions on this computer" head={["Client", "Project", "Last hour", "Tokens", "Cost"]}>
              {found.slice(0, MOST).map((one) => (
                <tr key={one.session}>
                  <td>
                    <Word>{one.client}</Word>
                  </td>
                  <td className="wrap">
                    <Word>{one.project || "none"}</Word>
                  </td>
                  <td className="number">
                    <Word>{one.hour.replace("T", " ")}</Word>
                  </td>
                  <td className="number">{one.tokens.toLocaleString()}</td>
                  <td className="number">{priced(one, currency)}</td>
                </tr>
              ))}
            </Table>
          </Section>
        );
      }}
    </Loaded>
  );
}

async function load(): Promise<Sums> {
  const since = new Date(Date.now() - DAY).toISOString();
  const query = { by: ["hour", "session", "client", "project"] as ["hour", "session", "client", "project"], since, limit: 1000 };
  return (await data(api.GET("/api/v1/usage", { params: { query } }))) as unknown as Sums;
}

/** One row for each session, the last one first. */
function bySession(rows: Sum[]): Sum[] {
  const found = new Map<string, Sum>();
  for (const row of rows) {
    if (row.session === "") continue;
    const old = found.get(row.session);
    const sum = old && {
      ...row,
      hour: old.hour > row.hour ? old.hour : row.hour,
      tokens: old.tokens + row.tokens,
      cost: old.cost === null && row.cost === null ? null : (old.cost ?? 0) + (row.cost ?? 0),
      unpriced_calls: old.unpriced_calls + row.unpriced_calls,
    };
    found.set(row.session, sum ?? row);
  }
  return [...found.values()].sort((a, b) => b.hour.localeCompare(a.hour));
}

function priced({ cost, unpriced_calls }: Sum, currency: string): string {
  if (cost === null) return "unknown";
  const said = new Intl.NumberFormat(undefined, { style: "currency", currency, maximumFractionDigits: cost < 1 ? 4 : 2 }).format(cost);
  return unpriced_calls > 0 ? `at least ${said}` : said;
}
