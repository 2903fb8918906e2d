import { useEffect, useRef } from "react";
import { useActing, type Acting } from "../../act";
import type { Schema } from "../../api/client";
import { useResource, type Resource } from "../../api/resource";
import { count } from "./file";

export type Applied = Schema["SyncApplied"];

export interface Shared {
  client: string;
  /** Changes when something has moved, so that what is shown is looked at again. */
  moved: string;
  done: (words: string) => void;
}

/** Doing what is shown, once that is what was looked at last. */
export function useDoing(shown: Resource<unknown>): Acting {
  const acting = useActing(shown.reload);
  return { ...acting, busy: acting.busy || shown.loading };
}

/** Loads page after page as far as was asked for; from the start again if the digest changed. */
export function usePages<P extends { digest: string; files: unknown[]; next: string | null }>(key: string, moved: string, load: (after: { after?: string }) => Promise<P>): Resource<P> & { more: () => void } {
  const pages = useRef(1);
  async function all(): Promise<P> {
    let whole = await load({});
    for (let page = 1; page < pages.current && whole.next !== null; page += 1) {
      const next = await load({ after: whole.next });
      if (next.digest !== whole.digest) return all();
      whole = { ...next, files: [...whole.files, ...next.files] };
    }
    return whole;
  }
  const found = useResource(key, all);
  const seen = useRef(moved);
  useEffect(() => {
    if (seen.current !== moved) found.reload();
    seen.current = moved;
  }, [moved]);
  return {
    ...found,
    more: () => {
      pages.current += 1;
      found.reload();
    },
  };
}

export const More = ({ of }: { of: { data: { next: string | null } | null; loading: boolean; more: () => void } }) =>
  of.data?.next ? (
    <p className="more">
      <button type="button" onClick={of.more} disabled={of.loading}>
        Show more files
      </button>
    </p>
  ) : null;

export const named = (client: string) => (client === "" ? {} : { client: [client] });
export const asked = (client: string) => (client === "" ? {} : { clients: [client] });
export const written = (done: Applied) => `${count(done.files.length, "file")} written${done.backup === null ? "" : `; backup ${done.backup} takes it back`}.`;
