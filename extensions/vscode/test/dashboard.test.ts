import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, test } from "node:test";
import type { Ask, ToPage } from "../src/dashboard/messages";
import { pageOf } from "../src/dashboard/page";
import { fromPage, Relay } from "../src/dashboard/relay";
import { HubHere, until } from "./hub_here";

let here: HubHere;
let told: ToPage[];
let relay: Relay;
beforeEach(async () => {
  here = await new HubHere().up();
  told = [];
  relay = new Relay(here.hub, (said) => told.push(said));
});
afterEach(() => here.end());

const asked = (path: string, more: Partial<Ask> = {}): Ask => ({ kind: "ask", id: "1", method: "GET", path, headers: {}, body: null, ...more });
const text = () => told.flatMap((said) => (said.kind === "piece" ? [Buffer.from(said.bytes).toString()] : [])).join("");

test("what the page asks is asked with the token, and the answer comes in pieces", async () => {
  here.answers["/api/v1/hub"] = { version: "1" };

  await relay.take(asked("/api/v1/hub?x=1", { headers: { Accept: "application/json", Authorization: "Bearer mine", Cookie: "a=b" } }));

  assert.equal(here.asked[0]?.url, "/api/v1/hub?x=1");
  assert.equal(here.asked[0]?.headers.authorization, "Bearer the-token");
  assert.equal(here.asked[0]?.headers.cookie, undefined);
  assert.equal(told[0]?.kind === "answer" && told[0].status, 200);
  assert.equal(text(), '{"version":"1"}');
  assert.equal(told.at(-1)?.kind, "end");
  assert.ok(!JSON.stringify(told).includes("the-token"));
});

test("a body is sent as it is, and a refusal is an answer", async () => {
  await relay.take(asked("/api/v1/sessions", { method: "POST", headers: { "content-type": "application/json" }, body: '{"agent":"codex"}' }));

  assert.equal(here.asked[0]?.body, '{"agent":"codex"}');
  assert.equal(told[0]?.kind === "answer" && told[0].status, 404);
});

for (const path of [
  ...["/mcp", "/status", "/api/v1/../../mcp", "/api/v1/%2e%2e/%2e%2e/mcp", "//elsewhere.invalid/api/v1/hub", "http://elsewhere.invalid/api/v1/hub"],
  ...["/api/v1/browser/codes", "/api/v1/hub/../browser/codes", "\\\\elsewhere.invalid\\api\\v1\\"],
]) {
  test(`the page may not ask ${path}`, async () => {
    await relay.take(asked(path));

    assert.deepEqual(told.map((said) => said.kind), ["failed"]);
    assert.equal(here.asked.length, 0);
  });
}

test("nor by other methods", async () => {
  await relay.take(asked("/api/v1/hub", { method: "CONNECT" }));

  assert.deepEqual(told.map((said) => said.kind), ["failed"]);
});

test("a stream ends when the page leaves it, and all do when the page begins anew", async () => {
  let open = 0;
  here.serve = (_, response) => {
    open += 1;
    response.on("close", () => (open -= 1));
    response.writeHead(200);
    response.write(": here\n\n");
  };
  const streams = ["1", "2", "3"].map((id) => relay.take(asked("/api/v1/events", { id })));
  await until(() => told.filter((said) => said.kind === "piece").length === 3);

  await relay.take({ kind: "leave", id: "2" });
  await until(() => open === 2);
  await relay.take({ kind: "begin" });
  await until(() => open === 0);

  await Promise.all(streams);
  assert.ok(!told.some((said) => said.kind === "failed"));
});

test("messages of another form are none of the page's", () => {
  for (const said of [null, "ask", {}, { kind: "go" }, { ...asked("/"), headers: null }, { ...asked("/"), body: 3 }, { kind: "leave" }]) {
    assert.equal(fromPage(said), null);
  }
  assert.deepEqual(fromPage(asked("/api/v1/hub")), asked("/api/v1/hub"));
});

test("the page is the dashboard's, with a policy that lets it reach nothing", () => {
  const index = readFileSync("../../src/agentos/hub/web/dist/index.html", "utf8");

  const page = pageOf(index, { dashboard: "https://d/dash", added: "https://d/added", source: "https://d" }, '#/session/"<x>');

  assert.match(page, /<script type="module"[^>]* src="https:\/\/d\/dash\/assets\/index-[\w-]+\.js">/);
  assert.match(page, /<link rel="stylesheet"[^>]* href="https:\/\/d\/dash\/assets\/index-[\w-]+\.css">/);
  assert.match(page, /content="default-src 'none'; script-src https:\/\/d; style-src https:\/\/d;/);
  assert.ok(!/connect-src|unsafe/.test(page));
  assert.ok(page.indexOf("Content-Security-Policy") < page.indexOf("<script"));
  assert.ok(page.indexOf("added/host.js") < page.indexOf("dash/assets"));
  assert.match(page, /<html data-host="editor" data-begin="#\/session\/&quot;&lt;x>"/);
});
