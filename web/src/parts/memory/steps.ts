import { useEffect } from "react";

/** `j` and `k` go to the next and the one before of what matches in the view. */
export function useSteps(selector: string): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
      if (typing || event.ctrlKey || event.metaKey || event.altKey || (event.key !== "j" && event.key !== "k")) return;
      const all = [...document.querySelectorAll<HTMLElement>(selector)];
      const here = all.findIndex((one) => one.contains(document.activeElement));
      const next = all[event.key === "j" ? here + 1 : Math.max(here - 1, 0)];
      next?.focus();
      next?.scrollIntoView({ block: "nearest" });
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [selector]);
}
