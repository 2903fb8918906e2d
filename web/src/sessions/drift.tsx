import { api, ApiError, data } from "../api/client";
import { useResource } from "../api/resource";
import { Badge, Figure } from "../parts/layout";
import { href } from "../route";

interface SyncStatus {
  clients: { client: string; state: string; drift: number | boolean }[];
}

/** How many clients differ from what they should have; nothing where nobody knows. */
export function DriftFigure() {
  const sync = useResource("drift", load, 60);
  const drifted = sync.data?.clients.filter((one) => Number(one.drift) > 0).length;
  if (drifted === undefined) return null;
  return (
    <Figure label="Drift" to={href(["sync"])}>
      {drifted === 0 ? <Badge tone="good">None</Badge> : <Badge tone="warn">{drifted === 1 ? "1 client" : `${drifted} clients`}</Badge>}
    </Figure>
  );
}

/** A hub without this route is asked once. */
let absent = false;

async function load(): Promise<SyncStatus | null> {
  if (absent) return null;
  try {
    return await asked();
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
    absent = true;
    return null;
  }
}

async function asked(): Promise<SyncStatus> {
  return (await data(api.GET("/api/v1/sync/status" as "/api/v1/hub"))) as unknown as SyncStatus;
}
