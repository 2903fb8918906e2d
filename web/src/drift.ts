import { useEffect } from "react";
import { api, data, type Schema } from "./api/client";
import { useResource, type Resource } from "./api/resource";

type Status = Schema["SyncStatus"];

const followers = new Set<() => void>();

/** Tells all who show how the clients stand that this page has just changed it. */
export function driftMoved(): void {
  for (const look of followers) look();
}

/** How the clients stand, again every some seconds and when this page changes it. */
export function useDrift(everySeconds: number): Resource<Status> {
  const status = useResource("drift", () => data(api.GET("/api/v1/sync/status")), everySeconds);
  useEffect(() => {
    followers.add(status.reload);
    return () => void followers.delete(status.reload);
  }, [status.reload]);
  return status;
}

/** How many clients that are installed have drifted, as the extension for VS Code counts them. */
export const drifted = ({ clients }: Status): number =>
  clients.filter((one) => one.installed && (one.state === "drift" || one.state === "conflict")).length;
