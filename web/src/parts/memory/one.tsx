import { useState } from "react";
import { api, data } from "../../api/client";
import { useResource } from "../../api/resource";
import { href } from "../../route";
import { Diff } from "../diff";
import { Badge, Section, ViewHead } from "../layout";
import { Markdown } from "../markdown";
import { Empty, Loaded } from "../notes";
import { visible, Word } from "../text";
import { Promote } from "./promote";
import { About, Client, clientName, type Memory } from "./words";

/** One memory, its copies elsewhere, and bringing it into the home. */
export function One({ name }: { name: string }) {
  const found = useResource(`memory ${name}`, () => data(api.GET("/api/v1/memories/{key}", { params: { path: { key: name } } })));
  return (
    <>
      <p className="crumbs">
        <a href={href(["memory"])}>Memory</a>
      </p>
      <Loaded of={found}>
        {({ memory, text, copies }) => (
          <>
            <ViewHead title={<Word>{memory.title}</Word>}>
              <a className="button" href={`vscode://file${encodeURI(memory.path)}:${memory.line}`}>
                Open in VS Code
              </a>
            </ViewHead>
            <p className="row small">
              <Client client={memory.client} />
              <About memory={memory} active={memory.project} />
              <code>
                {visible(memory.path)}:{memory.line}
              </code>
            </p>
            <article className="card">
              <Markdown text={text} level={2} />
            </article>
            {(memory.client !== "agentos" || memory.project !== null) && <Promote memory={memory} text={text} copies={copies} changed={found.reload} />}
            <Copies memory={memory} copies={copies} />
          </>
        )}
      </Loaded>
    </>
  );
}

function Copies({ memory, copies }: { memory: Memory; copies: Memory[] }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const to = copies.find((one) => one.key === chosen) ?? copies[0];
  return (
    <Section title="Copies elsewhere">
      {to === undefined ? (
        <Empty title="Nobody else has it">Two are copies if they say nearly the same, or have the same title in the same project.</Empty>
      ) : (
        <>
          <ul className="plain-list" aria-label="Copies">
            {copies.map((copy) => (
              <li key={copy.key} className="row">
                <Client client={copy.client} />
                <a href={href(["memory", copy.key])}>
                  <Word>{copy.title}</Word>
                </a>
                <About memory={copy} active={copy.project} />
                <button type="button" aria-pressed={copy === to} onClick={() => setChosen(copy.key)}>
                  Compare
                </button>
              </li>
            ))}
          </ul>
          <Difference one={memory} other={to} />
        </>
      )}
    </Section>
  );
}

function Difference({ one, other }: { one: Memory; other: Memory }) {
  const found = useResource(`difference ${one.key} ${one.version} ${other.key} ${other.version}`, () =>
    data(api.GET("/api/v1/memories/{key}/difference", { params: { path: { key: one.key }, query: { to: other.key } } })),
  );
  return (
    <Loaded of={found}>
      {({ diff }) =>
        diff ? (
          <Diff text={diff} label={`From ${clientName(one.client)} to ${clientName(other.client)}`} />
        ) : (
          <p>
            <Badge tone="good">They say the same, to the letter.</Badge>
          </p>
        )
      }
    </Loaded>
  );
}
