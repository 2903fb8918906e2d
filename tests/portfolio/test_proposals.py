"""Agents propose, their owner decides, and nothing is lost on the way."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from agentos.errors import AgentOsError, SyncConflict
from agentos.portfolio import Edit, Portfolio, Proposal, proposals


async def propose(portfolio: Portfolio, new: str = "Eve") -> Proposal:
    return await portfolio.propose(
        "identity.md", edits=[Edit("# Ada", f"# {new}")], reason="renamed", client="codex"
    )


async def test_a_proposal_waits_and_changes_nothing(
    portfolio: Portfolio, home: Path, pages: Path, tmp_path: Path
) -> None:
    before = (pages / "identity.md").read_bytes()
    made = await propose(portfolio)
    (waits,) = await Portfolio(home, state=tmp_path / "state").inbox()
    assert waits == made
    assert (waits.name, waits.reason, waits.client, waits.state) == (
        "identity",
        "renamed",
        "codex",
        "open",
    )
    assert "-# Ada\n+# Eve\n" in waits.diff()
    assert (pages / "identity.md").read_bytes() == before
    (file,) = (tmp_path / "state/portfolio-inbox").glob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


async def test_an_accepted_one_changes_the_page(portfolio: Portfolio, pages: Path) -> None:
    page = pages / "identity.md"
    page.write_bytes(page.read_bytes().replace(b"\n", b"\r\n"))
    page.chmod(0o640)
    before = page.read_bytes()
    made = await propose(portfolio)
    assert (await portfolio.accept(made.id)).state == "accepted"
    assert page.read_bytes() == before.replace(b"# Ada", b"# Eve")
    assert stat.S_IMODE(page.stat().st_mode) == 0o640
    assert await portfolio.inbox() == []
    assert sorted(os.listdir(pages)) == [
        ".hidden.md",
        "current-projects.md",
        "identity.md",
        "notes.txt",
    ]


async def test_a_page_keeps_its_line_ends(portfolio: Portfolio, pages: Path) -> None:
    page = pages / "identity.md"
    page.write_bytes(b"# Ada\r\n\r\nwrites\r\n")
    edits = [Edit("Ada\n\nwrites", "Ada\n\nreads\nand writes")]
    await portfolio.accept(
        (await portfolio.propose("identity", edits=edits, reason="", client="c")).id
    )
    assert page.read_bytes() == b"# Ada\r\n\r\nreads\r\nand writes\r\n"
    await portfolio.accept(
        (await portfolio.propose("identity", "# Eve\n", reason="", client="c")).id
    )
    assert page.read_bytes() == b"# Eve\r\n"


async def test_a_rejected_one_is_kept_with_the_reason(
    portfolio: Portfolio, pages: Path, tmp_path: Path
) -> None:
    before = (pages / "identity.md").read_bytes()
    made = await propose(portfolio)
    assert (await portfolio.reject(made.id, "no")).answer == "no"
    assert (pages / "identity.md").read_bytes() == before
    assert '"no"' in (tmp_path / f"state/portfolio-inbox/closed/{made.id}.json").read_text()


@pytest.mark.parametrize("first", ["accept", "reject"])
@pytest.mark.parametrize("second", ["accept", "reject"])
async def test_one_is_decided_once(portfolio: Portfolio, first: str, second: str) -> None:
    made = await propose(portfolio)
    await getattr(portfolio, first)(made.id)
    with pytest.raises(AgentOsError, match="already") as caught:
        await getattr(portfolio, second)(made.id)
    assert caught.value.code == "proposal_closed"


async def test_of_many_who_decide_one_does(portfolio: Portfolio, pages: Path) -> None:
    made = await propose(portfolio)
    calls = [portfolio.accept(made.id) for _ in range(8)]
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(end, Proposal) for end in ends) == 1
    assert all(isinstance(end, Proposal | AgentOsError) for end in ends)
    assert "# Eve" in (pages / "identity.md").read_text()


async def test_a_page_that_changed_since_is_a_conflict(portfolio: Portfolio, pages: Path) -> None:
    made = await propose(portfolio)
    page = pages / "identity.md"
    page.write_text(page.read_text().replace("# Ada", "# Countess"))
    changed = page.read_bytes()
    with pytest.raises(SyncConflict) as caught:
        await portfolio.accept(made.id)
    assert caught.value.names == ("identity",)
    for line in ("-# Ada", "+# Countess", "+# Eve"):
        assert line in caught.value.message
    assert page.read_bytes() == changed
    assert await portfolio.inbox() == [made]
    page.unlink()
    with pytest.raises(SyncConflict, match="it is gone"):
        await portfolio.accept(made.id)
    assert not page.exists()


async def test_a_new_page_can_be_proposed(portfolio: Portfolio, pages: Path) -> None:
    made = await portfolio.propose("hobbies", "# Hobbies\n", reason="asked", client="claude")
    other = await portfolio.propose("hobbies", "# Others\n", reason="asked", client="codex")
    await portfolio.accept(made.id)
    assert (pages / "hobbies.md").read_text() == "# Hobbies\n"
    with pytest.raises(SyncConflict):
        await portfolio.accept(other.id)


async def test_what_was_done_by_hand_can_be_accepted(portfolio: Portfolio, pages: Path) -> None:
    made = await propose(portfolio)
    page = pages / "identity.md"
    page.write_text(made.new_text)
    assert (await portfolio.accept(made.id)).state == "accepted"


@pytest.mark.parametrize(
    ("name", "text", "edits", "code"),
    [
        ("identity", None, None, "proposal_empty"),
        ("identity", "x", [Edit("a", "b")], "proposal_empty"),
        ("identity", None, [Edit("not there", "b")], "snippet_not_found"),
        ("identity", None, [Edit("e", "b")], "snippet_ambiguous"),
        ("identity", None, [Edit("", "b")], "snippet_not_found"),
        ("identity", None, [Edit("--", "b")], "snippet_ambiguous"),
        ("identity", None, [Edit("# Ada", "# Ada")], "proposal_empty"),
        ("nothing", None, [Edit("a", "b")], "portfolio_file_unknown"),
        ("../agentos", "x", None, "portfolio_name_invalid"),
        (".git", "x", None, "portfolio_name_invalid"),
        ("out", "x", None, "portfolio_file_refused"),
        ("long", "x" * 200_001, None, "proposal_too_long"),
        ("half", "x \ud800", None, "proposal_not_text"),
    ],
)
async def test_what_cannot_be_proposed(
    portfolio: Portfolio,
    pages: Path,
    name: str,
    text: str | None,
    edits: list[Edit] | None,
    code: str,
) -> None:
    (pages / "out.md").symlink_to("/etc/passwd")
    with pytest.raises(AgentOsError) as caught:
        await portfolio.propose(name, text, edits=edits, reason="", client="codex")
    assert caught.value.code == code
    assert await portfolio.inbox() == []


async def test_a_link_that_comes_later_is_not_written_through(
    portfolio: Portfolio, home: Path, pages: Path
) -> None:
    made = await portfolio.propose("hobbies", "# Hobbies\n", reason="", client="c")
    (pages / "hobbies.md").symlink_to(home / "outside.md")
    with pytest.raises(AgentOsError) as caught:
        await portfolio.accept(made.id)
    assert caught.value.code == "portfolio_file_refused"
    assert not (home / "outside.md").exists()


async def test_of_a_link_the_page_that_it_is_of_changes(portfolio: Portfolio, pages: Path) -> None:
    (pages / "me.md").symlink_to("identity.md")
    made = await portfolio.propose("me", "# Eve\n", reason="", client="c")
    await portfolio.accept(made.id)
    assert (pages / "me.md").is_symlink()
    assert (pages / "identity.md").read_text() == "# Eve\n"


async def test_the_inbox_is_bounded(portfolio: Portfolio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposals, "MOST_OPEN", 5)
    for number in range(5):
        await portfolio.propose("identity", f"{number}", reason="r" * 9999, client="c")
    with pytest.raises(AgentOsError) as caught:
        await portfolio.propose("identity", "one more", reason="", client="c")
    assert caught.value.code == "inbox_full"
    assert max(len(each.reason) for each in await portfolio.inbox()) == 2000


@pytest.mark.parametrize("id", ["", "../x", "zzzzzzzz", "00000000", "closed", "*"])
async def test_an_id_that_is_none(portfolio: Portfolio, id: str) -> None:
    await propose(portfolio)
    with pytest.raises(AgentOsError) as caught:
        await portfolio.accept(id)
    assert caught.value.code == "proposal_unknown"


async def test_a_broken_file_in_the_inbox_is_told(portfolio: Portfolio, tmp_path: Path) -> None:
    await propose(portfolio)
    broken = tmp_path / "state/portfolio-inbox/00000000.json"
    broken.write_text("{")
    with pytest.raises(AgentOsError, match=str(broken)):
        await portfolio.inbox()
