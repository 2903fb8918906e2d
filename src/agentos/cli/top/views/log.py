"""The log as it comes, and a filter of it."""

from __future__ import annotations

import json

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Resize
from textual.widgets import Input, RichLog

from agentos.cli.top import words
from agentos.cli.top.picture import LogLine, Picture
from agentos.cli.top.watch import MOST_LINES

_FAILED = "error"
#: Columns of padding and scrollbar.
_BESIDE = 3


class LogView(Vertical):
    """What the hub was asked, the newest last; words in the filter are in every line."""

    def __init__(self) -> None:
        super().__init__(id="log-view")
        self._lines: tuple[LogLine, ...] = ()
        self._written = 0

    def compose(self) -> ComposeResult:
        """Make the filter and the lines."""
        yield Input(placeholder="filter: words of a line; error is any failure", id="log-filter")
        yield RichLog(id="log-lines", max_lines=MOST_LINES, wrap=False, auto_scroll=True)

    def show(self, picture: Picture) -> None:
        """Show a picture's log; lines that are there already stay."""
        new = [line for line in picture.log if line.id > self._written]
        shrunk = bool(picture.log) and picture.log[-1].id < self._written
        self._lines = picture.log
        if shrunk:  # another store than before
            self._write_anew()
        else:
            self._write(new)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show only what the filter lets pass."""
        event.stop()
        self._write_anew()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Leave the filter for the lines."""
        event.stop()
        self.query_one(RichLog).focus()

    def on_resize(self, event: Resize) -> None:
        """Cut lines at the new width."""
        self._write_anew()

    def _write_anew(self) -> None:
        self.query_one(RichLog).clear()
        self._written = 0
        self._write(list(self._lines))

    def _write(self, lines: list[LogLine]) -> None:
        log, wanted = self.query_one(RichLog), self.query_one(Input).value.lower().split()
        width = max(self.size.width - _BESIDE, 20)
        for line in lines:
            self._written = max(self._written, line.id)
            if _matches(line, wanted):
                log.write(_drawn(line, width))


def _matches(line: LogLine, wanted: list[str]) -> bool:
    said = f"{line.kind} {line.client} {line.project} {line.outcome} {line.name}".lower()
    failed = line.outcome != "ok"
    return all(word in said or (word == _FAILED and failed) for word in wanted)


def _drawn(line: LogLine, width: int) -> Text:
    arguments = json.dumps(line.arguments, ensure_ascii=False) if line.arguments else ""
    client = words.one_line(line.client or "-", 8)
    head = f"{words.clock(line.at)}  {words.one_line(line.kind, 9):<9}  {client:<8}  "
    outcome = "" if line.outcome == "ok" else f"{line.outcome} "
    rest = words.one_line(f"{outcome}{line.name}  {line.duration_ms:.0f} ms  {arguments}")
    style = "" if line.outcome == "ok" else "red"
    return Text.assemble((head, "dim"), (rest, style))[:width]
