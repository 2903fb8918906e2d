import type { ReactNode } from "react";
import { useActing } from "../act";
import { api, data, type Schema } from "../api/client";
import { useResource } from "../api/resource";
import { signOut } from "../api/session";
import { inEditor } from "../host";
import { Badge, Section, Table, ViewHead } from "../parts/layout";
import { Empty, ErrorNote, Loaded } from "../parts/notes";
import { bytes, Time, visible, Word, zone } from "../parts/text";
import { Prices } from "./settings/prices";
import { Profiles } from "./settings/profiles";

type Settings = Schema["SettingsInfo"];

/** Who may ask the hub, what it was told by agentos.toml, and what works on its host. */
export default function SettingsView() {
  const settings = useResource("settings", () => data(api.GET("/api/v1/settings")));
  return (
    <>
      <ViewHead title="Settings">
        {!inEditor && (
          <button type="button" onClick={() => void signOut().then(() => location.reload())}>
            Sign out
          </button>
        )}
      </ViewHead>
      <Tokens />
      <Profiles />
      <Prices />
      <Loaded of={settings}>
        {(found) => (
          <>
            <Roots settings={found} />
            <Repositories settings={found} />
            <Actions settings={found} />
            <Projects settings={found} />
            <Rest settings={found} />
          </>
        )}
      </Loaded>
      <Doctor />
    </>
  );
}

function Tokens() {
  const tokens = useResource("tokens", () => data(api.GET("/api/v1/tokens")));
  return (
    <Section title="Tokens">
      <Loaded of={tokens}>
        {({ tokens: found, scopes }) => (
          <>
            {found.length ? (
              <Table label="List of tokens" head={["Name", "Allows", "Made", "Ends", "Id"]}>
                {found.map((token) => (
                  <tr key={token.id}>
                    <td>
                      <Word>{token.name}</Word>
                    </td>
                    <td className="wrap">{token.scopes.map((scope) => <Badge key={scope}>{scope === "*" ? "everything" : scope}</Badge>)}</td>
                    <td>
                      <Time at={token.created} />
                    </td>
                    <td>{token.expired ? <Badge tone="warn">ended</Badge> : token.expires ? <Time at={token.expires} how="full" /> : "when it is revoked"}</td>
                    <td>
                      <code>{token.id}</code>
                    </td>
                  </tr>
                ))}
              </Table>
            ) : (
              <Empty title="There is only your own token" />
            )}
            <p className="quiet">
              <code>agentos token create --scope {scopes.find((scope) => scope === "portfolio:read") ?? "SCOPE"}</code> makes one,{" "}
              <code>agentos token revoke ID</code> ends it, and <code>agentos token rotate</code> replaces your own and signs all browsers out. The scopes
              are {scopes.filter((scope) => scope !== "*").join(", ")}.
            </p>
          </>
        )}
      </Loaded>
    </Section>
  );
}

function Registered({ title, table, what, count, children, head }: { title: string; table: string; what: string; count: number; head: string[]; children: ReactNode }) {
  return (
    <Section title={title}>
      {count > 0 ? (
        <Table label={`List of ${title.toLowerCase()}`} head={head}>
          {children}
        </Table>
      ) : (
        <Empty title={`No ${what} is registered`}>
          Add <code>{table}</code> to <code>agentos.toml</code>, then run <code>agentos restart</code>.
        </Empty>
      )}
    </Section>
  );
}

const Found = ({ found }: { found: boolean }) => (found ? <Badge tone="good">there</Badge> : <Badge tone="bad">not there</Badge>);

function Roots({ settings }: { settings: Settings }) {
  return (
    <Registered title="Roots of the file tools" table="[fs] roots" what="root" count={settings.roots.length} head={["Directory", "Found"]}>
      {settings.roots.map((root) => (
        <tr key={root.path}>
          <td>
            <code>{visible(root.path)}</code>
          </td>
          <td>
            <Found found={root.found} />
          </td>
        </tr>
      ))}
    </Registered>
  );
}

