"""`agentos top` over a played hub, as its user sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest
from tests.hub.conftest import serving as serving
from tests.hub.sessions.conftest import sessions as sessions
from textual.pilot import Pilot

from agentos.cli.top.app import TopApp
from agentos.cli.top.picture import Choice, Permission, Session
from agentos.cli.top.source import Connect
from agentos.testing.played_hub import PlayedHub

PATIENCE = 60.0
ANSWERS = (
    Choice("yes", "Yes, once", "allow_once"),
    Choice("always", "Always", "allow_always"),
    Choice("no", "No", "reject_once"),
)


def asking(number: int, command: str) -> Permission:
    """A permission that waits."""
    asked_at = "2026-11-21T12:00:00+00:00"
    return Permission(f"permission-{number}", "run it", command, ANSWERS, asked_at)


@dataclass
class Seen:
    """The program, and what is on its screen."""

    app: TopApp
    pilot: Pilot[int]

    @property
    def text(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    async def until(self, *words: str, gone: str = "") -> None:
        """Wait until all of these are seen, and something else is not."""
        await self.when(
            lambda: all(word in self.text for word in words) and not (gone and gone in self.text)
        )

    async def when(self, condition: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():
                    await self.pilot.pause(0.02)
        except TimeoutError:
            pytest.fail(f"not seen:\n{self.text}")

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)


Look = Callable[..., AbstractAsyncContextManager[Seen]]


@pytest.fixture
def look() -> Look:
    """Start the program in a screen of 80 by 24."""

    @asynccontextmanager
    async def start(connect: Connect, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Seen]:
        app = TopApp(connect)
        async with app.run_test(size=size, notifications=True) as pilot:
            yield Seen(app, pilot)

    return start


@pytest.fixture
def hub() -> PlayedHub:
    """A hub with three sessions, one of which waits for an answer."""
    played = PlayedHub()
    played.put(
        Session(
            "s-tests",
            "codex",
            title="Mend the tests",
            state="running",
            live=True,
            model="gpt-5.6",
            turns=3,
            last_line="Running them now",
            tokens=12345,
            cost="0.1234",
        )
    )
    played.put(
        Session(
            "s-docs",
            "claude",
            title="Write the guide",
            state="waiting",
            live=True,
            turns=1,
            permissions=(asking(1, "rm -rf build"),),
        )
    )
    played.put(Session("s-old", "codex", title="Long ago", state="ended", cost="1.5"))
    return played
