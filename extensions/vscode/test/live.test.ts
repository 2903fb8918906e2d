import assert from "node:assert/strict";
import type http from "node:http";
import { afterEach, beforeEach, test } from "node:test";
import type * as vscode from "vscode";
import { Live, type Part } from "../src/live";
import { HubHere, until } from "./hub_here";
import { forget, log, seen } from "./vscode";

let here: HubHere;
let live: Live;
let read: Part[][];
let streams: http.ServerResponse[];
beforeEach(async () => {
  forget();
  read = [];
  streams = [];
  here = new HubHere();
  here.serve = (_, response) => {
    streams.push(response);
    response.writeHead(200);
    response.write(": here\n\n");
  };
});
afterEach(async () => {
  live.dispose();
  await here.end();
});

const begin = () => {
  live = new Live(here.hub, log as unknown as vscode.LogOutputChannel, async (parts) => void read.push(parts));
};

test("what an event may have changed is read anew, once for many", async () => {
  await here.up();
  begin();
  await until(() => read.length === 1);
  assert.equal(seen.context.get("agentos.hub"), "on");
  assert.equal(read[0]!.length, 6);

  for (let n = 0; n < 20; n += 1) streams[0]!.write("event: session\ndata: {}\n\n");
  await until(() => read.length === 2);

  assert.deepEqual(read[1], ["sessions", "cost"]);
});

test("requests, of which reading is one, change nothing", async () => {
  await here.up();
  begin();
  await until(() => read.length === 1);

  streams[0]!.write("event: http\ndata: {}\n\n");
  streams[0]!.write("event: portfolio_read\ndata: {}\n\n");
  await until(() => read.length === 2);

  assert.deepEqual(read[1], ["portfolio"]);
});

test("a hub that is started is found, without a command", async () => {
  begin();
  await until(() => seen.context.get("agentos.hub") === "off");

  await here.up();
  await until(() => seen.context.get("agentos.hub") === "on");

  await here.down();
  await until(() => seen.context.get("agentos.hub") === "off");
});
