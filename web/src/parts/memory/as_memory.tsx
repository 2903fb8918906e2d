import { useResource } from "../../api/resource";
import { api, data } from "../../api/client";
import { visible } from "../text";
import { TYPES, type Type } from "./words";

/** What one wants otherwise in the memory that something becomes. */
export interface Wanted {
  name: string;
  type: Type | "";
  project: string;
  despite: boolean;
}

/** As the hub is told it; what was left alone stays as it is. */
export function body(wanted: Wanted, usual: Partial<Wanted>) {
  return {
    name: wanted.name.trim() === (usual.name ?? "") ? null : wanted.name.trim() || null,
    type: wanted.type || null,
    project: wanted.project === (usual.project ?? "") ? null : wanted.project,
    despite_findings: wanted.despite,
  };
}

export function Fields({ wanted, set, held }: { wanted: Wanted; set: (more: Partial<Wanted>) => void; held: boolean }) {
  const projects = useResource("project names", async () => (await data(api.GET("/api/v1/settings"))).projects.map((one) => one.name));
  const known = [...new Set([...(projects.data ?? []), ...(wanted.project ? [wanted.project] : [])])];
  return (
    <>
      <label>
        Name
        <input value={wanted.name} maxLength={100} spellCheck={false} placeholder="by its title" onChange={(event) => set({ name: event.target.value })} />
      </label>
      <label>
        About
        <select value={wanted.type} onChange={(event) => set({ type: event.target.value as Type | "" })}>
          <option value="">as it is</option>
          {TYPES.map((type) => (
            <option key={type}>{type}</option>
          ))}
        </select>
      </label>
      <label>
        Holds
        <select value={wanted.project} onChange={(event) => set({ project: event.target.value })}>
          <option value="">everywhere</option>
          {known.map((name) => (
            <option key={name} value={name}>
              in {visible(name)}
            </option>
          ))}
        </select>
      </label>
      {held && (
        <label className="check">
          <input type="checkbox" checked={wanted.despite} onChange={(event) => set({ despite: event.target.checked })} />
          Take it with what was found in it
        </label>
      )}
    </>
  );
}
