import { Suspense, useEffect, useRef, useState } from "react";
import { api, data } from "./api/client";
import { useResource } from "./api/resource";
import { drifted, useDrift } from "./drift";
import { mark } from "./host";
import { useConnection } from "./live";
import { Boundary } from "./parts/boundary";
import { Loading } from "./parts/notes";
import { Palette } from "./palette";
import { go, href, useRoute } from "./route";
import { setTheme, theme } from "./theme";
import { VIEWS } from "./views";

const WORDS = { live: "Live", connecting: "Connecting", lost: "The hub does not answer" } as const;

/** What is around every view: navigation, connection, palette. */
export function Shell() {
  const route = useRoute();
  const view = VIEWS.find((one) => one.path === (route.path[0] ?? "now"));
  const [palette, setPalette] = useState(false);
  const [menu, setMenu] = useState(false);
  const main = useRef<HTMLElement>(null);
  useShortcuts(() => setPalette((open) => !open));

  useEffect(() => {
    document.title = `${view?.title ?? "Not found"} · AgentOS`;
    setMenu(false);
  }, [view]);

  return (
    <div className="shell">
      <a className="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        Skip to the content
      </a>
      <header className="bar">
        <button type="button" className="menu plain" aria-expanded={menu} aria-controls="views" onClick={() => setMenu(!menu)}>
          <span aria-hidden="true">☰</span> Menu
        </button>
        <a className="brand" href={href(["now"])}>
          <img src={mark} alt="" width="24" height="24" /> AgentOS
        </a>
        <ConnectionState />
        <button type="button" className="find" onClick={() => setPalette(true)} aria-haspopup="dialog">
          <span className="find-words">Go to…</span> <kbd>Ctrl K</kbd>
        </button>
        <ThemeButton />
      </header>
      <nav id="views" className={menu ? "views open" : "views"} aria-label="Views">
        {VIEWS.map((one) => (
          <a key={one.path} href={href([one.path])} aria-current={one === view ? "page" : undefined}>
            {one.title}
            {one.path === "inbox" && <Waiting />}
            {one.path === "sync" && <Drift />}
          </a>
        ))}
      </nav>
      <main id="main" ref={main} tabIndex={-1}>
        <Boundary key={route.path.slice(0, 2).join("/")}>
          <Suspense fallback={<Loading lines={6} />}>
            {view ? <view.component path={route.path.slice(1)} query={route.query} /> : <NotFound />}
          </Suspense>
        </Boundary>
      </main>
      {palette && <Palette close={() => setPalette(false)} />}
    </div>
  );
}

function NotFound() {
  return (
    <>
      <h1>There is nothing here</h1>
      <p>
        <a href={href(["now"])}>Go to Now</a>
      </p>
    </>
  );
}

function ConnectionState() {
  const connection = useConnection();
  return (
    <span className={`connection connection-${connection}`} role="status">
      <span className="dot" aria-hidden="true" />
      <span className="connection-words">{WORDS[connection]}</span>
    </span>
  );
}

/** How many proposals wait. */
function Waiting() {
  const proposals = useResource("waiting", () => data(api.GET("/api/v1/portfolio/proposals")), 30);
  const count = proposals.data?.proposals.length ?? 0;
  return count > 0 ? (
    <span className="count" aria-label={`${count} waiting`}>
      {count}
    </span>
  ) : null;
}

/** How many clients have drifted. */
function Drift() {
  const status = useDrift(30);
  const count = status.data ? drifted(status.data) : 0;
  return count > 0 ? (
    <span className="count" aria-label={`${count} not in sync`}>
      {count}
    </span>
  ) : null;
}

function ThemeButton() {
  const [chosen, setChosen] = useState(theme());
  const next = { system: "light", light: "dark", dark: "system" } as const;
  const sign = { system: "◐", light: "☀", dark: "☾" } as const;
  function change(): void {
    setTheme(next[chosen]);
    setChosen(next[chosen]);
  }
  return (
    <button type="button" className="plain" onClick={change} aria-label={`Colours: ${chosen}`} title={`Colours: ${chosen}`}>
      <span aria-hidden="true">{sign[chosen]}</span>
    </button>
  );
}

/** Ctrl-K opens the palette, `g` and a letter go to a view, `/` to the first filter. */
function useShortcuts(toggle: () => void): void {
  const latest = useRef(toggle);
  latest.current = toggle;
  useEffect(() => {
    let begun = false;
    const pressed = (event: KeyboardEvent) => {
      // A shell has its own use for every key.
      if (event.target instanceof HTMLElement && event.target.closest(".screen")) return;
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        latest.current();
        return;
      }
      const typing = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
      if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
      const view = begun ? VIEWS.find((one) => one.key === event.key) : undefined;
      begun = event.key === "g";
      if (view) go(href([view.path]));
      else if (event.key === "/") {
        const field = document.querySelector<HTMLElement>("main input, main select");
        if (field) event.preventDefault();
        field?.focus();
      }
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}
