"""What Codex wrote down: `$CODEX_HOME/memories`.

`MEMORY.md` is its handbook, in blocks by task, whose sections are what it learned. The summary that
each prompt gets, `raw_memories.md` and `rollout_summaries/` are what that is made from and made to.
Notes in `extensions/ad_hoc/notes/` are what somebody asked it to remember.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentos.memories.clients.entry import Entry, Page, Reader, parts
from agentos.memories.memory import MemoryType

CLIENT = "codex"
_GROUP = "Task Group: "
#: The sections of a block that hold what was learned, and what that is.
_LEARNED: dict[str, MemoryType] = {
    "User preferences": "feedback",
    "Reusable knowledge": "reference",
    "Failures and how to do differently": "feedback",
}
_CWD = re.compile(r"^(?:applies_to: )?cwd[=:]\s*([^;\n]+)", re.MULTILINE)


def read(reader: Reader) -> Iterator[Entry]:
    """Yield what Codex wrote down."""
    top = reader.directory("CODEX_HOME", ".codex") / "memories"
    for page in reader.pages(top, "MEMORY.md"):
        for line, heading, text in parts(page.text, 1):
            yield from _block(page, line, heading, text)
    for page in reader.pages(top / "extensions/ad_hoc/notes", "*.md"):
        yield Entry(
            CLIENT, "note", _title(page), page.text.strip(), page.path, written=page.changed
        )
    for page in reader.pages(top, "memory_summary.md"):
        text = page.text.removeprefix("v1\n").strip()
        yield Entry(CLIENT, "summary", "Summary", text, page.path, written=page.changed)
    for page in reader.pages(top, "raw_memories.md"):
        for line, heading, text in parts(page.text, 2):
            if heading:
                yield Entry(
                    CLIENT, "raw", heading, text, page.path, line, None, _project(text),
                    page.changed,
                )  # fmt: skip
    for page in reader.pages(top / "rollout_summaries", "*.md"):
        project = _project(page.text)
        yield Entry(
            CLIENT, "session", _title(page), page.text.strip(), page.path, 1, None, project,
            page.changed,
        )  # fmt: skip


def _block(page: Page, line: int, heading: str, text: str) -> Iterator[Entry]:
    """Yield what a block of the handbook says; one that is not made as usual, as a whole."""
    about = heading.removeprefix(_GROUP)
    project = _project(text)
    found = False
    for at, name, below in parts(text, 2):
        if name in _LEARNED and below:
            found = True
            yield Entry(
                CLIENT, "memory", f"{about}: {name}", below, page.path, _line(page, line, at),
                _LEARNED[name], project, page.changed,
            )  # fmt: skip
    if not found:
        yield Entry(CLIENT, "memory", about, text, page.path, line, None, project, page.changed)


def _line(page: Page, start: int, at: int) -> int:
    """The line in the file of one in a block, which has lost empty lines at its top."""
    lines = page.text.split("\n")
    while start < len(lines) and not lines[start].strip():
        start += 1
    return start + at


def _project(text: str) -> str | None:
    found = _CWD.search(text)
    return found[1].strip() if found else None


def _title(page: Page) -> str:
    for line in page.text.splitlines():
        if line.startswith("# "):
            return line[2:].strip()
    return page.path.stem.replace("-", " ").replace("_", " ")
