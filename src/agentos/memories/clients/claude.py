"""What Claude Code wrote down: its memory of each project, and what CLAUDE.md imports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from agentos.errors import ConfigInvalid
from agentos.home.front_matter import read_head
from agentos.memories.clients.entry import Entry, Page, Reader
from agentos.memories.memory import MemoryType
from agentos.memories.reading import TYPES

CLIENT = "claude"
_INDEX_LINE = re.compile(r"[-*] \[[^\]]*\]\([^)]*\)")
_IMPORT = re.compile(r"(?:^|\s)@((?:~/|/|\./|\.\./)?[\w./-]+\.\w+)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_DEEPEST = 5


def read(reader: Reader) -> Iterator[Entry]:
    """Yield what Claude Code wrote down."""
    top = reader.directory("CLAUDE_CONFIG_DIR", ".claude")
    for page in reader.pages(top, "memory/*.md"):
        yield from _memory(page, None)
    for page in reader.pages(top, "projects/*/memory/**/*.md"):
        yield from _memory(page, page.path.relative_to(top / "projects").parts[0])
    yield from _instructions(reader, top / "CLAUDE.md", set(), 0)


def slug(project: Path) -> str:
    """Return what Claude Code calls a project: its path, with dashes for what is no letter."""
    return re.sub(r"[^A-Za-z0-9]", "-", str(project))


def _memory(page: Page, project: str | None) -> Iterator[Entry]:
    if page.path.name == "MEMORY.md":
        yield from _index(page, project)
        return
    title, type_, text = page.path.stem.replace("_", " "), None, page.text
    try:
        head = read_head(str(page.path), page.text)
        title = str(head.values.get("description") or head.values.get("name") or title)
        more = head.values.get("metadata")
        said = head.values.get("type") or (more.get("type") if isinstance(more, dict) else None)
        type_ = cast("MemoryType", said) if said in TYPES else None
        text = head.body
    except ConfigInvalid:
        pass  # without front matter, the file is what it says
    yield Entry(CLIENT, "memory", title, text.strip(), page.path, 1, type_, project, page.changed)


def _index(page: Page, project: str | None) -> Iterator[Entry]:
    """What stands in the index itself: notes that have no file of their own."""
    kept = [line for line in page.text.splitlines() if not _INDEX_LINE.match(line.strip())]
    if any(line.strip() and not line.startswith("#") for line in kept):
        text = "\n".join(kept).strip()
        yield Entry(CLIENT, "memory", "Notes", text, page.path, 1, None, project, page.changed)


def _instructions(reader: Reader, path: Path, seen: set[Path], depth: int) -> Iterator[Entry]:
    real = path.resolve()
    if real in seen or depth > _DEEPEST:
        return
    seen.add(real)
    page = reader.page(path)
    if page is None:
        return
    yield Entry(CLIENT, "instructions", path.name, page.text.strip(), path, written=page.changed)
    for said in _IMPORT.findall(_CODE.sub("", page.text)):
        target = reader.home / said[2:] if said.startswith("~/") else path.parent / said
        yield from _instructions(reader, target, seen, depth + 1)
