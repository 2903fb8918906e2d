"""Show what an agent does: live text for people, one JSON event a line for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from agentos.cli.printable import printable as printable
from agentos.cli.run import WORKSPACE

if TYPE_CHECKING:
    from agentos.sessions import SessionEvent

_MOST_LINES = 30


@dataclass(frozen=True, slots=True)
class FileDiff:
    """A file that the agent changed, and how git shows that."""

    path: str
    kind: str
    diff: str


class Renderer(Protocol):
    """Whatever shows a run."""

    def asked(self, prompt: str) -> None:
        """The prompt that is sent."""

    def event(self, event: SessionEvent) -> None:
        """Something that happened in the session."""

    def ended(self, stop_reason: str) -> None:
        """The turn ended."""

    def kept(self, agent: str, session: str) -> None:
        """The session is over and can be resumed."""

    def changes(self, changes: Sequence[FileDiff]) -> None:
        """What the agent changed in the workspace."""

    def applied(self, path: str, count: int) -> None:
        """The changes were brought to the host."""


def renderer(as_json: bool) -> Renderer:
    """Choose how to show a run."""
    return JsonRenderer() if as_json else TextRenderer()


class JsonRenderer:
    """One JSON object a line on stdout: session events, then what became of the workspace."""

    def asked(self, prompt: str) -> None:
        del prompt  # the turn_started event carries it

    def event(self, event: SessionEvent) -> None:
        self._write(asdict(event))

    def ended(self, stop_reason: str) -> None:
        del stop_reason  # the turn_ended event said it

    def kept(self, agent: str, session: str) -> None:
        del agent, session  # every event names it

    def changes(self, changes: Sequence[FileDiff]) -> None:
        files = [asdict(change) for change in changes]
        self._write({"type": "workspace_changes", "data": {"changes": files}})

    def applied(self, path: str, count: int) -> None:
        self._write({"type": "workspace_applied", "data": {"path": path, "count": count}})

    def _write(self, row: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(row, default=str) + "\n")
        sys.stdout.flush()


class Printer(Protocol):
    """Where text goes: a rich console, or what takes lines like one."""

    def print(self, text: str, /, *, style: str, end: str, markup: bool) -> None:
        """Print a text as it is."""


class TextRenderer:
    """Agent text as it comes, commands with output and exit code, edits as diffs."""

    def __init__(self, console: Printer | None = None) -> None:
        from rich.console import Console

        self._console = console or Console(highlight=False, soft_wrap=True)
        self._speaking = ""
        self._at_line_start = True
        self._lines_left: dict[str, int] = {}
        self._finished: set[str] = set()

    def asked(self, prompt: str) -> None:
        self._line(f"> {prompt}", "bold")

    def event(self, event: SessionEvent) -> None:
        if event.type in ("agent_message_chunk", "agent_thought_chunk"):
            self._speak(event.type, event.data)
        elif event.type in ("tool_call", "tool_call_update"):
            self._tool(event.data)
        elif event.type == "warning":
            self._line(f"warning: {event.data.get('message', '')}", "yellow")
        elif event.type == "agent_started" and (resumed := event.data.get("resumed")):
            self._line(f"Resumed; lost: {'; '.join(resumed['lost'])}.", "dim")
        elif event.type == "agent_exited":
            self._end_speech()

    def _speak(self, kind: str, data: Mapping[str, Any]) -> None:
        text = data.get("content", {}).get("text", "")
        if kind != self._speaking:
            self._end_speech()
            text = text.lstrip("\n")
            self._speaking = kind if text else ""
        self._write(text, "dim italic" if kind == "agent_thought_chunk" else "")

    def _tool(self, data: Mapping[str, Any]) -> None:
        call = data.get("toolCallId", "")
        if call not in self._lines_left:
            self._lines_left[call] = _MOST_LINES
            self._line(headline(data), "bold cyan")
        if output := data.get("output"):
            self._output(call, output)
        for edit in data.get("edits") or ():
            self._diff(edit)
        if data.get("exit_code") is not None and call not in self._finished:
            self._finished.add(call)
            code = data["exit_code"]
            self._line(f"  exit {code}", "green" if code == 0 else "red")
        elif data.get("status") == "failed" and call not in self._finished:
            self._finished.add(call)
            self._line("  failed", "red")

    def _output(self, call: str, output: str) -> None:
        for line in output.splitlines():
            self._lines_left[call] -= 1
            if self._lines_left[call] == 0:
                self._line("  ...", "dim")
            elif self._lines_left[call] > 0:
                self._line(f"  {line}", "dim")

    def _diff(self, edit: Mapping[str, Any]) -> None:
        from agentos.machine.workspace import Change, Entry

        def entry(text: str | None) -> Entry | None:
            return None if text is None else Entry(0o100644, text.encode())

        path = edit["path"].removeprefix(f"{WORKSPACE}/").lstrip("/")
        change = Change(path, entry(edit["old_text"]), entry(edit["new_text"]))
        self._show_diff(change.diff())

    def _show_diff(self, diff: str) -> None:
        styles = {"+": "green", "-": "red", "@": "cyan"}
        for line in diff.splitlines():
            heading = line.startswith(("+++", "---", "diff "))
            self._line(line, "bold" if heading else styles.get(line[:1], ""))

    def failed(self, message: str) -> None:
        """Say that a turn failed."""
        self._line(f"failed: {message}", "red")

    def note(self, text: str) -> None:
        """Say something that the agent did not."""
        self._line(text, "yellow")

    def end(self) -> None:
        """End the line that is being written."""
        self._end_speech()

    def ended(self, stop_reason: str) -> None:
        self._end_speech()
        if stop_reason != "end_turn":
            self.note(f"The turn ended: {stop_reason}.")

    def kept(self, agent: str, session: str) -> None:
        self._line(f'Go on: agentos run {agent} "..." --resume {session}', "dim")

    def changes(self, changes: Sequence[FileDiff]) -> None:
        self._end_speech()
        if not changes:
            self._line("The workspace is unchanged.")
            return
        files = "1 file" if len(changes) == 1 else f"{len(changes)} files"
        self._line(f"\nWhat changed in the workspace ({files}):", "bold")
        for change in changes:
            self._show_diff(change.diff)

    def applied(self, path: str, count: int) -> None:
        self._line(f"Applied {count} changes to {path}.", "green")

    def _line(self, text: str, style: str = "") -> None:
        self._end_speech()
        self._write(text + "\n", style)

    def _end_speech(self) -> None:
        self._speaking = ""
        if not self._at_line_start:
            self._write("\n", "")

    def _write(self, text: str, style: str) -> None:
        if text:
            self._console.print(printable(text), style=style, end="", markup=False)
            self._at_line_start = text.endswith("\n")


def headline(data: Mapping[str, Any]) -> str:
    """Say in a line what a tool call does."""
    return f"$ {data['command']}" if data.get("command") else str(data.get("title") or "tool call")
