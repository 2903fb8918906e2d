import { useEffect, useRef } from "react";

/** Something that the view which is open can do; the palette offers it. */
export interface Action {
  words: string;
  hint?: string;
  run: () => void;
}

const offered = new Set<() => Action[]>();

/** Offers actions in the palette while the component is shown. */
export function useActions(actions: Action[]): void {
  const latest = useRef(actions);
  latest.current = actions;
  useEffect(() => {
    const now = () => latest.current;
    offered.add(now);
    return () => void offered.delete(now);
  }, []);
}

export const actionsOffered = (): Action[] => [...offered].flatMap((actions) => actions());
