import { useState, type FormEvent } from "react";
import { api, data, type ApiError, type Schema } from "../../api/client";
import { asApiError, useResource } from "../../api/resource";
import { Badge, Section, Table } from "../../parts/layout";
import { Empty, ErrorNote, Loaded } from "../../parts/notes";
import { Time, visible, Word } from "../../parts/text";
import { href } from "../../route";

type Profile = Schema["ProfileInfo"];
type Change = Schema["ProfileChange"];
const FIELDS = [
  ["model", "Model", "as its provider calls it"],
  ["provider", "Provider", "openrouter"],
  ["base_url", "Address of its Responses API", "https://…"],
  ["env_key", "Variable with the key", "OPENROUTER_API_KEY"],
] as const;
const NEW = "";

/** Roles: models that Codex is started with by name. */
export function Profiles() {
  const profiles = useResource("profiles", () => data(api.GET("/api/v1/profiles")));
  const [edited, setEdited] = useState<string | null>(null);
  const [busy, setBusy] = useState("");
  const [error, setError] = useState<ApiError | null>(null);

  function act(name: string, answer: Promise<unknown>, then: () => void = () => undefined): void {
    setBusy(name);
    setError(null);
    answer.then(then, (problem: unknown) => setError(asApiError(problem))).finally(() => {
      setBusy("");
      profiles.reload();
    });
  }
  const change = (name: string, body: Change, then?: () => void) => act(name, api.PATCH("/api/v1/profiles/{name}", { params: { path: { name } }, body }), then);
  const attempt = (name: string) => act(name, api.POST("/api/v1/profiles/{name}/trial", { params: { path: { name } }, body: { live: false } }));

  return (
    <Section
      title="Profiles"
      aside={
        <button type="button" onClick={() => setEdited(NEW)}>
          Add a profile
        </button>
      }
    >
      {error && <ErrorNote error={error} />}
      <Loaded of={profiles}>
        {({ profiles: found }) => (
          <>
            {edited !== null && (
              <Form key={edited} profile={found.find((one) => one.name === edited)} busy={busy !== ""} cancel={() => setEdited(null)} save={(name, body) => change(name, body, () => setEdited(null))} />
            )}
            {found.length ? (
              <Table label="List of profiles" head={["Name", "Model", "Key", "Tried", "Do"]}>
                {found.map((one) => (
                  <tr key={one.name}>
                    <td>
                      <label className="check">
                        <input type="checkbox" checked={one.enabled} disabled={busy !== ""} aria-label={`The profile ${one.name} is on`} onChange={(event) => change(one.name, { enabled: event.target.checked })} />
                        <Word>{one.name}</Word>
                      </label>
                    </td>
                    <td className="wrap">
                      <code>{visible(one.model)}</code> <span className="quiet">of {visible(one.provider)}</span>
                      {Object.entries(one.settings).map(([key, value]) => (
                        <div key={key} className="quiet">
                          <code>
                            {visible(key)} = {visible(value)}
                          </code>
                        </div>
                      ))}
                    </td>
                    <td>
                      <code className="whole">${visible(one.env_key)}</code> {one.key_found ? <Badge tone="good">set</Badge> : <Badge tone="warn">not set</Badge>}
                    </td>
                    <td>
                      <Tried profile={one} />
                    </td>
                    <td>
                      <div className="row whole">
                        <button type="button" disabled={busy !== ""} aria-label={`Change ${one.name}`} onClick={() => setEdited(one.name)}>
                          Change
                        </button>
                        <button type="button" disabled={busy !== "" || !one.enabled} aria-label={`Try ${one.name}`} onClick={() => attempt(one.name)}>
                          {busy === one.name ? "Wait…" : "Try"}
                        </button>
                      </div>
                    </td>
                  </tr>
                ))}
              </Table>
            ) : (
              <Empty title="There is no profile" />
            )}
          </>
        )}
      </Loaded>
      <p className="quiet">
        <code>codex --profile NAME</code> starts Codex with one, after <a href={href(["sync"], { client: "codex" })}>a push</a>. Whether a key is set is told of the hub&apos;s own environment. Try starts Codex with a
        model that AgentOS plays: it costs nothing.
      </p>
    </Section>
  );
}

function Tried({ profile }: { profile: Profile }) {
  if (profile.tried === null) return <span className="quiet">not yet</span>;
  return (
    <>
      {profile.tried.works ? <Badge tone="good">works</Badge> : <Badge tone="bad">does not work</Badge>} <Time at={profile.tried.at} />
      {!profile.tried.works && <div className="quiet">{visible(profile.tried.answer)}</div>}
    </>
  );
}

function Form({ profile, busy, save, cancel }: { profile: Profile | undefined; busy: boolean; save: (name: string, change: Change) => void; cancel: () => void }) {
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const said = new FormData(event.currentTarget);
    const text = (name: string) => String(said.get(name) ?? "").trim();
    const change: Change = {};
    for (const [field] of FIELDS) {
      const value = text(field);
      if (value !== "" && value !== profile?.[field]) change[field] = value;
    }
    if (text("setting") !== "") change.settings = { [text("setting")]: text("value") };
    save(profile?.name ?? text("name"), change);
  }
  return (
    <form className="form" onSubmit={submit} aria-label={profile ? `Change the profile ${profile.name}` : "A new profile"}>
      {!profile && (
        <label>
          Name
          <input name="name" required pattern="[A-Za-z0-9][A-Za-z0-9_\-]*" maxLength={64} autoFocus spellCheck={false} />
        </label>
      )}
      {FIELDS.map(([field, words, hint]) => (
        <label key={field}>
          {words}
          <input name={field} defaultValue={profile?.[field] ?? ""} placeholder={hint} required={field === "model"} maxLength={500} spellCheck={false} />
        </label>
      ))}
      <label>
        Further setting of Codex
        <input name="setting" placeholder="model_verbosity" maxLength={200} spellCheck={false} />
      </label>
      <label>
        Its value
        <input name="value" placeholder='"low"' maxLength={5000} spellCheck={false} />
      </label>
      <div className="row">
        <button type="submit" className="primary" disabled={busy}>
          Save
        </button>
        <button type="button" onClick={cancel}>
          Cancel
        </button>
      </div>
    </form>
  );
}
