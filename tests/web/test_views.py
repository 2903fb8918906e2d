"""Every view for everybody: axe finds nothing, nothing is wider than the page.

With `AGENTOS_SCREENSHOTS=docs/images`, what is seen is kept there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, expect
from tests.web.booking import book, month
from tests.web.remembering import write_memories
from tests.web.sessions import played, store
from tests.web.visiting import visit

from agentos.models.rehearsal import Step

if TYPE_CHECKING:
    from tests.web.conftest import Look, Place

WIDTHS = {360: 780, 1024: 768, 1920: 1080}
VIEWS = {
    "now": ("now", "Now"),
    "sessions": ("session", "Sessions"),
    "new-session": ("session/new", "New session"),
    "session": ("session/{session}", "Mend the parser of the instrument"),
    "changes": ("session/{session}/changes", "Mend the parser of the instrument"),
    "files": ("session/{session}/files", "Mend the parser of the instrument"),
    "terminal": ("session/{session}/terminal", "Mend the parser of the instrument"),
    "usage-of-session": ("session/{session}/usage", "Mend the parser of the instrument"),
    "usage": ("usage?range=all", "Usage"),
    "calls": ("usage/calls?range=all&model=anthropic/claude-opus-5-5", "Calls"),
    "call": ("usage/calls/1", "Call 1"),
    "memory": ("memory", "Memory"),
    "review": ("memory/inbox", "Memories to review"),
    "portfolio": ("portfolio", "Portfolio"),
    "page": ("portfolio/identity", "Identity"),
    "inbox": ("inbox", "Inbox"),
    "sync": ("sync", "Sync"),
    "sync-undo": ("sync/undo", "Sync"),
    "sync-pull": ("sync/pull?client=codex", "Sync"),
    "skills": ("skills", "Skills"),
    "skill": ("skills/review-pr?client=codex", "review-pr"),
    "log": ("log", "Log"),
    "settings": ("settings", "Settings"),
}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: axe itself, in a page whose policy lets nothing in: given by the browser, not by the page.
CHECK = "rules => axe.run({ runOnly: rules }).then(found => found.violations)"


def use(place: Place) -> None:
    """Have something in each view."""
    for client, file in (("codex", "identity"), ("claude", "identity"), ("gemini", "projects")):
        place.ask("POST", "/portfolio-read", {"file": file, "client": client}, f"{client}/2.1")
    for number, command in enumerate(("review-pr", "release-notes", "review-pr", "triage")):
        report = {
            "command": command,
            "client": ("claude", "codex")[number % 2],
            "duration_ms": 340.5 * (number + 1),
            "arguments": {"branch": "feature/units", "files": 12},
            "outcome": "ok" if number != 2 else "tests_failed",
        }
        place.ask("POST", "/command-log", report)
    _call_tools(place)
    reason = "Ada asked twice today for smaller commits."
    place.propose("identity", "Small commits", "Commits of one idea", reason=reason, client="codex")
    old, new = "- No frameworks", "- Type hints in every test, too\n- No frameworks"
    place.propose("preferences", old, new, reason="Seen in three reviews.", client="claude")
    book(place, month())
    for budget in ({"money": 400}, {"tokens": 900_000, "project": "/home/ada/site"}):
        place.ask("PUT", "/api/v1/usage/budgets", budget)
    write_memories(place)
    place.agentos("memory", "inbox")
    _sync(place)
    place.agentos("token", "create", "--scope", "portfolio:read,fs:read", "--name", "editor")


PARSER = """def parse(line):
    name, value = line.split("=")
    return name, float(value)
"""
MENDED = """*** Begin Patch
*** Update File: parser.py
@@
 def parse(line):
