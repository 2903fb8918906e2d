// The Node side of an interpreter, in the machine: `node -e` runs this text.
//
// What it is asked arrives on descriptor 3, a socket; the code has the stdout and stderr of the
// process.
(() => {
  "use strict";
  const { Socket } = require("net");
  const { inspect } = require("util");
  const { Script, constants } = require("vm");

  const MOST_SHOWN = 10000;
  const control = new Socket({ fd: 3, readable: true, writable: true });
  let received = Buffer.alloc(0);
  let number = 0;

  function send(reply) {
    const data = Buffer.from(JSON.stringify(reply));
    const size = Buffer.alloc(4);
    size.writeUInt32BE(data.length);
    control.write(Buffer.concat([size, data]));
  }

  // What JSON can say of a value, or null.
  function plain(value) {
    try {
      return JSON.parse(JSON.stringify(value) ?? "null");
    } catch {
      return null;
    }
  }

  function described(error) {
    const { name, message, stack } = error instanceof Error ? error : new Error(inspect(error));
    const ours = stack.split("\n").findIndex((line) => line.includes("at answer ([eval]"));
    return { name, message, stack: ours < 0 ? stack : stack.split("\n").slice(0, ours).join("\n") };
  }

  async function answer({ code, inputs }) {
    try {
      Object.assign(globalThis, inputs);
      const script = new Script(code, {
        filename: `<run ${++number}>`,
        importModuleDynamically: constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
      });
      const value = await script.runInThisContext();
      const shown = value === undefined ? "" : inspect(value).slice(0, MOST_SHOWN);
      return { value: plain(value), shown, error: null };
    } catch (error) {
      return { value: null, shown: "", error: described(error) };
    }
  }

  control.on("data", async (data) => {
    received = Buffer.concat([received, data]);
    if (received.length < 4 || received.length < 4 + received.readUInt32BE()) return;
    const request = JSON.parse(received.subarray(4).toString());
    received = Buffer.alloc(0); // the host asks once, then waits for the answer
    const reply = await answer(request);
    for (const stream of [process.stdout, process.stderr]) {
      await new Promise((written) => stream.write("", written));
    }
    send(reply);
  });
  control.on("close", () => process.exit());
  send({});
})();
