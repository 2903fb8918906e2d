/** Where the parts of the page are, as the webview may load them. */
export interface Places {
  /** The dashboard's build. */
  dashboard: string;
  /** What the extension adds: `host.js`, `editor.css`. */
  added: string;
  /** Whatever the webview may load from, as its policy names it. */
  source: string;
}

/**
 * Makes the webview's page of the dashboard's own `index.html`.
 *
 * It loads what came with the extension and reaches nothing: its requests go through the extension.
 */
export function pageOf(index: string, places: Places, begin: string): string {
  const { source } = places;
  const policy = [
    "default-src 'none'",
    `script-src ${source}`,
    `style-src ${source}`,
    `img-src ${source}`,
    `font-src ${source}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const head = [
    `<meta http-equiv="Content-Security-Policy" content="${attribute(policy)}" />`,
    `<link rel="stylesheet" href="${attribute(places.added)}/editor.css" />`,
    // Before the page's own script, which is a module and so runs later.
    `<script src="${attribute(places.added)}/host.js"></script>`,
  ].join("\n    ");
  return index
    .replace(/\b(src|href)="\.?\//g, `$1="${attribute(places.dashboard)}/`)
    .replace("<html ", `<html data-host="editor" data-begin="${attribute(begin)}" `)
    .replace(/<meta charset="utf-8" \/>/, (charset) => `${charset}\n    ${head}`);
}

function attribute(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}
