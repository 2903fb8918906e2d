"""Tables as terminals of some widths show them."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from rich.cells import cell_len

from agentos.cli.plain_table import Column, cut, draw, width_of

PROJECTS = Column("project", ["/srv/网站/前端", "/srv/app"], "total", shrinks=True)
TOKENS = Column("tokens", ["1,234", "56"], "1,290", right=True)
CACHED = Column("cached", ["1,000", "20"], "1,020", right=True, spare=2)
COURSE = Column("", ["▁█", "▃"], "▁█", spare=3)

_SHOW = """
from datetime import UTC
from agentos.cli.usage_table import show
from agentos.usage.money import DOLLAR
from agentos.usage.prices import Tokens
from agentos.usage.reports import Report
from agentos.usage.rows import Row

def row(key, calls):
    tokens = Tokens(calls * 45_000, cached_input=calls * 30_000, output=calls * 1_500)
    return Row(key=key, calls=calls, tokens=tokens, cost=calls / 7, unpriced=1, unmetered=0,
               derived=0, course=(1, 5, 9))

rows = row(("/srv/网站/前端\\x1b[2J", "openai/gpt-5.5"), 63_200), row(("/srv/app", ""), 31_600)
show(Report(("project", "model"), rows, row((), 94_800), (), DOLLAR, UTC))
"""


def test_wide_characters_take_two_columns() -> None:
    drawn = draw([PROJECTS, TOKENS, CACHED, COURSE], None)
    assert [drawn.head, *drawn.rows, drawn.foot] == [
        "project         tokens  cached",
        "/srv/网站/前端   1,234   1,000  ▁█",
        "/srv/app            56      20  ▃",
        "total            1,290   1,020  ▁█",
    ]
    assert drawn.notes == []


@pytest.mark.parametrize("width", range(10, 40))
def test_no_figure_is_cut(width: int) -> None:
    drawn = draw([PROJECTS, TOKENS, CACHED, COURSE], width)
    lines = [drawn.head, *drawn.rows, drawn.foot]
    assert max(map(cell_len, lines)) <= width
    assert all("1,234" in line for line in lines[1:2])
    assert ("1,000" in drawn.rows[0]) == (not drawn.notes)
    if drawn.notes:
        assert drawn.notes == ["The terminal is too narrow for: cached (--json has all)."]


@pytest.mark.parametrize(
    "text", ["plain", "网站", "é", "e\N{COMBINING ACUTE ACCENT}", "▁▂▃█", "≥ $1", "한국어", "zéro…"]
)
def test_widths_are_those_that_terminals_use(text: str) -> None:
    assert width_of(text) == cell_len(text)
    for width in range(1, 8):
        assert width_of(cut(text, width)) <= width


def test_a_word_that_is_cut_says_so() -> None:
    assert cut("网站前端", 5) == "网站…"
    assert cut("网站前端", 4) == "网…"
    assert cut("project", 7) == "project"


def _shown(columns: int | None) -> str:
    """Return what a report looks like on a terminal, or, without columns, in a pipe."""
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    environment |= {"PYTHONPATH": str(Path(__file__).parents[2] / "src"), "TERM": "xterm"}
    command = [sys.executable, "-c", _SHOW]
    if columns is None:
        done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
        return done.stdout
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        subprocess.run(command, env=environment, stdout=theirs, check=True)
        return os.read(ours, 65536).decode().replace("\r\n", "\n")
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_terminal_of_80_columns_gets_whole_figures() -> None:
    bold, *rows, total, price, narrow = _shown(80).splitlines()
    assert bold.startswith("\x1b[1mproject")
    assert bold.endswith("cost\x1b[0m")
    assert total.startswith("\x1b[1mtotal")
    assert max(map(cell_len, rows)) <= 80
    assert all(figure in rows[0] for figure in ("63,200", "2,844,000,000", "2,938,800,000"))
    assert "网站" in rows[0]
    assert "\x1b" not in rows[0]  # what a key says moves nothing
    assert "≥ is of the others" in price
    assert narrow.startswith("\x1b[2mThe terminal is too narrow for: cached")


def test_a_pipe_gets_all_and_no_styles() -> None:
    said = _shown(None)
    assert "\x1b" not in said
    assert "1,896,000,000" in said
    assert said.splitlines()[1].endswith("▁▅█")
    assert "too narrow" not in said
