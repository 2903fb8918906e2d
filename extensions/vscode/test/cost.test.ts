import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Cost, words } from "../src/cost";
import { HubHere } from "./hub_here";
import { forget, seen } from "./vscode";

let here: HubHere;
beforeEach(async () => {
  forget();
  here = await new HubHere().up();
});
afterEach(() => here.end());

const sums = (calls: number, cost: number | null, unpriced: number) => ({
  currency: "USD",
  total: { calls, tokens: 12_345, cost, unpriced_calls: unpriced },
});

test("a cost is at least what is known of it, and never zero for want of a price", () => {
  assert.equal(words(sums(0, 0, 0))[0], "$0.00");
  assert.equal(words(sums(3, 1.234, 0))[0], "$1.23");
  assert.equal(words(sums(3, 1.234, 1))[0], "≥ $1.23");
  assert.equal(words(sums(3, 0, 3))[0], "cost not known");
  assert.equal(words(sums(3, null, 0))[0], "cost not known");
  assert.match(words(sums(3, 1.234, 1))[1], /3 model calls today, 12,345 tokens\. The price of 1 is not known/);
});

test("the status bar leads to the usage view", async () => {
  here.answers["/api/v1/usage"] = sums(3, 1.234, 0);

  await new Cost(here.hub).refresh();

  assert.equal(seen.statusBar?.text, "$(pulse) $1.23");
  assert.deepEqual(seen.statusBar?.command, { command: "agentos.dashboard.view", title: "AgentOS", arguments: [["usage"]] });
  assert.match(here.asked[0]!.url, /period=today/);
});

test("with the hub off it starts it, and a setting takes it away", async () => {
  await here.down();
  const cost = new Cost(here.hub);

  await cost.refresh();
  assert.equal(seen.statusBar?.text, "$(pulse) off");
  assert.equal(seen.statusBar?.command.command, "agentos.start");

  seen.settings.set("statusBar.cost", false);
  await cost.refresh();
  assert.equal(seen.statusBar?.visible, false);
});
