import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { HubSilent } from "../src/hub/exchange";
import { HubOff, Refused } from "../src/hub/hub";
import { Program, ProgramAbsent } from "../src/hub/program";
import { HubHere } from "./hub_here";

let here: HubHere;
beforeEach(async () => {
  here = await new HubHere().up();
});
afterEach(() => here.end());

test("it asks with the token that the program tells, which it reads once", async () => {
  here.answers["/api/v1/hub"] = { version: "1" };

  assert.deepEqual(await here.hub.get("/api/v1/hub"), { version: "1" });
  await here.hub.get("/api/v1/hub");

  assert.equal(here.asked[0]?.headers.authorization, "Bearer the-token");
  assert.equal(here.asked[0]?.headers["user-agent"], "agentos-vscode/test");
  assert.deepEqual(here.calls, ["status --json", "token show"]);
});

test("a rotated token is read again, and the request is answered", async () => {
  here.answers["/api/v1/hub"] = { version: "1" };
  await here.hub.get("/api/v1/hub");
  here.token = "another";
  here.says("token_show", "another\n");

  assert.deepEqual(await here.hub.get("/api/v1/hub"), { version: "1" });
});

test("a token that stays wrong is refused, and not tried for ever", async () => {
  here.token = "another";

  await assert.rejects(here.hub.get("/api/v1/hub"), (error: unknown) => error instanceof Refused && error.code === "token_unknown");
  assert.equal(here.asked.length, 1);
});

test("a hub that moved to another port is found again", async () => {
  here.answers["/api/v1/hub"] = { version: "1" };
  await here.hub.get("/api/v1/hub");
  await here.down();
  await here.up();

  assert.deepEqual(await here.hub.get("/api/v1/hub"), { version: "1" });
});

test("a hub that ended is told as such, and so is one that never ran", async () => {
  here.answers["/api/v1/hub"] = {};
  await here.hub.get("/api/v1/hub");
  await here.down();

  await assert.rejects(here.hub.get("/api/v1/hub"), HubOff);
  await assert.rejects(here.hub.get("/api/v1/hub"), HubOff);
});

test("a program that is not there is told with what to set", async () => {
  const program = new Program(() => "/nowhere/agentos");

  await assert.rejects(program.run(["status"]), (error: unknown) => error instanceof ProgramAbsent && /agentos\.path/.test(error.message));
});

test("what the program said last is the reason that it failed", async () => {
  here.says("up", "", 1, "Traceback\nagentos: port 3000 is taken\n");

  await assert.rejects(here.program.said(["up"]), /port 3000 is taken/);
});

test("no request leaves for another address", async () => {
  await assert.rejects(here.hub.get("//elsewhere.invalid/api/v1/hub"), /no path of the hub/);
});

test("what the hub may have done is not asked for twice", async () => {
  here.answers["/api/v1/hub"] = { version: "1" };
  await here.hub.get("/api/v1/hub");
  here.serve = (request) => request.socket.destroy();

  await assert.rejects(here.hub.post("/api/v1/sessions/1/prompts", { text: "x" }), HubSilent);
  assert.deepEqual(here.asked.map((one) => one.method), ["GET", "POST"]);
  await assert.rejects(here.hub.get("/api/v1/hub"), HubSilent);
});

test("what a hub that moved never got is asked of it again", async () => {
  here.answers["/api/v1/hub"] = { version: "1" };
  here.answers["/api/v1/stop"] = {};
  await here.hub.get("/api/v1/hub");
  await here.down();
  await here.up();

  assert.deepEqual(await here.hub.post("/api/v1/stop", {}), {});
  assert.deepEqual(here.asked.map((one) => one.method), ["GET", "POST"]);
});

test("what the hub refuses says what to do", async () => {
  here.serve = (_, response) => {
    response.writeHead(409);
    response.end(JSON.stringify({ error: { code: "session_not_live", message: "it ended", hint: "resume it" } }));
  };

  await assert.rejects(here.hub.post("/api/v1/sessions/1/prompts", { text: "x" }), { code: "session_not_live", message: "it ended. resume it" });
});
