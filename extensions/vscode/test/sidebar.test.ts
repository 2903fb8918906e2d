import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import type { Session } from "../src/hub/answers";
import { drifted, driftNodes } from "../src/sidebar/drift";
import { memoryNodes } from "../src/sidebar/memory";
import { portfolioNodes, waitingProposals } from "../src/sidebar/portfolio";
import { Section } from "../src/sidebar/section";
import { serverNodes } from "../src/sidebar/server";
import { sessionNodes, waitingSessions } from "../src/sidebar/sessions";
import { HubHere } from "./hub_here";
import { forget, seen } from "./vscode";

let here: HubHere;
beforeEach(async () => {
  forget();
  here = await new HubHere().up();
});
afterEach(() => here.end());

const SESSION: Session = {
  id: "s1",
  agent: "codex",
  title: "Mend the build",
  state: "waiting",
  live: true,
  model: "gpt-6",
  last_line: "May I run make?",
  cost: null,
  permissions: [{ id: "p1", title: "make all" }],
  updated_at: "2026-11-02T10:00:00Z",
};

test("a section of which the hub has no route is not there", async () => {
  const section = new Section("memory", here.hub, memoryNodes);

  await section.refresh();
  assert.equal(seen.context.get("agentos.has.memory"), false);

  here.answers["/api/v1/memories"] = { memories: [] };
  await section.refresh();
  assert.equal(seen.context.get("agentos.has.memory"), true);
  assert.deepEqual(section.getChildren(), []);
});

test("nor is one while the hub is off, or its program absent", async () => {
  const section = new Section("portfolio", here.hub, portfolioNodes);
  await here.down();

  await section.refresh();

  assert.equal(seen.context.get("agentos.has.portfolio"), false);
});

test("what keeps a section from being read stands in it", async () => {
  here.serve = (_, response) => {
    response.writeHead(503);
    response.end(JSON.stringify({ error: { code: "home_missing", message: "the home is gone", hint: "bring it back" } }));
  };
  const section = new Section("portfolio", here.hub, portfolioNodes);

  await section.refresh();

  assert.deepEqual(section.getChildren().map((node) => node.label), ["the home is gone. bring it back"]);
});

test("what changes while a section is read is read afterwards", async () => {
  here.answers["/api/v1/sync/status"] = { clients: [] };
  const section = new Section("drift", here.hub, driftNodes);

  await Promise.all([section.refresh(), section.refresh(), section.refresh()]);

  assert.equal(here.asked.length, 2);
});

test("the server's section tells the hub, its address and its home", async () => {
  here.answers["/api/v1/hub"] = {
    ...{ version: "0.1.0", pid: 7, started: "2026-11-02T10:00:00Z", memory_bytes: 1e8, home: "/home/ada/AgentOS" },
    ...{ home_found: false, active_project: "kiln", requests: 1234, errors: 2 },
  };

  const nodes = await serverNodes(here.hub);

  assert.deepEqual(nodes.map((node) => node.label), ["Hub 0.1.0", "1,234 requests", "kiln", "There is no AgentOS home"]);
  assert.match(nodes[0]!.description!, /^http:\/\/127\.0\.0\.1:/);
  assert.equal(nodes[1]!.description, "2 failed");
});

test("a session that waits says so, in its line and on the section", async () => {
  here.answers["/api/v1/sessions"] = { sessions: [SESSION, { ...SESSION, id: "s2", state: "ended", permissions: [], cost: { amount: "0.5", currency: "USD" } }] };
  const section = new Section("sessions", here.hub, sessionNodes, (nodes) => ({ value: waitingSessions(nodes), tooltip: "" }));

  await section.refresh();

  const [waiting, ended] = section.getChildren();
  const item = section.getTreeItem(waiting!);
  assert.equal(item.description, "waits for you");
  assert.match(item.tooltip as string, /codex · gpt-6 · cost not known\nAsks: make all\nMay I run make\?/);
  assert.deepEqual(item.command, { command: "agentos.dashboard.view", title: "Mend the build", arguments: [["session", "s1"]] });
  assert.match(ended!.tooltip!, /\$0\.50/);
  assert.equal(seen.views.get("agentos.sessions")?.badge?.value, 1);
});

test("hostile names are text, with what is not seen shown", async () => {
  here.answers["/api/v1/sessions"] = { sessions: [{ ...SESSION, title: "<img src=x onerror=alert(1)>\u202e\n$(zap) [a](command:x)" }] };

  const [node] = await sessionNodes(here.hub);

  assert.equal(node!.label, "<img src=x onerror=alert(1)>⟨202E⟩ $(zap) [a](command:x)");
});

test("proposals stand before the pages, and a page opens as a file", async () => {
  here.answers["/api/v1/portfolio/pages"] = {
    pages: [
      { name: "identity", title: "Identity", updated: "2026-11-02", scope: "Who Ada is", stale: false },
      { name: "goals", title: "", updated: null, scope: null, stale: true },
    ],
  };
  here.answers["/api/v1/portfolio/proposals"] = { proposals: [{ id: "4", name: "identity", reason: "Seen twice", client: "codex", creates: false }] };

  const nodes = await portfolioNodes(here.hub);

  assert.deepEqual(nodes.map((node) => [node.label, node.description]), [["Inbox", "1 wait"], ["Identity", "2026-11-02"], ["goals", "stale"]]);
  assert.deepEqual(nodes[0]!.children![0]!.command, { id: "agentos.dashboard.view", words: [["inbox", "4"]] });
  assert.deepEqual(nodes[1]!.command, { id: "agentos.page.open", words: ["identity"] });
  assert.equal(waitingProposals(nodes), 1);
});

test("memories stand below their clients", async () => {
  const memory = { type: "feedback", project: null, about: "Small commits", excerpt: "", path: "/m/a.md", line: 3 };
  here.answers["/api/v1/memories"] = {
    memories: [
      { ...memory, key: "1", client: "codex", title: "Commits" },
      { ...memory, key: "2", client: "agentos", title: "Tests", project: "kiln" },
    ],
  };

  const nodes = await memoryNodes(here.hub);

  assert.deepEqual(nodes.map((node) => node.label), ["agentos", "codex"]);
  assert.equal(nodes[0]!.children![0]!.description, "feedback · kiln");
  assert.deepEqual(nodes[1]!.children![0]!.command, { id: "agentos.memory.open", words: ["/m/a.md", 3] });
});

test("clients that drifted are counted, those that are not installed are not", async () => {
  const client = { installed: true, drift: 0, conflicts: 0, error: null };
  here.answers["/api/v1/sync/status"] = {
    clients: [
      { ...client, client: "codex", state: "in_sync" },
      { ...client, client: "claude", state: "drift", drift: 3 },
      { ...client, client: "cursor", state: "conflict", drift: 2, conflicts: 1 },
      { ...client, client: "gemini", state: "in_sync", installed: false },
      { ...client, client: "pi", state: "error", error: { message: "its file is no TOML" } },
    ],
  };

  const nodes = await driftNodes(here.hub);

  assert.deepEqual(nodes.map((node) => node.description), ["in step", "3 differ", "1 in conflict", "not installed", "cannot be read"]);
  assert.equal(nodes[4]!.tooltip, "its file is no TOML");
  assert.equal(drifted(nodes), 2);
});
