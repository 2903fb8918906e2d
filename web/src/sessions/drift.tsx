import { useDrift } from "../drift";
import { Badge, Figure } from "../parts/layout";
import { href } from "../route";

/** How many clients differ from what they should have. */
export function DriftFigure() {
  const drifted = useDrift(60).data?.clients.filter((one) => one.drift > 0).length;
  if (drifted === undefined) return null;
  return (
    <Figure label="Drift" to={href(["sync"])}>
      {drifted === 0 ? <Badge tone="good">None</Badge> : <Badge tone="warn">{drifted === 1 ? "1 client" : `${drifted} clients`}</Badge>}
    </Figure>
  );
}
