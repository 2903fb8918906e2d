/** The half of the browser's token that the page keeps: other ports of this host cannot read it. */
const KEY = "agentos.page";

export const pageHalf = {
  get: (): string | null => localStorage.getItem(KEY),
  set: (half: string): void => localStorage.setItem(KEY, half),
  clear: (): void => localStorage.removeItem(KEY),
};

/** Headers of every request: with the cookie they say who asks. */
export function pageHeaders(): Record<string, string> {
  const half = pageHalf.get();
  return half === null ? {} : { "X-AgentOS-Page": half };
}
