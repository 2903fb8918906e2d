import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { useEffect, useRef, useState } from "react";
import { api, ApiError } from "../api/client";
import { follow, type Connection } from "../api/events";
import { asApiError } from "../api/resource";
import { styleByObjects } from "./styled_by_objects";

const CONNECTIONS: Record<Connection, string> = { live: "", connecting: "Connecting…", lost: "The hub does not answer; what is typed is lost." };

/** A terminal of the hub on the screen. */
export default function TerminalScreen({ id, gone, close }: { id: string; gone: () => void; close: () => void }) {
  const place = useRef<HTMLDivElement>(null);
  const ended = useRef(gone);
  ended.current = gone;
  const [connection, setConnection] = useState<Connection>("connecting");
  useEffect(() => {
    if (place.current === null) return;
    return show(id, place.current, setConnection, () => ended.current());
  }, [id]);
  return (
    <div className="terminal">
      <div className="row">
        <button type="button" onClick={close}>
          Close the terminal
        </button>
        <span className="quiet small">Tab and every other key go to the shell; Ctrl Shift Q leaves it.</span>
        <span className="bad small" role="status">
          {CONNECTIONS[connection]}
        </span>
      </div>
      <div className="screen" ref={place} />
    </div>
  );
}

function show(id: string, place: HTMLElement, connection: (state: Connection) => void, gone: () => void): () => void {
  styleByObjects(document);
  const terminal = new Terminal({
    fontFamily: getComputedStyle(place).fontFamily,
    fontSize: 13,
    screenReaderMode: true,
    scrollback: 5000,
    theme: themed(place),
    minimumContrastRatio: 4.5,
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(place);
  terminal.attachCustomKeyEventHandler((event) => {
    const leave = event.ctrlKey && event.shiftKey && event.key.toLowerCase() === "q";
    if (leave) document.getElementById("main")?.focus();
    return !leave;
  });
  const typed = inOrder((text) => api.POST("/api/v1/terminals/{tid}/input", { params: { path: { tid: id } }, body: { data: encoded(text) } }), gone);
  terminal.onData(typed);
  terminal.onResize(({ cols, rows }) => {
    const params = { path: { tid: id } };
    api.POST("/api/v1/terminals/{tid}/size", { params, body: { columns: cols, rows } }).catch((problem: unknown) => asApiError(problem).status === 404 && gone());
  });
  const observer = new ResizeObserver(() => fit.fit());
  observer.observe(place);
  const stop = follow(`/api/v1/terminals/${encodeURIComponent(id)}/output`, {
    connection,
    refused: (error) => error.status === 404 && gone(),
    event: ({ type, data }) => {
      if (type === "gap") terminal.write("\r\n\u001b[7m what came before is no longer kept \u001b[0m\r\n");
      else if (type === "exit") gone();
      else terminal.write(Uint8Array.from(atob(data), (one) => one.charCodeAt(0)));
    },
  });
  terminal.focus();
  return () => {
    stop();
    observer.disconnect();
    terminal.dispose();
  };
}

/** Sends what is typed in the order in which it is, as much at once as has gathered. */
function inOrder(send: (text: string) => Promise<unknown>, gone: () => void): (text: string) => void {
  let waiting = "";
  let sending = false;
  async function drain(): Promise<void> {
    sending = true;
    while (waiting !== "") {
      const text = waiting;
      waiting = "";
      try {
        await send(text);
      } catch (problem) {
        if (problem instanceof ApiError && problem.status === 404) return gone();
      }
    }
    sending = false;
  }
  return (text) => {
    waiting += text;
    if (!sending) void drain();
  };
}

function encoded(text: string): string {
  const bytes = new TextEncoder().encode(text);
  let binary = "";
  for (const one of bytes) binary += String.fromCharCode(one);
  return btoa(binary);
}

function themed(place: HTMLElement): { background: string; foreground: string; cursor: string } {
  const style = getComputedStyle(place);
  return { background: style.backgroundColor, foreground: style.color, cursor: style.color };
}
