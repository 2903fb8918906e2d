import { lazy, type ComponentType } from "react";
import type { Route } from "../route";

/** A view gets the steps of the path after its own, and the query. */
export type ViewProps = Route;

export interface View {
  path: string;
  title: string;
  /** With `g` before it, goes there. */
  key: string;
  component: ComponentType<ViewProps>;
}

/**
 * The views, in the order of the navigation. Another one is a file here whose default export takes
 * `ViewProps`, and a line below; its code is loaded when it is first opened.
 */
export const VIEWS: View[] = [
  { path: "now", title: "Now", key: "n", component: lazy(() => import("./now")) },
  { path: "session", title: "Sessions", key: "e", component: lazy(() => import("./session")) },
  { path: "usage", title: "Usage", key: "u", component: lazy(() => import("./usage")) },
  { path: "memory", title: "Memory", key: "m", component: lazy(() => import("./memory")) },
  { path: "portfolio", title: "Portfolio", key: "p", component: lazy(() => import("./portfolio")) },
  { path: "inbox", title: "Inbox", key: "i", component: lazy(() => import("./inbox")) },
  { path: "sync", title: "Sync", key: "y", component: lazy(() => import("./sync")) },
  { path: "skills", title: "Skills", key: "k", component: lazy(() => import("./skills")) },
  { path: "log", title: "Log", key: "l", component: lazy(() => import("./log")) },
  { path: "settings", title: "Settings", key: "s", component: lazy(() => import("./settings")) },
];
