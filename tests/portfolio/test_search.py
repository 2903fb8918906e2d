"""Words and phrases are found, and shown with what is around them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos.errors import AgentOsError
from agentos.portfolio import Portfolio


async def test_a_word_is_found_by_its_beginning_in_any_case(portfolio: Portfolio) -> None:
    (hit,) = await portfolio.search("bernou")
    assert (hit.name, hit.uri) == ("current-projects", "portfolio://current-projects")
    assert (hit.heading, hit.line) == ("The engine", 11)
    assert hit.text == "\nComputes Bernoulli numbers."
    assert hit.found == ("bernou",)
    assert await portfolio.search("ernoulli") == []


async def test_the_line_is_that_of_the_file(portfolio: Portfolio, pages: Path) -> None:
    for hit in await portfolio.search("engine numbers ada"):
        lines = (pages / f"{hit.name}.md").read_text().splitlines()
        assert any(word in lines[hit.line - 1].lower() for word in ("engine", "numbers", "ada"))


async def test_a_phrase_is_found_across_a_line(portfolio: Portfolio) -> None:
    (hit,) = await portfolio.search('"analytical engine"', context=0)
    assert hit.name == "identity"
    assert hit.text.splitlines()[0].endswith("analytical")
    assert hit.text.splitlines()[1].startswith("engine.")
    assert await portfolio.search('"engine analytical"') == []
    assert await portfolio.search('"analytical eng"') == []


async def test_a_phrase_has_to_occur_and_words_rank(portfolio: Portfolio) -> None:
    assert [hit.name for hit in await portfolio.search('"Bernoulli numbers" ada')] == [
        "current-projects"
    ]
    first = (await portfolio.search("computes bernoulli engine"))[0]
    assert first.name == "current-projects"


async def test_front_matter_is_not_searched(portfolio: Portfolio) -> None:
    assert await portfolio.search("evolving") == []


async def test_no_more_than_wanted_and_lines_together(portfolio: Portfolio, pages: Path) -> None:
    (pages / "long.md").write_text("# Long\n" + "needle\n\n\n\n\n" * 50)
    assert len(await portfolio.search("needle", limit=7)) == 7
    (pages / "long.md").write_text("# Long\n" + "needle\n\n" * 50)
    (hit,) = await portfolio.search("needle")
    assert hit.text.count("needle") == 50


@pytest.mark.parametrize("query", ["", "  ", '""', "...", '"--"'])
async def test_a_query_without_a_word(portfolio: Portfolio, query: str) -> None:
    with pytest.raises(AgentOsError, match="no word") as caught:
        await portfolio.search(query)
    assert caught.value.code == "query_empty"


@pytest.mark.parametrize("query", ["(a+)+$", "[x", "c++ .*", '"unclosed', "a" * 5000, "é \u202e"])
async def test_a_query_is_text_whatever_it_looks_like(
    portfolio: Portfolio, pages: Path, query: str
) -> None:
    (pages / "code.md").write_text(f"# Code\n\nwe like {query} a lot\n")
    hits = await portfolio.search(query)
    assert "code" in [hit.name for hit in hits]
