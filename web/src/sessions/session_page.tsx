import { useEffect } from "react";
import { useActions } from "../actions";
import { api } from "../api/client";
import { ErrorNote, Loading } from "../parts/notes";
import { visible, Word } from "../parts/text";
import { go, href } from "../route";
import { useActing, type Acting } from "../act";
import { ChangesPanel } from "./changes_panel";
import { FilesPanel } from "./files_panel";
import { PermissionBar } from "./permission_bar";
import { PromptBox } from "./prompt_box";
import { ResumeBox } from "./resume_box";
import { cost, JSON_HEADERS, named, type SessionState } from "./session";
import { StateBadge } from "./session_list";
import { TerminalPanel } from "./terminal_panel";
import { useTranscript, type Transcript } from "./transcript";
import { TranscriptPanel } from "./transcript_panel";
import { UsagePanel } from "./usage_panel";

const TABS = { transcript: "Transcript", changes: "Changes", files: "Files", terminal: "Terminal", usage: "Usage" } as const;

/** One session: what happens in it, its machine, and what to do with it. */
export function SessionPage({ id, tab }: { id: string; tab: string }) {
  const transcript = useTranscript(id);
  const { session, error } = transcript;
  const acting = useActing();
  useEffect(() => {
    if (session) document.title = `${visible(named(session))} · AgentOS`;
  }, [session]);
  useSessionActions(transcript, acting);
  return (
    <div className="session">
      {session ? <Head session={session} transcript={transcript} acting={acting} /> : <h1>Session</h1>}
      {acting.error && <ErrorNote error={acting.error} />}
      {error && <ErrorNote error={error} retry={transcript.reload} />}
      {session?.error && <ErrorNote error={{ ...session.error, hint: session.error.hint ?? null, status: 0, name: session.error.code }} />}
      <nav className="tabs" aria-label="Parts of the session">
        {Object.entries(TABS).map(([name, title]) => (
          <a key={name} href={href(name === "transcript" ? ["session", id] : ["session", id, name])} aria-current={name === tab ? "page" : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <Panel tab={tab} transcript={transcript} />
      {session && (session.live ? <Talk session={session} changed={transcript.changed} /> : <ResumeBox session={session} changed={transcript.changed} />)}
    </div>
  );
}

function Talk({ session, changed }: { session: SessionState; changed: Transcript["changed"] }) {
  return (
    <>
      <PermissionBar session={session} changed={changed} />
      <PromptBox session={session} />
    </>
  );
}

function Panel({ tab, transcript }: { tab: string; transcript: Transcript }) {
  const { session } = transcript;
  if (tab === "transcript" || !(tab in TABS)) return <TranscriptPanel transcript={transcript} />;
  const panel = !session ? (
    !transcript.error && <Loading lines={5} />
  ) : tab === "changes" ? (
    <ChangesPanel session={session} />
  ) : tab === "files" ? (
    <FilesPanel session={session} />
  ) : tab === "terminal" ? (
    <TerminalPanel session={session} />
  ) : (
    <UsagePanel session={session} />
  );
  return <div className={`panel panel-${tab}`}>{panel}</div>;
}

function Head({ session, transcript, acting }: { session: SessionState; transcript: Transcript; acting: Acting }) {
  const { busy } = acting;
  const does = deeds(session, transcript, acting);
  return (
    <header className="session-head">
      <div className="view-head">
        <h1 tabIndex={-1} className="session-title">
          <Word>{named(session)}</Word>
        </h1>
        <div className="row">
          {does.map(({ words, run, danger }) => (
            <button key={words} type="button" className={danger ? "danger" : ""} disabled={busy} onClick={run}>
              {words}
            </button>
          ))}
        </div>
      </div>
      <p className="facts-line small quiet">
        <StateBadge state={session.state} />
        <Word>{session.agent}</Word>
        {session.model !== null && <Word>{session.model}</Word>}
        {session.profile !== null && <Word>{session.profile}</Word>}
        <span>{(session.usage.input + session.usage.output).toLocaleString()} tokens</span>
        <span>cost {cost(session)}</span>
        {session.queued > 0 && <span>{session.queued} queued</span>}
        {session.workspace !== null && (
          <span className="one-line" title={visible(session.workspace)}>
            <Word>{session.workspace}</Word>
          </span>
        )}
      </p>
    </header>
  );
}

interface Deed {
  words: string;
  run: () => void;
  danger?: boolean;
}

/** What can be done with a session as it is. */
function deeds(session: SessionState, { changed }: Transcript, { act }: Acting): Deed[] {
  const asked = { params: { path: { id: session.id } }, headers: JSON_HEADERS };
  const open = (found: SessionState) => go(href(["session", found.id]));
  const cancel = { words: "Cancel the turn", run: () => act(() => api.POST("/api/v1/sessions/{id}/cancel", asked), changed) };
  const fork = { words: "Fork", run: () => act(() => api.POST("/api/v1/sessions/{id}/fork", asked), open) };
  const end = { words: "End", danger: true, run: () => act(() => api.DELETE("/api/v1/sessions/{id}", asked), changed) };
  if (!session.live) return [];
  return session.state === "running" || session.state === "waiting" ? [cancel, fork, end] : [fork, end];
}

/** The same in the palette, and the answers of what waits. */
function useSessionActions(transcript: Transcript, acting: Acting): void {
  const { session, changed } = transcript;
  const permission = session?.permissions[0];
  const answers =
    session && permission
      ? permission.options.map((option, index) => ({
          words: `Answer: ${visible(option.name)}`,
          hint: `Alt ${index + 1}`,
          run: () =>
            acting.act(
              () => api.POST("/api/v1/sessions/{id}/permissions/{permission}", { params: { path: { id: session.id, permission: permission.id } }, body: { option: option.id } }),
              changed,
            ),
        }))
      : [];
  const does = session ? deeds(session, transcript, acting).map(({ words, run }) => ({ words: `This session: ${words}`, run })) : [];
  useActions([...answers, ...does]);
}
