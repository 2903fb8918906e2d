import { memo, useMemo, useState, type ReactNode } from "react";
import { Ansi } from "../parts/ansi";
import { Diff } from "../parts/diff";
import { Badge } from "../parts/layout";
import { Markdown } from "../parts/markdown";
import { Time, visible, Word } from "../parts/text";
import type { Call, Command, Edit, Item, Note, Plan, Question, TurnEnd } from "./items";
import { lineDiff } from "./line_diff";
import { short } from "./session";

/** Characters of a command's output that are shown before one asks for all. */
const SHOWN = 8_000;
/** Markdown longer than this is shown as the text that it is. */
const LONGEST_MARKDOWN = 60_000;

/** One item of a transcript. */
export function ItemView({ item }: { item: Item }) {
  switch (item.kind) {
    case "prompt":
      return (
        <Saying who="You" at={item.at} className="said-you">
          <p className="said-plain">{visible(item.text)}</p>
        </Saying>
      );
    case "message":
      return (
        <Saying who="Agent" at={item.at} className="said-agent">
          {item.text.length > LONGEST_MARKDOWN ? <p className="said-plain">{visible(item.text)}</p> : <Markdown text={item.text} level={3} />}
        </Saying>
      );
    case "thought":
      return (
        <details className="thought">
          <summary>
            Thought <span className="quiet">{visible(firstLine(item.text))}</span>
          </summary>
          <div className="thought-text">
            <Markdown text={item.text.slice(0, LONGEST_MARKDOWN)} level={3} />
          </div>
        </details>
      );
    case "command":
      return <CommandView command={item} />;
    case "edit":
      return <EditView edit={item} />;
    case "call":
      return <CallView call={item} />;
    case "plan":
      return <PlanView plan={item} />;
    case "question":
      return <QuestionView question={item} />;
    case "note":
      return <NoteView note={item} />;
    case "end":
      return <EndView end={item} />;
  }
}

const firstLine = (text: string) => (text.trim().split("\n", 1)[0] ?? "").replace(/\*\*/g, "").slice(0, 120);

function Saying({ who, at, className, children }: { who: string; at: number; className: string; children: ReactNode }) {
  return (
    <article className={`said-by ${className}`} aria-label={who}>
      <div className="said-head">
        <span className="said-who">{who}</span>
        <span className="quiet small">
          <Moment at={at} />
        </span>
      </div>
      {children}
    </article>
  );
}

const Moment = memo(function Moment({ at }: { at: number }) {
  return <Time at={new Date(at * 1000).toISOString()} how="clock" />;
});

function Outcome({ status, exitCode }: { status: Command["status"]; exitCode?: number | null }) {
  if (exitCode !== undefined && exitCode !== null) return <Badge tone={exitCode === 0 ? "good" : "bad"}>exit {exitCode}</Badge>;
  if (status === "asked") return <Badge tone="warn">asks</Badge>;
  if (status === "in_progress") return <Badge tone="accent">runs</Badge>;
  return status === "completed" ? <Badge tone="good">done</Badge> : <Badge tone="bad">failed</Badge>;
}

function CommandView({ command }: { command: Command }) {
  const [all, setAll] = useState(false);
  const long = command.output.length > SHOWN;
  const shown = all || !long ? command.output : command.output.slice(-SHOWN);
  return (
    <div className="work">
      <div className="work-head">
        <code className="work-title">
          <span className="quiet" aria-hidden="true">
            ${" "}
          </span>
          {visible(command.command)}
        </code>
        <Outcome status={command.status} exitCode={command.exitCode} />
      </div>
      {long && (
        <button type="button" className="plain small" onClick={() => setAll(!all)}>
          {all ? "Show its end only" : `Show all ${command.output.length.toLocaleString()} characters`}
        </button>
      )}
      {shown !== "" && (
        <pre className="output" tabIndex={0} role="group" aria-label="Output">
          <Ansi text={shown} />
        </pre>
      )}
    </div>
  );
}

function EditView({ edit }: { edit: Edit }) {
  return (
    <div className="work">
      {edit.edits.length === 0 && (
        <div className="work-head">
          <span className="work-title">{visible(edit.title)}</span>
          <Outcome status={edit.status} />
        </div>
      )}
      {edit.edits.map((one, index) => (
        <FileDiff key={index} path={one.path} before={one.before} after={one.after} status={edit.status} />
      ))}
    </div>
  );
}

