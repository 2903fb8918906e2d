"""docs/seccomp.md shows the filter's own table. Run this file to bring it up to date."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "seccomp.md"
TABLE = ROOT / "src" / "agentos" / "native" / "seccomp.h"
_START, _END = "<!-- table -->", "<!-- end -->"
_ROW = re.compile(
    r'^(?P<kind>[A-Z_]+)\((?P<arguments>[^"]*?),\s*"(?P<why>[^"]*)"\)$'
    r"|^/\* (?P<heading>(?s:.*?)) \*/$"
    r"|^#ifdef (?P<guard>\w+)|^#(?P<end>endif)",
    re.M,
)


def _condition(kind: str, words: list[str]) -> tuple[str, str]:
    """When a row applies, and what the caller gets."""
    numbered = {"0": "first", "1": "second", "2": "third"}
    if kind == "DENY":
        return "", words[0]
    if kind == "PRETEND":
        return f"{words[1]}", "0, without effect"
    if kind == "PRETEND_IF_GIVEN":
        return f"{words[1]}, with a new value", "0, without effect"
    *values, error = words[1:]
    position = numbered[words[0]]
    conditions = {
        "DENY_VALUE": f"{values[0]}",
        "DENY_ANY_BIT": f"any of {values[0]}",
        "DENY_UNLESS": f"{position} argument other than {values[0]}",
        "DENY_UNLESS_ONE_OF": f"{position} argument none of {', '.join(values)}",
        "DENY_UNLESS_BOTH": f"{values[0]}, but not {values[-1]}",
    }
    return conditions[kind], error


def _rows(header: str) -> list[str]:
    lines: list[str] = []
    guard = ""
    for row in _ROW.finditer(header):
        if row["heading"]:
            text = " ".join(row["heading"].replace("\n *", " ").split())
            if "one row each" not in text:
                lines += ["", text, "", "| call | when | answer | why |", "|---|---|---|---|"]
        elif row["guard"]:
            guard = "x86-64 only" if row["guard"] == "__x86_64__" else ""
        elif row["end"]:
            guard = ""
        else:
            call, *words = [word.strip() for word in row["arguments"].split(",")]
            when, answer = _condition(row["kind"], words)
            when = "; ".join(filter(None, [when, guard]))
            lines.append(f"| `{call}` | {when} | {answer} | {row['why']} |")
    return lines


def page() -> str:
    """The page as it should be."""
    before, _, rest = PAGE.read_text().partition(_START)
    after = rest.partition(_END)[2]
    return before + _START + "\n".join(["", *_rows(TABLE.read_text()), "", _END]) + after


def test_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), f"run: python {Path(__file__).name}"


def test_every_row_is_shown() -> None:
    rows = re.findall(r"^(?:DENY|PRETEND)\w*\(", TABLE.read_text(), re.M)
    assert page().count("\n| `") >= len(rows) > 70
    assert len([line for line in _rows(TABLE.read_text()) if line.startswith("| `")]) == len(rows)


if __name__ == "__main__":
    PAGE.write_text(page())
