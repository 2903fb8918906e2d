import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { restart, stop } from "../src/commands/server";
import { check, push } from "../src/commands/sync";
import { HubHere } from "./hub_here";
import { forget, seen } from "./vscode";

let here: HubHere;
beforeEach(() => {
  forget();
  here = new HubHere();
});
afterEach(() => here.end());

const DRY = "sync_push_--dry-run_--json";
const plan = (files: string[], conflicts: unknown[] = []) => JSON.stringify({ in_sync: false, files, conflicts, changes: [], warnings: [] });
const nothing = async () => undefined;

test("a push says what it would write, and writes after a yes", async () => {
  here.says(DRY, plan(["/a", "/b"], [{}]));
  seen.answers.push("Push");

  await push(here.program, nothing);

  assert.match(seen.messages[0]!, /2 files will be written\. 1 conflict will be left/);
  assert.equal(here.calls.at(-1), "sync push --yes --json");
});

test("without a yes nothing is pushed", async () => {
  here.says(DRY, plan(["/a"]));
  seen.answers.push(undefined);

  await push(here.program, nothing);

  assert.deepEqual(here.calls, ["sync push --dry-run --json"]);
});

test("where all is in step, nobody is asked", async () => {
  here.says(DRY, JSON.stringify({ in_sync: true, files: [], conflicts: [] }));

  await push(here.program, nothing);

  assert.deepEqual(seen.messages, ["The clients are in step with the AgentOS home."]);
});

test("a push that fails says why", async () => {
  here.says(DRY, plan(["/a"]));
  here.says("sync_push_--yes_--json", "", 1, "agentos: another sync is under way\n");
  seen.answers.push("Push");

  await assert.rejects(push(here.program, nothing), /another sync is under way/);
});

test("a check tells drift, and shows it", async () => {
  here.says("sync_check", "codex  config.toml  you changed it\n", 1);
  here.says("sync_diff", "--- a\n+++ b\n");
  seen.answers.push("Show the Diff");

  await check(here.program);

  assert.match(seen.messages[0]!, /drifted: codex config\.toml you changed it/);
  assert.deepEqual(seen.documents, [{ content: "--- a\n+++ b\n", language: "diff" }]);
});

test("a check that cannot tell is a failure, not drift", async () => {
  here.says("sync_check", "", 2, "agentos: config.toml is no TOML\n");

  await assert.rejects(check(here.program), /config\.toml is no TOML/);
});

test("the hub is stopped after a yes only", async () => {
  seen.answers.push(undefined, "Stop");

  await stop(here.program);
  assert.deepEqual(here.calls, []);
  await stop(here.program);
  assert.deepEqual(here.calls, ["down"]);
});

test("what the program said of it is told", async () => {
  here.says("restart", "The hub is ready: process 7\n");

  await restart(here.program);

  assert.deepEqual(seen.messages, ["The hub is ready: process 7"]);
});
