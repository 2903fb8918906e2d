"""Pages are listed and read from disk, each time anew, and from nowhere else."""

from __future__ import annotations

import os
import socket
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from agentos.errors import AgentOsError
from agentos.home.projects import Project
from agentos.portfolio import Portfolio


async def test_files_say_what_they_are(portfolio: Portfolio, pages: Path) -> None:
    projects, identity = await portfolio.files()
    assert (identity.name, identity.title, identity.uri) == (
        "identity",
        "Ada",
        "portfolio://identity",
    )
    assert (identity.updated, identity.stability, identity.scope) == (
        date(2026, 1, 31),
        "stable",
        "who I am",
    )
    status = (pages / "identity.md").stat()
    assert (identity.size, identity.modified) == (status.st_size, status.st_mtime)
    assert projects.scope == "what is going on: now"
    assert (projects.stale, identity.stale) == (True, False)


@pytest.mark.parametrize(
    "name",
    [
        "identity",
        "identity.md",
        "portfolio://identity",
        "PORTFOLIO://identity.md",
        "portfolio://%69dentity",
        " identity ",
    ],
)
async def test_a_page_has_several_names(portfolio: Portfolio, pages: Path, name: str) -> None:
    page = await portfolio.read(name)
    assert page.file.name == "identity"
    assert page.text == (pages / "identity.md").read_text()
    assert page.body.lstrip().startswith("# Ada")
    assert page.warnings == ()


async def test_what_is_on_disk_now_is_read(portfolio: Portfolio, pages: Path) -> None:
    await portfolio.read("identity")
    (pages / "identity.md").write_text("---\nupdated: 2026-02-01\n---\n# Eve\n")
    os.utime(pages / "identity.md", (0, 0))
    page = await portfolio.read("identity")
    assert (page.file.title, page.file.updated, page.file.modified) == ("Eve", date(2026, 2, 1), 0)
    (pages / "identity.md").unlink()
    with pytest.raises(AgentOsError):
        await portfolio.read("identity")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../secret", "portfolio_name_invalid"),
        ("/etc/passwd", "portfolio_name_invalid"),
        ("portfolio://../secret", "portfolio_name_invalid"),
        ("portfolio://%2e%2e%2fsecret", "portfolio_name_invalid"),
        ("portfolio:///etc/passwd", "portfolio_name_invalid"),
        ("..", "portfolio_name_invalid"),
        ("", "portfolio_name_invalid"),
        (".md", "portfolio_name_invalid"),
        (".hidden", "portfolio_name_invalid"),
        ("sub\\identity", "portfolio_name_invalid"),
        ("C:identity", "portfolio_name_invalid"),
        ("identity.md:stream", "portfolio_name_invalid"),
        ("identity\0", "portfolio_name_invalid"),
        ("identity\n", "portfolio_file_unknown"),
        ("a\nb", "portfolio_name_invalid"),
        ("notes.txt", "portfolio_file_unknown"),
        ("x" * 5000, "portfolio_file_unknown"),
        ("%2e%2e", "portfolio_file_unknown"),
    ],
)
async def test_no_name_leads_out(portfolio: Portfolio, home: Path, name: str, code: str) -> None:
    (home / "secret.md").write_text("secret")
    if name == "identity\n":
        (home / "context-portfolio/identity.md").unlink()
    with pytest.raises(AgentOsError) as caught:
        await portfolio.read(name)
    assert caught.value.code == code
    assert caught.value.hint


async def test_no_link_leads_out(portfolio: Portfolio, home: Path, pages: Path) -> None:
    (home / "secret.md").write_text("# secret")
    (pages / "out.md").symlink_to(home / "secret.md")
    (pages / "relative.md").symlink_to("../secret.md")
    (pages / "twice.md").symlink_to("out.md")
    (pages / "loop.md").symlink_to("loop.md")
    (pages / "nowhere.md").symlink_to("nothing.md")
    (pages / "other.md").symlink_to("notes.txt")
    for name in ("out", "relative", "twice", "loop", "nowhere", "other"):
        with pytest.raises(AgentOsError) as caught:
            await portfolio.read(name)
        assert caught.value.code == "portfolio_file_refused", name
    (pages / "me.md").symlink_to("identity.md")
    assert (await portfolio.read("me")).file.title == "Ada"
    assert [file.name for file in await portfolio.files()] == ["current-projects", "identity", "me"]
    assert "secret" not in str(await portfolio.search("secret Ada"))


