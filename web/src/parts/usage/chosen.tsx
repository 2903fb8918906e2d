import { visible } from "../text";
import { address, type Asked, type Filter } from "./asked";
import { moment, named } from "./amounts";

/** What the calls are chosen by; each can be taken away. */
export function Chosen({ asked, zone, path = [] }: { asked: Asked; zone: string; path?: string[] }) {
  const filters = Object.entries(asked.filters) as [Filter, string][];
  if (filters.length === 0 && !asked.since) return null;
  return (
    <ul className="chips" aria-label="Chosen by">
      {asked.since && asked.until && (
        <li>
          <Chip words={`${moment(asked.since, zone)} to ${moment(asked.until, zone)}`} to={address({ ...asked, since: "", until: "" }, ...path)} />
        </li>
      )}
      {filters.map(([name, value]) => {
        const { [name]: _, ...others } = asked.filters;
        return (
          <li key={name}>
            <Chip words={`${name}: ${named(value)}`} to={address({ ...asked, filters: others }, ...path)} />
          </li>
        );
      })}
    </ul>
  );
}

function Chip({ words, to }: { words: string; to: string }) {
  return (
    <a className="chip" href={to} aria-label={`Not only ${visible(words)}`}>
      <bdi>{visible(words)}</bdi> <span aria-hidden="true">×</span>
    </a>
  );
}
