import { useState } from "react";
import { api, data, type Schema } from "../api/client";
import { useResource } from "../api/resource";
import { Empty, Loaded } from "../parts/notes";
import { bytes, visible, Word } from "../parts/text";
import type { SessionState } from "./session";

const SIGNS: Record<Schema["FileEntry"]["type"], string> = { directory: "▸", file: "·", link: "↪", other: "?" };

/** The machine's files: a tree that opens, and the text of one. */
export function FilesPanel({ session }: { session: SessionState }) {
  const [chosen, setChosen] = useState<string | null>(null);
  if (!session.live) return <Empty title="The machine is gone">Resume the session to have its files in a new one.</Empty>;
  return (
    <div className="files">
      <nav className="tree" aria-label="Files of the machine">
        <Directory id={session.id} path="" chosen={chosen} choose={setChosen} />
      </nav>
      {chosen === null ? <Empty title="Choose a file">Its text is shown here.</Empty> : <FileText key={chosen} id={session.id} path={chosen} />}
    </div>
  );
}

interface DirectoryProps {
  id: string;
  path: string;
  chosen: string | null;
  choose: (path: string) => void;
}

function Directory({ id, path, chosen, choose }: DirectoryProps) {
  const query = path === "" ? {} : { path };
  const listing = useResource(`${id} ${path}`, () => data(api.GET("/api/v1/sessions/{id}/files", { params: { path: { id }, query } })));
  return (
    <Loaded of={listing}>
      {({ path: here, entries, truncated }) =>
        entries.length === 0 ? (
          <p className="quiet small">empty</p>
        ) : (
          <ul>
            {inOrder(entries).map((entry) => (
              <li key={entry.name}>
                <Entry id={id} entry={entry} path={`${here.replace(/\/$/, "")}/${entry.name}`} chosen={chosen} choose={choose} />
              </li>
            ))}
            {truncated && <li className="quiet small">There are more than are shown.</li>}
          </ul>
        )
      }
    </Loaded>
  );
}

function Entry({ id, entry, path, chosen, choose }: DirectoryProps & { entry: Schema["FileEntry"] }) {
  const [open, setOpen] = useState(false);
  const directory = entry.type === "directory";
  return (
    <>
      <button
        type="button"
        className="plain entry"
        aria-expanded={directory ? open : undefined}
        aria-current={path === chosen ? "true" : undefined}
        onClick={() => (directory ? setOpen(!open) : choose(path))}
      >
        <span className={open ? "turned" : ""} aria-hidden="true">
          {SIGNS[entry.type]}
        </span>
        <Word>{entry.name}</Word>
        {entry.type === "file" && <span className="quiet small">{bytes(entry.size)}</span>}
      </button>
      {open && <Directory id={id} path={path} chosen={chosen} choose={choose} />}
    </>
  );
}

function inOrder(entries: Schema["FileEntry"][]): Schema["FileEntry"][] {
  const directories = (entry: Schema["FileEntry"]) => (entry.type === "directory" ? 0 : 1);
  return [...entries].sort((a, b) => directories(a) - directories(b) || a.name.localeCompare(b.name));
}

function FileText({ id, path }: { id: string; path: string }) {
  const file = useResource(`${id} ${path}`, () => data(api.GET("/api/v1/sessions/{id}/file", { params: { path: { id }, query: { path } } })));
  return (
    <section className="file" aria-label={visible(path)}>
      <p className="quiet small">
        <Word>{path}</Word>
      </p>
      <Loaded of={file}>
        {({ text, size, truncated }) =>
          text === null ? (
            <Empty title="This file is no text">{bytes(size)}</Empty>
          ) : (
            <>
              <pre className="output file-text" tabIndex={0} role="region" aria-label="Text of the file">
                {visible(text)}
              </pre>
              {truncated && <p className="quiet small">The file has {bytes(size)}; this is its beginning.</p>}
            </>
          )
        }
      </Loaded>
    </section>
  );
}

