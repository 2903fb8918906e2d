import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { actionsOffered } from "./actions";
import { api, data } from "./api/client";
import { useResource } from "./api/resource";
import { signOut } from "./api/session";
import { inEditor } from "./host";
import { visible } from "./parts/text";
import { go, href } from "./route";
import { setTheme } from "./theme";
import { VIEWS } from "./views";

interface Command {
  words: string;
  hint: string;
  run: () => void;
}

const FIXED: Command[] = [
  ...VIEWS.map((view) => ({ words: `Go to ${view.title}`, hint: `g ${view.key}`, run: () => go(href([view.path])) })),
  { words: "New session", hint: "", run: () => go(href(["session", "new"])) },
  { words: "Show errors in the log", hint: "", run: () => go(href(["log"], { outcome: "error" })) },
  { words: "Colours: light", hint: "", run: () => setTheme("light") },
  { words: "Colours: dark", hint: "", run: () => setTheme("dark") },
  { words: "Colours: as the system", hint: "", run: () => setTheme("system") },
  ...(inEditor
    ? []
    : [{ words: "Sign out of this browser", hint: "", run: () => void signOut().then(() => location.reload()) }]),
];

/** Everything that the page can do, by typing. */
export function Palette({ close }: { close: () => void }) {
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const dialog = useRef<HTMLDialogElement>(null);
  const pages = useResource("palette", () => data(api.GET("/api/v1/portfolio/pages")));
  const sessions = useResource("palette sessions", () => data(api.GET("/api/v1/sessions", { params: { query: { limit: 100 } } })));
  const [offered] = useState(() => actionsOffered().map(({ words, hint = "", run }) => ({ words, hint, run })));

  useEffect(() => dialog.current?.showModal(), []);

  const found = useMemo(() => {
    const files = (pages.data?.pages ?? []).map((page) => ({
      words: `Portfolio: ${visible(page.title)}`,
      hint: page.name,
      run: () => go(href(["portfolio", page.name])),
    }));
    const talks = (sessions.data?.sessions ?? []).map((session) => ({
      words: `Session: ${visible(session.title || "without a prompt yet")}`,
      hint: `${session.agent}, ${session.state}`,
      run: () => go(href(["session", session.id])),
    }));
    const wanted = typed.toLowerCase().split(/\s+/);
    return [...offered, ...FIXED, ...talks, ...files].filter(({ words, hint }) => wanted.every((word) => `${words} ${hint}`.toLowerCase().includes(word)));
  }, [typed, offered, pages.data, sessions.data]);
  const chosen = Math.min(at, found.length - 1);

  function run(command: Command | undefined): void {
    if (!command) return;
    close();
    command.run();
  }

  function pressed(event: KeyboardEvent): void {
    if (event.key === "ArrowDown") setAt(Math.min(chosen + 1, found.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(chosen - 1, 0));
    else if (event.key === "Enter") run(found[chosen]);
    else return;
    event.preventDefault();
  }

  return (
    <dialog ref={dialog} className="palette" aria-label="Command palette" onClose={close} onClick={(event) => event.target === dialog.current && close()}>
      <input
        role="combobox"
        aria-expanded="true"
        aria-controls="commands"
        aria-activedescendant={found.length ? `command-${chosen}` : undefined}
        aria-label="Command"
        placeholder="Go to a view or page, or do something"
        value={typed}
        onChange={(event) => (setTyped(event.target.value), setAt(0))}
        onKeyDown={pressed}
        autoFocus
      />
      <ul id="commands" role="listbox" aria-label="Commands">
        {found.map((command, index) => (
          <li
            key={index}
            id={`command-${index}`}
            role="option"
            aria-selected={index === chosen}
            ref={(item) => (index === chosen ? item?.scrollIntoView({ block: "nearest" }) : undefined)}
            onClick={() => run(command)}
          >
            <span>{command.words}</span>
            <span className="quiet">{visible(command.hint)}</span>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="quiet palette-none">Nothing is called that.</p>}
    </dialog>
  );
}