-    name, value = line.split("=")
-    return name, float(value)
+    name, _, value = line.partition("=")
+    return name.strip(), float(value)
*** End Patch"""
WORK = [
    Step(
        think="**Reading the failure**\n\nThe value has a second `=`.",
        say="I run what is there **first**:\n\n1. the parser alone\n2. with a line as it fails",
        run="python3 -c 'from parser import parse; print(parse(\"a=1=2\"))'",
    ),
    Step(say="`split` makes three parts of it; `partition` does not.", patch=MENDED),
    Step(say="Now once more.", run="printf '\\033[32mok\\033[0m parse\\n'"),
    Step(say="The parser takes such lines now. May I clean up?", run="rm -rf __pycache__"),
    Step(say="Clean."),
]


@contextmanager
def working(place: Place) -> Iterator[str]:
    """A session that waits for an answer, and one that is past."""
    workspace = place.root / "places" / "instrument"
    (workspace / "parser.py").write_text(PARSER)
    (workspace / "README.md").write_text("# Instrument\n")
    prompt = [{"type": "text", "text": "What does the instrument measure?"}]
    store(place, [("turn_started", {"turn": 1, "prompt": prompt})], id="past")
    with played(place, *WORK) as model:
        wanted = {"prompt": "Mend the parser of the instrument", "workspace": str(workspace)}
        session = model.begin(**wanted)
        model.answer(session, "python3", "accept")
        model.answer(session, "parser.py", "accept")
        model.answer(session, "printf", "accept")
        model.waits(session, "rm")
        yield session


def _sync(place: Place) -> None:
    """Leave a backup, a conflict, a change of each side and something that was taken over."""
    place.agentos("sync", "push", "--theirs", "--yes")
    fragment = place.home / "clients/codex/config-fragment.toml"
    fragment.write_text('approval_policy = "untrusted"\nsandbox_mode = "read-only"\n')
    (place.home / "clients/claude").mkdir()
    (place.home / "clients/claude/CLAUDE.md").write_text("Answer briefly.\n")


def _call_tools(place: Place) -> None:
    for number, name in enumerate(
        ("list_portfolio_files", "read_portfolio_file", "agentOS_fs_list")
    ):
        arguments = {"name": "identity"} if name == "read_portfolio_file" else {}
        call = {"name": name, "arguments": arguments}
        place.call_tool(number + 1, call)


def test_every_view_in_every_size_and_colour(place: Place, look: Look, node_modules: Path) -> None:
    use(place)
    with working(place) as session:
        found = look_at_all(place, look, session, node_modules)
    assert found == {}, json.dumps(found, indent=1)


def look_at_all(place: Place, look: Look, session: str, node_modules: Path) -> dict[str, Any]:
    axe = (node_modules / "axe-core" / "axe.min.js").read_text()
    page = look(place.link())
    expect(page.get_by_role("heading", name="Now", level=1)).to_be_visible()
    found: dict[str, Any] = {}
    views = VIEWS | {"entry": (f"memory/{key_of(place, 'agentos', 'answer')}", "How to answer")}
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        for width, height in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            for name, (path, title) in views.items():
                visit(page, path.format(session=session), title)
                spill = page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                assert spill <= 0, (name, width)
                if width != 1920:
                    page.evaluate(axe)
                    for one in page.evaluate(CHECK, RULES):
                        where = [node["html"] for node in one["nodes"]][:3]
                        found[f"{name} {width} {theme} {one['id']}"] = where
                keep(page, f"dashboard-{name}-{theme}-{width}")
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_palette_and_the_way_in(
    place: Place, look: Look, node_modules: Path, theme: str
) -> None:
    axe = (node_modules / "axe-core" / "axe.min.js").read_text()
    page = look(place.url, color_scheme=theme)
    expect(page.get_by_role("heading", name="not signed in")).to_be_visible()
    page.evaluate(axe)
    assert page.evaluate(CHECK, RULES) == []
    page.set_viewport_size({"width": 1024, "height": 768})
    keep(page, f"dashboard-sign-in-{theme}-1024")
    page = look(place.link(), color_scheme=theme)
    expect(page.get_by_role("heading", name="Now", level=1)).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option", name="Identity")).to_be_visible()
    page.evaluate(axe)
    assert page.evaluate(CHECK, RULES) == []
    page.set_viewport_size({"width": 1024, "height": 768})
    keep(page, f"dashboard-palette-{theme}-1024")


def test_the_menu_of_a_narrow_page(place: Place, look: Look) -> None:
    page = look(place.link(), viewport={"width": 360, "height": 780})
    expect(page.get_by_role("link", name="Log", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Log", exact=True).click()
    expect(page.get_by_role("heading", name="Log", level=1)).to_be_visible()
    expect(page.get_by_role("link", name="Settings")).to_have_count(0)


def key_of(place: Place, client: str, words: str) -> str:
    """Return by what the page finds a memory."""
    [memory] = place.ask("GET", f"/api/v1/memories?client={client}&q={words}")["memories"]
    return str(memory["key"])


def keep(page: Page, name: str) -> None:
    if directory := os.environ.get("AGENTOS_SCREENSHOTS"):
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=Path(directory) / f"{name}.png", caret="hide")
