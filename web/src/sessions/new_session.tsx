import { useState, type FormEvent } from "react";
import { api, type Schema } from "../api/client";
import { ErrorNote } from "../parts/notes";
import { go, href } from "../route";
import { useActing } from "../act";
import { environment, EnvironmentField } from "./environment";

const AGENTS = ["codex", "claude", "gemini", "opencode", "pi", "codex-acp"];
const PERMISSIONS = { ask: "Ask me", allow: "Allow everything", reject: "Reject what it asks" } as const;

/** Begins a session in a machine of its own. */
export function NewSession() {
  const { busy, error, act } = useActing();
  const [wrong, setWrong] = useState("");
  function begin(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const body = asked(new FormData(event.currentTarget));
    if (typeof body === "string") return setWrong(body);
    setWrong("");
    act(() => api.POST("/api/v1/sessions", { body }), (session) => go(href(["session", session.id])));
  }
  return (
    <form className="card new-session" onSubmit={begin} aria-label="New session">
      <label className="whole">
        Prompt
        <textarea name="prompt" rows={4} placeholder="What shall it do? It may be empty." autoFocus />
      </label>
      <div className="fields">
        <label>
          Agent
          <input name="agent" list="agents" defaultValue="codex" required spellCheck={false} />
          <datalist id="agents">
            {AGENTS.map((agent) => (
              <option key={agent} value={agent} />
            ))}
          </datalist>
        </label>
        <label>
          Model
          <input name="model" placeholder="As the agent has it" spellCheck={false} />
        </label>
        <label>
          Permission
          <select name="permission" defaultValue="ask">
            {Object.entries(PERMISSIONS).map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <label className="wide">
          Workspace
          <input name="workspace" placeholder="A directory of this computer, which is copied in" spellCheck={false} />
        </label>
      </div>
      <details>
        <summary>More</summary>
        <div className="fields">
          <label>
            Profile
            <input name="profile" spellCheck={false} />
          </label>
          <label>
            Budget in US dollars
            <input name="money" type="number" min="0" step="any" />
          </label>
          <label className="wide">
            Hosts that it may reach
            <input name="allow" placeholder="api.example.com, github.com" spellCheck={false} />
          </label>
        </div>
        <label className="whole">
          Instructions
          <textarea name="instructions" rows={2} />
        </label>
        <EnvironmentField className="whole" words="Environment, one NAME=value a line; it is kept nowhere" placeholder="OPENAI_API_KEY=…" />
      </details>
      {wrong !== "" && (
        <p className="note note-bad" role="alert">
          {wrong}
        </p>
      )}
      {error && <ErrorNote error={error} />}
      <div className="row">
        <button type="submit" className="primary" disabled={busy}>
          {busy ? "The machine starts…" : "Start"}
        </button>
        <a href={href(["session"])}>Back to the sessions</a>
      </div>
    </form>
  );
}

/** What the form asks for, or what is wrong with it. */
function asked(form: FormData): Schema["NewSession"] | string {
  const of = (name: string) => String(form.get(name) ?? "").trim();
  const env = environment(form);
  if (typeof env === "string") return env;
  if (of("workspace") !== "" && !of("workspace").startsWith("/")) return "The workspace is the whole path of a directory: it begins with /";
  const given = { prompt: of("prompt"), model: of("model"), workspace: of("workspace"), profile: of("profile"), instructions: of("instructions") };
  const hosts = of("allow").split(/[\s,]+/).filter(Boolean);
  return {
    agent: of("agent"),
    permission: of("permission") as keyof typeof PERMISSIONS,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== "")),
    ...(Object.keys(env).length ? { env } : {}),
    ...(hosts.length ? { network: { allow: hosts } } : {}),
    ...(of("money") ? { budget: { money: Number(of("money")) } } : {}),
  } as Schema["NewSession"];
}
