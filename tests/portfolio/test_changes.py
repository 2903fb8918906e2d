"""Whoever watches is told which pages came, changed and went."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from tests.conftest import Footprint

from agentos.home.projects import Project
from agentos.portfolio import PageChange, Portfolio


class Watching:
    """What a watch has told so far."""

    def __init__(self) -> None:
        self.changes: list[PageChange] = []
        self._more = asyncio.Condition()

    async def follow(self, portfolio: Portfolio) -> None:
        async with aclosing(portfolio.changes()) as told:
            async for changes in told:
                async with self._more:
                    self.changes += changes
                    self._more.notify_all()

    async def until(self, kind: str, name: str) -> None:
        def is_told() -> bool:
            return any((each.kind, each.name) == (kind, name) for each in self.changes)

        async with self._more:
            await asyncio.wait_for(self._more.wait_for(is_told), 30)


@asynccontextmanager
async def watching(portfolio: Portfolio) -> AsyncIterator[Watching]:
    watch = Watching()
    task = asyncio.create_task(watch.follow(portfolio))
    await asyncio.sleep(0)  # it has looked once
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_happens_to_pages_is_told(portfolio: Portfolio, pages: Path) -> None:
    async with watching(portfolio) as watch:
        (pages / "new.md").write_text("# New\n")
        await watch.until("added", "new")
        (pages / "new.md").write_text("# Newer\n")
        await watch.until("changed", "new")
        (pages / ".identity.md.tmp").write_text("# Eve\n")
        os.replace(pages / ".identity.md.tmp", pages / "identity.md")
        await watch.until("changed", "identity")
        (pages / "new.md").unlink()
        await watch.until("removed", "new")
    assert {each.name for each in watch.changes} == {"new", "identity"}
    assert watch.changes[0] == PageChange("added", "new", "portfolio://new")


async def test_a_watch_that_ends_leaves_nothing(portfolio: Portfolio, pages: Path) -> None:
    before = Footprint.now()
    async with watching(portfolio) as watch:
        (pages / "new.md").touch()
        await watch.until("added", "new")
    async with asyncio.timeout(30):  # the watcher's own thread ends a moment later
        while Footprint.now().grown_since(before):
            await asyncio.sleep(0.01)


async def test_an_accepted_proposal_is_told(portfolio: Portfolio) -> None:
    made = await portfolio.propose("identity", "# Eve\n", reason="", client="c")
    async with watching(portfolio) as watch:
        await portfolio.accept(made.id)
        await watch.until("changed", "identity")


async def test_a_portfolio_that_goes_and_comes_back(
    portfolio: Portfolio, home: Path, pages: Path
) -> None:
    async with watching(portfolio) as watch:
        shutil.move(pages, home / "away")
        await watch.until("removed", "identity")
        shutil.copytree(home / "away", pages)
        await watch.until("added", "identity")
        (pages / "identity.md").write_text("# Eve\n")
        await watch.until("changed", "identity")


async def test_a_project_is_told_of_its_pages_only(home: Path, pages: Path) -> None:
    project = Project("site", home, portfolio=("identity",))
    async with watching(Portfolio(home, project)) as watch:
        (pages / "current-projects.md").write_text("# Else\n")
        (pages / "identity.md").write_text("# Eve\n")
        await watch.until("changed", "identity")
    assert {each.name for each in watch.changes} == {"identity"}


async def test_a_home_that_goes_ends_the_watch(portfolio: Portfolio, home: Path) -> None:
    watch = Watching()
    task = asyncio.create_task(watch.follow(portfolio))
    await asyncio.sleep(0)
    shutil.rmtree(home)
    with pytest.raises(FileNotFoundError):
        await asyncio.wait_for(task, 30)
