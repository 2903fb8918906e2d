import assert from "node:assert/strict";
import type http from "node:http";
import { afterEach, beforeEach, test } from "node:test";
import { follow, parse } from "../src/hub/events";
import { HubHere, until } from "./hub_here";

let here: HubHere;
beforeEach(async () => {
  here = await new HubHere().up();
});
afterEach(() => here.end());

test("a lost stream goes on after the last event", async () => {
  const places: (string | undefined)[] = [];
  here.serve = (request, response) => {
    places.push(request.headers["last-event-id"] as string | undefined);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(`id: ${places.length}\nevent: tool\nda`);
    response.write(`ta: {"n": ${places.length}}\n\n`);
    if (places.length === 1) response.end();
  };
  const found: string[] = [];
  const lost: unknown[] = [];

  const stop = follow(here.hub, "/api/v1/events", {
    open: () => undefined,
    event: ({ type, data }) => found.push(`${type} ${data}`),
    lost: (error) => lost.push(error),
  });
  await until(() => found.length === 2);
  stop();

  assert.deepEqual(found, ['tool {"n": 1}', 'tool {"n": 2}']);
  assert.deepEqual(places, [undefined, "1"]);
  assert.equal(lost.length, 1);
});

test("nothing goes on after the end", async () => {
  const open: http.ServerResponse[] = [];
  here.serve = (_, response) => {
    open.push(response);
    response.writeHead(200);
    response.write(": here\n\n");
  };
  let opened = 0;
  const stop = follow(here.hub, "/api/v1/events", { open: () => (opened += 1), event: () => undefined, lost: () => assert.fail() });
  await until(() => opened === 1);

  stop();

  await until(() => open[0]!.destroyed || open[0]!.closed);
  assert.equal(here.asked.length, 1);
});

test("an event has its id, its type and its data", () => {
  assert.deepEqual(parse("id: 7\nevent: session\ndata: a\ndata: b"), { id: "7", event: { type: "session", data: "ab" } });
  assert.deepEqual(parse(": still here"), { id: null, event: { type: "message", data: "" } });
});
