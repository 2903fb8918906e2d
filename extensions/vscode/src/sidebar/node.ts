/** A line of the sidebar, as plain data. */
export interface Node {
  id: string;
  label: string;
  description?: string;
  tooltip?: string;
  /** One of the editor's icons. */
  icon?: string;
  /** One of the editor's colours, for the icon. */
  color?: string;
  /** What happens when it is chosen. */
  command?: { id: string; words: unknown[] };
  /** What menus know it by. */
  context?: string;
  children?: Node[];
  collapsed?: boolean;
}

/** Has a node open a view of the dashboard. */
export function toView(...path: string[]): { id: string; words: unknown[] } {
  return { id: "agentos.dashboard.view", words: [path] };
}
