import { useState } from "react";
import { useActing } from "../act";
import { api, data, type ApiError, type Schema } from "../api/client";
import { useResource } from "../api/resource";
import { driftMoved } from "../drift";
import { Badge, Section, Table, ViewHead, type Tone } from "../parts/layout";
import { Empty, ErrorNote, Loaded } from "../parts/notes";
import { Time, visible, Word } from "../parts/text";
import { href } from "../route";
import { Findings } from "./skills/findings";
import type { ViewProps } from ".";

type Skill = Schema["SkillInfo"];
type Switch = Schema["SkillSwitch"];
const COPIES: Record<Schema["SkillForClient"]["copy_there"], [string, Tone]> = {
  deployed: ["deployed", "good"],
  yours: ["yours", "accent"],
  absent: ["not there", "plain"],
};

/** What agents know how to do: all skills, or one. */
export default function Skills({ path, query }: ViewProps) {
  return path[0] === undefined ? <All /> : <One name={path[0]} client={query.get("client") ?? ""} />;
}

const loadSkills = async (): Promise<Schema["SkillList"]> => {
  let whole = await data(api.GET("/api/v1/skills", { params: { query: { limit: 500 } } }));
  while (whole.next !== null) {
    const next = await data(api.GET("/api/v1/skills", { params: { query: { limit: 500, after: whole.next } } }));
    whole = { ...next, skills: [...whole.skills, ...next.skills] };
  }
  return whole;
};

function All() {
  const skills = useResource("skills", loadSkills, 30);
  const [words, setWords] = useState("");
  const [said, setSaid] = useState("");
  const { busy, error, turn } = useSwitch((done) => (setSaid(done), skills.reload()));
  return (
    <>
      <ViewHead title="Skills" />
      <Switched said={said} />
      {error && <ErrorNote error={error} />}
      <Loaded of={skills}>
        {(found) =>
          found.skills.length ? (
            <>
              <form className="filters" role="search" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
                <label>
                  Name or group
                  <input value={words} onChange={(event) => setWords(event.target.value)} spellCheck={false} />
                </label>
              </form>
              <List skills={found.skills.filter((one) => matches(one, words))} clients={found.clients} busy={busy} turn={turn} />
              {found.groups.length > 0 && <Groups groups={found.groups} busy={busy} turn={turn} />}
              <Findings />
            </>
          ) : (
            <Empty title="There are no skills yet">
              <code>agentos skills new NAME -d &quot;When to use it.&quot;</code> begins one; <code>agentos sync push</code> gives it to every client.
            </Empty>
          )
        }
      </Loaded>
    </>
  );
}

