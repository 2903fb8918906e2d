import { useState, type FormEvent } from "react";
import { api, data, type ApiError, type Schema } from "../../api/client";
import { asApiError } from "../../api/resource";
import { Section } from "../layout";
import { ErrorNote } from "../notes";
import { visible } from "../text";
import { body, Fields, type Wanted } from "./as_memory";
import { BothSides } from "./both_sides";
import type { Memory } from "./words";

type Made = Schema["MemoryMade"];

/** Brings what a client wrote into the home, or lets a project's memory hold everywhere. */
export function Promote({ memory, text, copies, changed }: { memory: Memory; text: string; copies: Memory[]; changed: () => void }) {
  const usual = { project: memory.client === "agentos" ? "" : (memory.project ?? "") };
  const [wanted, setWanted] = useState<Wanted>({ name: "", type: "", despite: false, ...usual });
  const [error, setError] = useState<ApiError | null>(null);
  const [there, setThere] = useState<string | null>(null);
  const [made, setMade] = useState<Made | null>(null);
  const [busy, setBusy] = useState(false);
  const ours = memory.client === "agentos";
  const known = copies.find((copy) => copy.client === "agentos");

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setError(null);
    setThere(null);
    try {
      const sent = ours ? {} : body(wanted, usual);
      setMade(await data(api.POST("/api/v1/memories/{key}/promote", { params: { path: { key: memory.key }, header: { "If-Match": `"${memory.version}"` } }, body: { despite_findings: false, ...sent } })));
    } catch (problem) {
      const said = asApiError(problem);
      setError(said);
      if (said.status === 409) setThere(await otherSide(said, memory, wanted).catch(() => null));
    } finally {
      setBusy(false);
    }
  }

  if (made !== null) {
    return (
      <p className="note note-good" role="status">
        It is the memory {visible(made.name)} now, at <code>{visible(made.path)}</code>. <code>agentos sync push</code> brings it to the clients; committing the file is yours.
      </p>
    );
  }
  return (
    <Section title={ours ? "Let it hold everywhere" : "Bring it into the AgentOS home"}>
      {known && !ours && <p className="quiet">The home has a copy already: {visible(known.name ?? known.title)}.</p>}
      {error && <ErrorNote error={error} />}
      {there !== null && (
        <>
          <BothSides left={[error?.code === "memory_exists" ? "What you would add" : "What you read", text]} right={[error?.code === "memory_exists" ? "What is there" : "What it says now", there]} />
          {error?.code === "memory_changed" && (
            <p>
              <button type="button" onClick={() => (setError(null), setThere(null), changed())}>
                Go on with what it says now
              </button>
            </p>
          )}
        </>
      )}
      <form className="filters" onSubmit={(event) => void submit(event)}>
        {!ours && <Fields wanted={wanted} set={(more) => setWanted({ ...wanted, ...more })} held={error?.code === "secrets_found" || wanted.despite} />}
        <button type="submit" className="primary" disabled={busy}>
          Promote
        </button>
      </form>
    </Section>
  );
}

/** What somebody else wrote first: the client's new words, or the memory that has the name. */
async function otherSide(error: ApiError, memory: Memory, wanted: Wanted): Promise<string | null> {
  const read = async (key: string) => (await data(api.GET("/api/v1/memories/{key}", { params: { path: { key } } }))).text;
  if (error.code === "memory_changed") return read(memory.key);
  const { memories } = await data(api.GET("/api/v1/memories", { params: { query: { client: "agentos", limit: 500 } } }));
  const named = wanted.name.trim() || (memory.name ?? "").split("/").at(-1);
  const found = memories.find((one) => one.name === (wanted.project && memory.client !== "agentos" ? `${wanted.project}/${named}` : named));
  return found ? read(found.key) : null;
}