async def test_what_is_no_file_does_not_block(
    portfolio: Portfolio, pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pages)  # a socket's path must be short
    os.mkfifo(pages / "pipe.md")
    (pages / "folder.md").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.md")
    (pages / "big.md").write_bytes(b"x" * 1_000_001)
    for name in ("pipe", "folder", "big", "socket"):
        with pytest.raises(AgentOsError) as caught:
            await portfolio.read(name)
        assert caught.value.code == "portfolio_file_refused", name
    assert len(await portfolio.files()) == 2


@pytest.mark.parametrize("name", ["identiy", "Identity", "current-project"])
async def test_an_unknown_name_is_told_the_nearest(portfolio: Portfolio, name: str) -> None:
    with pytest.raises(AgentOsError, match="no portfolio file") as caught:
        await portfolio.read(name)
    near = "current-projects" if name.startswith("current") else "identity"
    assert f"did you mean {near}?" in (caught.value.hint or "")


async def test_an_unlike_name_is_told_all(portfolio: Portfolio) -> None:
    with pytest.raises(AgentOsError) as caught:
        await portfolio.read("zzz")
    assert caught.value.hint == "there are current-projects, identity"


async def test_without_a_portfolio_there_is_a_word(tmp_path: Path) -> None:
    empty = Portfolio(tmp_path)
    for call in (empty.files, lambda: empty.read("identity"), empty.check):
        with pytest.raises(AgentOsError, match="no portfolio at") as caught:
            await call()
        assert caught.value.code == "portfolio_missing"


async def test_an_evolving_page_grows_old(portfolio: Portfolio, home: Path, pages: Path) -> None:
    warnings = (await portfolio.read("current-projects")).warnings
    assert len(warnings) == 1
    assert "evolving" in warnings[0]
    today = datetime.now(UTC).astimezone().date()
    for days, limit, stale in ((10, 10, False), (11, 10, True), (11, 12, False)):
        day = today - timedelta(days=days)
        (pages / "identity.md").write_text(f"---\nupdated: {day}\nstability: evolving\n---\n")
        page = await Portfolio(home, stale_after=limit).read("identity")
        assert (page.file.stale, bool(page.warnings)) == (stale, stale)


@pytest.mark.parametrize(
    ("head", "warning"),
    [
        ("---\nupdated: [\n---\n# T\n", "line 3: the front matter is not valid YAML"),
        ("---\n# T\n", "does not end"),
        ("---\n- a\n---\n# T\n", "no keys"),
        ("---\nupdated: 2026-02-30\n---\n# T\n", "not valid YAML"),
        ("---\nstability: draft\n---\n# T\n", "is a draft"),
        ("---\na: !!python/object:os.system x\n---\n# T\n", "not valid YAML"),
    ],
)
async def test_a_page_with_a_broken_head_is_read_all_the_same(
    portfolio: Portfolio, pages: Path, head: str, warning: str
) -> None:
    (pages / "identity.md").write_text(head)
    page = await portfolio.read("identity")
    assert page.text == head
    assert page.file.title == "T"
    assert warning in page.warnings[0]


@pytest.mark.parametrize(
    ("content", "title"),
    [
        (b"", "Identity"),
        (b"no heading\n", "Identity"),
        (b"\xef\xbb\xbf---\r\nscope: x\r\n---\r\n# With a mark\r\n", "With a mark"),
        (b"---\n", "Identity"),
        (b"----\n# Ruled\n", "Ruled"),
        (b"# Latin \xe9\n", "Latin \N{REPLACEMENT CHARACTER}"),
    ],
)
async def test_odd_pages(portfolio: Portfolio, pages: Path, content: bytes, title: str) -> None:
    (pages / "identity.md").write_bytes(content)
    page = await portfolio.read("identity")
    assert page.file.title == title
    assert any("UTF-8" in each for each in page.warnings) == (b"\xe9" in content)


async def test_a_project_sees_only_its_pages(home: Path, pages: Path, tmp_path: Path) -> None:
    (pages / "team-notes.md").write_text("# Ada's team\n")
    project = Project("site", tmp_path, portfolio=("identity.md", "team-*"))
    seen = Portfolio(home, project, state=tmp_path / "state")
    assert [file.name for file in await seen.files()] == ["identity", "team-notes"]
    assert {hit.name for hit in await seen.search("ada engine")} == {"identity", "team-notes"}
    for attempt in (
        seen.read("current-projects"),
        seen.propose("current-projects", "x", reason="", client="c"),
    ):
        with pytest.raises(AgentOsError) as caught:
            await attempt
        assert caught.value.code == "portfolio_file_unknown"
        assert "current-projects" not in (caught.value.hint or "")
    await Portfolio(home, state=tmp_path / "state").propose(
        "current-projects", "x", reason="", client="c"
    )
    assert await seen.inbox() == []
    everything = Portfolio(home, Project("all", tmp_path))
    assert len(await everything.files()) == 3
