import { drifted, useDrift } from "../drift";
import { Badge, Figure } from "../parts/layout";
import { href } from "../route";

/** How many clients differ from what they should have. */
export function DriftFigure() {
  const status = useDrift(60).data;
  if (status === null) return null;
  const count = drifted(status);
  return (
    <Figure label="Drift" to={href(["sync"])}>
      {count === 0 ? <Badge tone="good">None</Badge> : <Badge tone="warn">{count === 1 ? "1 client" : `${count} clients`}</Badge>}
    </Figure>
  );
}
