"""What is wrong with a page is said with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos.portfolio import Portfolio

HEAD = "---\nupdated: 2026-01-31\nstability: stable\nscope: x\n---\n# T\n\n## A part, too\n"


async def findings(portfolio: Portfolio, pages: Path, text: str) -> list[tuple[int, str, str]]:
    (pages / "page.md").write_text(text)
    found = await portfolio.check()
    return [(each.line, each.level, each.message) for each in found if each.name == "page"]


async def test_what_is_in_order_is_not_told(portfolio: Portfolio, home: Path, pages: Path) -> None:
    (home / "agentos.toml").touch()
    links = (
        "[a](identity.md) [b](./current-projects.md#the-engine) [c](#a-part-too) "
        "[d](https://example.test/x.md) [e](mailto:a@b) [f](portfolio://identity) "
        '[g](../agentos.toml "title") `[h](nothing.md)` [i](<identity.md>) ![j](notes.txt)\n'
        "```\n[k](nothing.md)\n```\n"
    )
    assert await findings(portfolio, pages, HEAD + links) == []


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ("nothing.md", "a file that is not there"),
        ("identity.md#nothing", "a heading that is not there"),
        ("#nothing", "a heading that is not there"),
        ("portfolio://nothing", "a file that is not there"),
        ("../../outside.md", "out of the AgentOS home"),
        ("/etc/passwd", "out of the AgentOS home"),
    ],
)
async def test_a_link_that_leads_nowhere(
    portfolio: Portfolio, pages: Path, link: str, message: str
) -> None:
    ((line, level, said),) = await findings(portfolio, pages, f"{HEAD}\nsee [x]({link})\n")
    assert (line, level) == (10, "error")
    assert link in said
    assert message in said


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("updated: 2026-01-31", "updated: soon", 2, "updated is no date"),
        ("updated: 2026-01-31\n", "", 1, "updated is no date"),
        ("2026-01-31", "2999-01-01", 2, "in the future"),
        ("stability: stable", "stability: rock", 3, "none of stable, evolving, draft"),
        ("scope: x\n", "", 1, "scope is missing"),
        ("scope: x", "scope: [", 5, "not valid YAML"),
        ("---\nupdated", "updated", 1, "no front matter"),
    ],
)
async def test_a_head_that_says_too_little(
    portfolio: Portfolio, pages: Path, old: str, new: str, line: int, message: str
) -> None:
    found = await findings(portfolio, pages, HEAD.replace(old, new, 1))
    assert [(each[0], each[1]) for each in found] == [(line, "error")]
    assert message in found[0][2]


async def test_what_may_be_wrong_is_a_warning(portfolio: Portfolio, pages: Path) -> None:
    old = HEAD.replace("stable", "evolving").replace("2026", "2020")
    ((line, level, message),) = await findings(portfolio, pages, old)
    assert (line, level) == (2, "warning")
    assert "read it again" in message
    ((_, level, message),) = await findings(portfolio, pages, HEAD + "word " * 2000)
    assert (level, "more than a page" in message) == ("warning", True)


async def test_a_page_that_is_refused_is_told(portfolio: Portfolio, pages: Path) -> None:
    (pages / "page.md").symlink_to("/etc/passwd")
    ((_, level, message),) = [
        (each.line, each.level, each.message)
        for each in await portfolio.check()
        if each.name == "page"
    ]
    assert (level, "out of the portfolio" in message) == ("error", True)
