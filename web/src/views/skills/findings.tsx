import { api, data } from "../../api/client";
import { useResource } from "../../api/resource";
import { Badge, Section, Table } from "../../parts/layout";
import { Empty, Loaded } from "../../parts/notes";
import { visible, Word } from "../../parts/text";
import { href } from "../../route";

/** What is wrong with the skills before a client gets them. */
export function Findings() {
  const found = useResource("skill findings", () => data(api.GET("/api/v1/skill-findings")), 60);
  return (
    <Section title="What to look after">
      <Loaded of={found}>
        {({ findings }) =>
          findings.length ? (
            <Table label="Findings" head={["Skill", "Where", "Level", "What"]}>
              {findings.map((one) => (
                <tr key={`${one.path} ${one.line} ${one.message}`}>
                  <td>{one.skill ? <a href={href(["skills", one.skill])}><Word>{one.skill}</Word></a> : <span className="quiet">all</span>}</td>
                  <td className="wrap">
                    <code>
                      <Word>{one.path}</Word>
                    </code>
                    {one.line > 0 && `, line ${one.line}`}
                  </td>
                  <td>
                    <Badge tone={one.level === "error" ? "bad" : "warn"}>{one.level}</Badge>
                  </td>
                  <td className="wrap">{visible(one.message)}</td>
                </tr>
              ))}
            </Table>
          ) : (
            <Empty title="The skills are in order" />
          )
        }
      </Loaded>
    </Section>
  );
}
