import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { openPage } from "../src/commands/portfolio";
import { newSession, openSession } from "../src/commands/sessions";
import { HubHere } from "./hub_here";
import { forget, seen, Uri, workspace } from "./vscode";

let here: HubHere;
let shown: string[][];
beforeEach(async () => {
  forget();
  shown = [];
  here = await new HubHere().up();
  const agents = [
    { name: "pi", description: "Pi", installed: false },
    { name: "codex", description: "OpenAI Codex", installed: true },
  ];
  here.says("agents_list_--json", JSON.stringify(agents));
  here.answers["/api/v1/sessions"] = { id: "s1", sessions: [] };
});
afterEach(() => here.end());

const show = async (path: string[]) => void shown.push(path);
const sent = () => JSON.parse(here.asked[0]!.body) as Record<string, unknown>;

test("a session gets its agent, folder and prompt, and is shown", async () => {
  workspace.workspaceFolders = [{ name: "kiln", uri: Uri.file("/src/kiln") }];
  seen.answers.push("codex", "kiln", "Mend the build");

  await newSession(here.hub, show);

  assert.deepEqual(sent(), { agent: "codex", permission: "ask", prompt: "Mend the build", workspace: "/src/kiln" });
  assert.deepEqual(shown, [["session", "s1"]]);
});

test("a folder that is not trusted is not offered", async () => {
  workspace.workspaceFolders = [{ name: "kiln", uri: Uri.file("/src/kiln") }];
  workspace.isTrusted = false;
  seen.answers.push("codex", "");

  await newSession(here.hub, show);

  assert.deepEqual(sent(), { agent: "codex", permission: "ask" });
});

test("at each question one can leave", async () => {
  for (const answers of [[undefined], ["codex", undefined]]) {
    seen.answers.push(...answers);
    await newSession(here.hub, show);
  }

  assert.deepEqual([here.asked, shown], [[], []]);
});

test("a hub without sessions is told as an older one, with what to do", async () => {
  here.answers = {};
  seen.answers.push("codex", "", "Restart the Hub");

  await newSession(here.hub, show);

  assert.match(seen.messages[0]!, /older than the extension/);
  assert.deepEqual(seen.commands, [["agentos.restart"]]);
});

test("a session is opened by its title", async () => {
  const session = { agent: "codex", state: "idle", last_line: "" };
  here.answers["/api/v1/sessions"] = { sessions: [{ ...session, id: "s1", title: "One" }, { ...session, id: "s2", title: "Two" }] };
  seen.answers.push("Two");

  await openSession(here.hub, show);

  assert.deepEqual(shown, [["session", "s2"]]);
});

test("a page opens as the file in the home, and no name leads out of it", async () => {
  here.answers["/api/v1/hub"] = { home: "/home/ada/AgentOS" };

  await openPage(here.hub, "identity");

  assert.deepEqual(seen.documents, [Uri.file("/home/ada/AgentOS/context-portfolio/identity.md")]);
  await assert.rejects(openPage(here.hub, "../../secret"), /no page's name/);
});
