import { execFile } from "node:child_process";

/** What a run of `agentos` left behind. */
export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** The program is not where it was looked for. */
export class ProgramAbsent extends Error {
  constructor(path: string) {
    super(`The program ${path} was not found. Install AgentOS, or set agentos.path.`);
  }
}

/** The program ran and said no. */
export class ProgramFailed extends Error {}

const MOST_OUTPUT = 8 * 1024 * 1024;
const MINUTE = 60_000;

/** The `agentos` program, which knows where the hub is and who may ask it. */
export class Program {
  /** @param path Tells where the program is now, as the user may set it. */
  constructor(private readonly path: () => string) {}

  /** Runs it; rejects only if it cannot be run, or does not end in time. */
  run(words: string[], milliseconds = MINUTE): Promise<Ran> {
    const path = this.path();
    return new Promise((resolve, reject) => {
      const options = { timeout: milliseconds, maxBuffer: MOST_OUTPUT, windowsHide: true };
      const child = execFile(path, words, options, (error, stdout, stderr) => {
        if (error === null) resolve({ code: 0, stdout, stderr });
        else if (typeof error.code === "number") resolve({ code: error.code, stdout, stderr });
        else if (error.code === "ENOENT" || error.code === "EACCES") reject(new ProgramAbsent(path));
        else reject(new ProgramFailed(`agentos ${words[0]} did not end well: ${error.killed ? "it took too long" : error.message}`));
      });
      // Nobody is there to answer what it may ask.
      child.stdin?.on("error", () => undefined);
      child.stdin?.end();
    });
  }

  /** Runs it and returns what it printed; rejects if it fails. */
  async said(words: string[], milliseconds = MINUTE): Promise<string> {
    const { code, stdout, stderr } = await this.run(words, milliseconds);
    if (code !== 0) throw new ProgramFailed(lastWords(stderr) || `agentos ${words.join(" ")} ended with ${code}`);
    return stdout;
  }
}

/** What a program that failed said last, without the name that stands before it. */
export function lastWords(stderr: string): string {
  const lines = stderr.split("\n").map((line) => line.trim()).filter(Boolean);
  return lines.slice(-2).join(" ").replace(/^agentos: /, "").slice(0, 500);
}