function Repositories({ settings }: { settings: Settings }) {
  return (
    <Registered title="Repositories" table="[[repositories]]" what="repository" count={settings.repositories.length} head={["Directory", "Found", "Never pushed", "Push needs you", "Largest file"]}>
      {settings.repositories.map((one) => (
        <tr key={one.path}>
          <td>
            <code>{visible(one.path)}</code>
          </td>
          <td>
            <Found found={one.found} />
          </td>
          <td className="wrap">{one.protected.map((branch) => <Badge key={branch}>{visible(branch)}</Badge>)}</td>
          <td>{one.push_approval ? "yes" : "no"}</td>
          <td className="number">{bytes(one.max_file_bytes)}</td>
        </tr>
      ))}
    </Registered>
  );
}

function Actions({ settings }: { settings: Settings }) {
  return (
    <Registered title="Actions" table="[[actions]]" what="action" count={settings.actions.length} head={["Name", "Command", "In", "At most"]}>
      {settings.actions.map((one) => (
        <tr key={one.name}>
          <td>
            <Word>{one.name}</Word>
          </td>
          <td>
            <code>{visible(one.command.join(" ")) || "installs what it made"}</code>
          </td>
          <td>
            <code>{visible(one.directory)}</code>
          </td>
          <td className="number">{one.timeout.toLocaleString()} s</td>
        </tr>
      ))}
    </Registered>
  );
}

function Projects({ settings }: { settings: Settings }) {
  return (
    <Registered title="Projects" table="[[projects]]" what="project" count={settings.projects.length} head={["Name", "Directory", "Sees of the portfolio"]}>
      {settings.projects.map((one) => (
        <tr key={one.name}>
          <td>
            <Word>{one.name}</Word>
          </td>
          <td>
            <code>{visible(one.path)}</code>
          </td>
          <td className="wrap">{one.portfolio.length ? visible(one.portfolio.join(", ")) : "all"}</td>
        </tr>
      ))}
    </Registered>
  );
}

function Rest({ settings }: { settings: Settings }) {
  const facts: [string, ReactNode][] = [
    ["AgentOS home", <code key="home">{visible(settings.home)}</code>],
    ["State", <code key="state">{visible(settings.state)}</code>],
    ["Listens on", `${settings.host}, port ${settings.port === 0 ? "any" : settings.port}${settings.tls ? ", with TLS" : ""}`],
    ["Other names", visible(settings.allowed_hosts.join(", ")) || "none"],
    ["Other origins", visible(settings.allowed_origins.join(", ")) || "none"],
    ["Largest request", bytes(settings.max_body_bytes)],
    ["Requests a minute", `${settings.requests_per_minute.toLocaleString()} for each token`],
    ["The log is kept", `${settings.retention_days.toLocaleString()} days`],
    ["A page is old after", `${settings.stale_after_days.toLocaleString()} days`],
    ["Traces go to", settings.otlp_endpoint === null ? "nowhere" : visible(settings.otlp_endpoint)],
    ["Editor", settings.editor === null ? "none is set" : <code key="editor">{visible(settings.editor)}</code>],
    ["Times are shown in", zone],
  ];
  return (
    <Section title="The hub">
      <dl className="facts">
        {facts.map(([name, value]) => (
          <div key={name} className="fact">
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}

function Doctor() {
  const last = useResource("doctor", () => data(api.GET("/api/v1/doctor")));
  const { busy, error, act } = useActing();
  const examine = () => act(() => api.POST("/api/v1/doctor", { headers: { "Content-Type": "application/json" } }), last.reload);
  return (
    <Section
      title="Doctor"
      aside={
        <button type="button" onClick={examine} disabled={busy}>
          {busy ? "Examining…" : "Examine this host"}
        </button>
      }
    >
      {error && <ErrorNote error={error} retry={examine} />}
      <Loaded of={last}>
        {({ at, findings }) =>
          at ? (
            <>
              <p className="quiet">
                Examined <Time at={at} />
              </p>
              <Table label="What works on this host" head={["Capability", "State", "What was seen"]}>
                {findings?.map((one) => (
                  <tr key={one.name}>
                    <td>{one.name}</td>
                    <td>{one.ok ? <Badge tone="good">works</Badge> : one.required ? <Badge tone="bad">missing</Badge> : <Badge>absent</Badge>}</td>
                    <td className="wrap">
                      {visible(one.detail)}
                      {!one.ok && one.remedy && <div className="quiet">{visible(one.remedy)}</div>}
                    </td>
                  </tr>
                ))}
              </Table>
            </>
          ) : (
            <Empty title="This host was not examined yet">It takes some seconds: machines are started to see what works.</Empty>
          )
        }
      </Loaded>
    </Section>
  );
}