function matches(skill: Skill, words: string): boolean {
  const text = [skill.name, skill.description, ...skill.groups].join(" ").toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function useSwitch(done: (words: string) => void): { busy: boolean; error: ApiError | null; turn: (change: Switch) => void } {
  const { busy, error, act } = useActing();
  function turn(change: Switch): void {
    const what = `${change.group ? "The group " : ""}${change.name} is ${change.on ? "on" : "off"}${change.client ? ` for ${change.client}` : ""}.`;
    act(() => api.POST("/api/v1/skill-switches", { body: change }), () => (done(what), driftMoved()));
  }
  return { busy, error, turn };
}

const Switched = ({ said }: { said: string }) => (
  <p role="status" className="said">
    {said && (
      <span className="note note-good">
        {visible(said)} <a href={href(["sync"])}>A push makes it so.</a>
      </span>
    )}
  </p>
);

function List({ skills, clients, busy, turn }: { skills: Skill[]; clients: string[]; busy: boolean; turn: (change: Switch) => void }) {
  if (skills.length === 0) return <Empty title="No skill is called that" />;
  return (
    <Section title="All skills">
      <Table label="List of skills" head={["Skill", ...clients, "Used"]}>
        {skills.map((skill) => (
          <tr key={skill.name}>
            <td className="wrap">
              <a href={href(["skills", skill.name])}>
                <Word>{skill.name}</Word>
              </a>{" "}
              {skill.groups.map((group) => (
                <Badge key={group}>{visible(group)}</Badge>
              ))}
              <div className="quiet">{visible(skill.description)}</div>
              {skill.broken !== null && (
                <div>
                  <Badge tone="bad">cannot be read</Badge> {visible(skill.broken)}
                </div>
              )}
            </td>
            {clients.map((client) => (
              <td key={client}>
                <ForClient skill={skill} client={client} busy={busy} turn={turn} />
              </td>
            ))}
            <td>
              <Uses skill={skill} />
            </td>
          </tr>
        ))}
      </Table>
    </Section>
  );
}

function ForClient({ skill, client, busy, turn }: { skill: Skill; client: string; busy: boolean; turn: (change: Switch) => void }) {
  const found = skill.clients.find((one) => one.client === client);
  if (found === undefined) return null;
  if (!found.allowed) return <span className="quiet">not for it</span>;
  const [words, tone] = COPIES[found.copy_there];
  return (
    <>
      <label className="check">
        <input
          type="checkbox"
          checked={found.enabled}
          disabled={busy}
          aria-label={`${visible(skill.name)} for ${client}`}
          onChange={(event) => turn({ name: skill.name, on: event.target.checked, group: false, client })}
        />
        {found.enabled ? "on" : "off"}
      </label>
      <Badge tone={tone}>{words}</Badge>
    </>
  );
}

function Uses({ skill }: { skill: Skill }) {
  const total = skill.uses.reduce((sum, one) => sum + one.count, 0);
  if (total === 0) return <span className="quiet">not yet</span>;
  const last = skill.uses.map((one) => one.last).sort().at(-1);
  return (
    <>
      <a href={href(["log"], { kind: "command", name: skill.name })} aria-label={`${total.toLocaleString()}× in the log: ${visible(skill.name)}`}>
        {total.toLocaleString()}×
      </a>{" "}
      {last !== undefined && <Time at={last} />}
    </>
  );
}

function Groups({ groups, busy, turn }: { groups: Schema["GroupInfo"][]; busy: boolean; turn: (change: Switch) => void }) {
  return (
    <Section title="Groups">
      <Table label="List of groups" head={["Group", "Skills", "For every client", "Off for"]}>
        {groups.map((group) => (
          <tr key={group.name}>
            <td>
              <Word>{group.name}</Word>
            </td>
            <td className="number">{group.skills.toLocaleString()}</td>
            <td>
              <label className="check">
                <input
                  type="checkbox"
                  checked={group.enabled}
                  disabled={busy}
                  aria-label={`The group ${visible(group.name)}`}
                  onChange={(event) => turn({ name: group.name, on: event.target.checked, group: true, client: null })}
                />
                {group.enabled ? "on" : "off"}
              </label>
            </td>
            <td>{group.off_for.join(", ") || <span className="quiet">none</span>}</td>
          </tr>
        ))}
      </Table>
    </Section>
  );
}

function One({ name, client }: { name: string; client: string }) {
  const listed = useResource("skills", loadSkills, 30);
  const text = useResource(`skill ${name} ${client}`, () =>
    data(api.GET("/api/v1/skills/{name}", { params: { path: { name }, query: client === "" ? {} : { client } } })),
  );
  const [said, setSaid] = useState("");
  const { busy, error, turn } = useSwitch((done) => (setSaid(done), listed.reload()));
  const skill = listed.data?.skills.find((one) => one.name === name);
  return (
    <>
      <p className="crumbs">
        <a href={href(["skills"])}>Skills</a>
      </p>
      <ViewHead title={<Word>{name}</Word>} />
      <Switched said={said} />
      {error && <ErrorNote error={error} />}
      {skill && (
        <>
          <p>{visible(skill.description)}</p>
          <Section title="Who gets it">
            <Table label="Clients" head={["Client", "Switch", "Used", "Failed", "Last"]}>
              {skill.clients.map((one) => {
                const use = skill.uses.find((each) => each.client === one.client);
                return (
                  <tr key={one.client}>
                    <td>{one.client}</td>
                    <td>
                      <ForClient skill={skill} client={one.client} busy={busy} turn={turn} />
                    </td>
                    <td className="number">{(use?.count ?? 0).toLocaleString()}</td>
                    <td className="number">{(use?.failed ?? 0).toLocaleString()}</td>
                    <td>{use ? <Time at={use.last} /> : <span className="quiet">never</span>}</td>
                  </tr>
                );
              })}
            </Table>
          </Section>
        </>
      )}
      <nav className="tabs" aria-label="Whose text">
        {["", ...(listed.data?.clients ?? [])].map((one) => (
          <a key={one} href={href(["skills", name], { client: one })} aria-current={one === client ? "page" : undefined}>
            {one === "" ? "As it is" : `For ${one}`}
          </a>
        ))}
      </nav>
      <Loaded of={text}>
        {(found) => (
          <Section title={client === "" ? "SKILL.md in the home" : `SKILL.md as ${client} gets it`}>
            {found.warnings.map((warning) => (
              <p key={warning} className="note note-warn">
                {visible(warning)}
              </p>
            ))}
            <pre className="source" role="region" tabIndex={0} aria-label="Its text">
              {visible(found.text)}
            </pre>
            {found.files.length > 0 && (
              <p className="quiet">
                With it: {found.files.map((file) => <code key={file} className="beside">{visible(file)}</code>)}
              </p>
            )}
          </Section>
        )}
      </Loaded>
    </>
  );
}