function FileDiff({ path, before, after, status }: { path: string; before: string | null; after: string | null; status: Edit["status"] }) {
  const diff = useMemo(() => lineDiff(before, after), [before, after]);
  const verb = after === null && before !== null ? "Deleted" : before === null && after !== null ? "New" : "Edited";
  return (
    <>
      <div className="work-head">
        <span className="work-title">
          {verb}{" "}
          <code>
            <Word>{path}</Word>
          </code>
        </span>
        <Outcome status={status} />
      </div>
      {diff !== "" && <Diff text={diff} label={`What changed in ${visible(path)}`} />}
    </>
  );
}

function CallView({ call }: { call: Call }) {
  return (
    <details className="work">
      <summary className="work-head">
        <span className="work-title">{visible(call.title)}</span>
        <Outcome status={call.status} />
      </summary>
      {call.input !== "" && (
        <pre className="output" tabIndex={0} role="group" aria-label="Input">
          {visible(call.input)}
        </pre>
      )}
      {call.output !== "" && (
        <pre className="output" tabIndex={0} role="group" aria-label="Answer">
          <Ansi text={call.output} />
        </pre>
      )}
    </details>
  );
}

const STEP_WORDS: Record<string, string> = { completed: "done", in_progress: "in progress", pending: "to do" };

function PlanView({ plan }: { plan: Plan }) {
  const done = plan.steps.filter((step) => step.status === "completed").length;
  return (
    <div className="work plan">
      <div className="work-head">
        <span className="work-title">Plan</span>
        <span className="quiet small">
          {done} of {plan.steps.length} done
        </span>
      </div>
      <ul>
        {plan.steps.map((step, index) => (
          <li key={index} className={`step step-${step.status in STEP_WORDS ? step.status : "pending"}`}>
            <span aria-hidden="true">{step.status === "completed" ? "☑" : step.status === "in_progress" ? "◐" : "☐"}</span>
            <span>
              {visible(step.text)} <span className="unseen">({STEP_WORDS[step.status] ?? "to do"})</span>
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function QuestionView({ question }: { question: Question }) {
  const chosen = question.options.find((one) => one.id === question.answer);
  const allowed = chosen?.kind.startsWith("allow") ?? false;
  const answer =
    question.answer === undefined ? (
      <Badge tone="warn">waits for an answer</Badge>
    ) : question.answer === null ? (
      <Badge>called off</Badge>
    ) : (
      <Badge tone={allowed ? "good" : "bad"}>{visible(short(chosen?.name ?? question.answer))}</Badge>
    );
  return (
    <div className="work-line">
      <span className="work-title">
        Asked: <code>{visible(question.title)}</code>
      </span>
      <span>
        {answer}
        {question.reason !== "" && <span className="quiet small"> {visible(question.reason)}</span>}
      </span>
    </div>
  );
}

function NoteView({ note }: { note: Note }) {
  if (note.tone === "quiet")
    return (
      <p className="quiet small work-line">
        {visible(note.text)} {note.hint && visible(note.hint)}
      </p>
    );
  return (
    <div className={`note note-${note.tone}`}>
      <p className="note-text">{visible(note.text)}</p>
      {note.hint !== "" && <p className="quiet">{visible(note.hint)}</p>}
    </div>
  );
}

const WHY: Record<string, string> = { end_turn: "done", cancelled: "cancelled", refusal: "refused", max_tokens: "out of tokens" };

function EndView({ end }: { end: TurnEnd }) {
  const parts = [
    `Turn ${end.turn}`,
    end.why === "" ? "failed" : (WHY[end.why] ?? visible(end.why)),
    end.seconds === null ? "" : `${end.seconds.toLocaleString(undefined, { maximumFractionDigits: 1 })} s`,
    end.input + end.output > 0 ? `${end.input.toLocaleString()} tokens in${end.cached ? ` (${end.cached.toLocaleString()} cached)` : ""}, ${end.output.toLocaleString()} out` : "",
  ];
  return <p className="turn-end quiet small">{parts.filter(Boolean).join(" · ")}</p>;
}
