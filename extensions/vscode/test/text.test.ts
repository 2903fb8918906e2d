import assert from "node:assert/strict";
import { test } from "node:test";
import { message, shown } from "../src/text";

test("what turns text around or is not seen is shown by its number", () => {
  assert.equal(shown("a\u202eb\u200bc\u0007"), "a⟨202E⟩b⟨200B⟩c⟨0007⟩");
  assert.equal(shown("  one\n two\t"), "one two");
  assert.equal(shown("x".repeat(300)).length, 200);
});

test("a message has no links of somebody else's making", () => {
  assert.equal(message("[click](command:workbench.action.quit)"), "[click] (command:workbench.action.quit)");
});
