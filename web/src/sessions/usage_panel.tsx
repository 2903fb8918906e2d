import { api, data, type Schema } from "../api/client";
import { useResource } from "../api/resource";
import { Table } from "../parts/layout";
import { Empty, Loaded } from "../parts/notes";
import { Time, Word } from "../parts/text";
import { money, type SessionState } from "./session";

const count = (value: number) => value.toLocaleString();

/** What each turn used, and what it cost. */
export function UsagePanel({ session }: { session: SessionState }) {
  const params = { path: { id: session.id } };
  const usage = useResource(`usage ${session.id} ${session.turns} ${session.state}`, () => data(api.GET("/api/v1/sessions/{id}/usage", { params })));
  return (
    <Loaded of={usage}>
      {({ turns, total }) =>
        turns.length === 0 ? (
          <Empty title="Nothing was used yet">A turn appears here when it begins.</Empty>
        ) : (
          <>
            <Table label="Turns" head={["Turn", "Prompt", "Began", "Input", "Cached", "Output", "Cost", "Ended"]}>
              {turns.map((turn) => (
                <tr key={turn.turn}>
                  <td className="number">{turn.turn}</td>
                  <td className="wrap">
                    <Word>{turn.prompt.slice(0, 200)}</Word>
                  </td>
                  <td>
                    <Time at={turn.started_at} how="clock" />
                  </td>
                  <Figures usage={turn.usage} cost={turn.cost} />
                  <td>{turn.ended_at === null ? "" : <Word>{turn.stop_reason ?? "failed"}</Word>}</td>
                </tr>
              ))}
              <tr>
                <th scope="row" colSpan={3}>
                  All turns
                </th>
                <Figures usage={total.usage} cost={total.cost} />
                <td />
              </tr>
            </Table>
          </>
        )
      }
    </Loaded>
  );
}

function Figures({ usage, cost }: { usage: Schema["Tokens"] | null; cost: Schema["Cost"] | null }) {
  return (
    <>
      <td className="number">{usage && count(usage.input)}</td>
      <td className="number">{usage && count(usage.cached_input)}</td>
      <td className="number">{usage && count(usage.output)}</td>
      <td className="number">{cost ? money(cost) : <span className="quiet">unknown</span>}</td>
    </>
  );
}
