// Runs in the webview before the dashboard: whatever that asks goes through the extension.
import type { FromPage, ToPage } from "../src/dashboard/messages";

/** Where the page is, and where it was told to begin. */
interface Kept {
  place: string;
  begin: string;
}

declare function acquireVsCodeApi(): {
  postMessage(said: FromPage): void;
  getState(): Kept | undefined;
  setState(state: Kept): void;
};

interface Answering {
  begin: (status: number, headers: Record<string, string>) => void;
  piece: (bytes: Uint8Array) => void;
  end: () => void;
  fail: (why: Error) => void;
}

const editor = acquireVsCodeApi();
const answering = new Map<string, Answering>();
/** Answers that have no body: the browser makes none of them with one. */
const EMPTY = new Set([204, 205, 304]);
let last = 0;

/** As `fetch`, for the hub alone. */
async function ask(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  const { pathname, search } = new URL(request.url);
  const body = request.body === null ? null : await request.text();
  const id = String((last += 1));
  const { signal } = request;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    let stream: ReadableStreamDefaultController<Uint8Array> | null = null;
    const leave = () => {
      answering.delete(id);
      editor.postMessage({ kind: "leave", id });
    };
    const abort = () => {
      leave();
      reject(signal.reason);
      stream?.error(signal.reason);
    };
    signal.addEventListener("abort", abort, { once: true });
    const done = () => {
      signal.removeEventListener("abort", abort);
      answering.delete(id);
    };
    answering.set(id, {
      begin: (status, headers) => {
        const content = new ReadableStream<Uint8Array>({ start: (controller) => void (stream = controller), cancel: leave });
        resolve(new Response(EMPTY.has(status) ? null : content, { status, headers }));
      },
      piece: (bytes) => stream?.enqueue(bytes),
      end: () => {
        done();
        stream?.close();
      },
      fail: (why) => {
        done();
        reject(why);
        stream?.error(why);
      },
    });
    editor.postMessage({ kind: "ask", id, method: request.method, path: pathname + search, headers: Object.fromEntries(request.headers), body });
  });
}

function take(said: ToPage): void {
  if (said.kind === "go") location.hash = said.place;
  else {
    const found = answering.get(said.id);
    if (said.kind === "answer") found?.begin(said.status, said.headers);
    else if (said.kind === "piece") found?.piece(new Uint8Array(said.bytes));
    else if (said.kind === "end") found?.end();
    else found?.fail(new TypeError(said.why));
  }
}

/** The editor takes every click on a link for one that leads out of the page. */
function clicked(event: MouseEvent): void {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  const place = link?.getAttribute("href") ?? "";
  if (place.startsWith("#/")) location.hash = place;
}

/** The editor lets no page download: it asks the user where the file is to be. */
async function download(event: MouseEvent): Promise<void> {
  const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a[download]") : null;
  if (link === null || !link.href.startsWith("blob:")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const text = await blobs.get(link.href)?.text();
  if (text !== undefined) editor.postMessage({ kind: "save", name: link.download, text });
}

/** What the page made addresses of, for downloads: the page may not fetch them here. */
const blobs = new Map<string, Blob>();
const createObjectURL = URL.createObjectURL.bind(URL);
URL.createObjectURL = (made: Blob | MediaSource): string => {
  const url = createObjectURL(made);
  if (made instanceof Blob) blobs.set(url, made);
  return url;
};

window.fetch = ask;
addEventListener("message", ({ data }: MessageEvent<ToPage>) => take(data));
addEventListener("click", clicked);
addEventListener("click", (event) => void download(event), { capture: true });
const begin = document.documentElement.dataset.begin ?? "";
const kept = editor.getState();
// A tab that is moved loads its page again, which then stays where it was.
const place = begin && kept?.begin !== begin ? begin : (kept?.place ?? "#/now");
editor.postMessage({ kind: "begin" });
editor.setState({ place, begin });
location.hash = place;
addEventListener("hashchange", () => editor.setState({ place: location.hash, begin }));
