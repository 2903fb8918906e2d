import { One } from "../parts/memory/one";
import { Review } from "../parts/memory/review";
import { Shelf } from "../parts/memory/shelf";
import type { ViewProps } from ".";

/** What agents know: every client's memories, one of them, or what waits for review. */
export default function MemoryView({ path, query }: ViewProps) {
  if (path[0] === undefined) return <Shelf query={query} />;
  return path[0] === "inbox" ? <Review /> : <One key={path[0]} name={path[0]} />;
}
