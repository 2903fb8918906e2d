"""Keeps a picture current, whatever becomes of its source."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace

from agentos.cli.top.picture import Picture, Reach, Session
from agentos.cli.top.source import Connect, Source, SourceLost
from agentos.errors import AgentOsError
from agentos.hub.waiting import set_within

#: How many lines of the log are kept.
MOST_LINES = 500
#: Seconds between two looks at the sessions, if nothing tells of them and if much does.
_LOOK, _PAUSE = 10.0, 0.25
#: Seconds between two looks at the costs.
_COUNT = 10.0
#: Seconds until another attempt; each failed one doubles them.
_FIRST, _LONGEST = 0.1, 3.0


class Watch:
    """Follows a source and shows each change; finds another one when it is lost.

    Args:
        connect: Finds a source.
        show: Takes each picture.

    Attributes:
        picture: The latest.
    """

    def __init__(self, connect: Connect, show: Callable[[Picture], None]) -> None:
        self.picture = Picture()
        self._connect = connect
        self._show = show
        self._source: Source | None = None
        self._changed = asyncio.Event()
        self._stirred = asyncio.Event()

    async def run(self) -> None:
        """Follow until cancelled."""
        pause = _FIRST
        while True:
            try:
                async with self._connect() as source:
                    await self._take(source)
                    pause = _FIRST
                    await self._follow(source)
            except* AgentOsError as errors:
                self._change(reach=Reach.LOST, problem=_first_words(errors))
            finally:
                self._use(None)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST)

    async def source(self) -> Source:
        """Return the source, once there is one."""
        while self._source is None:
            await self._changed.wait()
        return self._source

    def require_source(self) -> Source:
        """Return the source.

        Raises:
            SourceLost: There is none just now.
        """
        if self._source is None:
            raise SourceLost("the hub does not answer just now", hint="try again once it is back")
        return self._source

    def stir(self) -> None:
        """Look at the sessions soon: they will have changed."""
        self._stirred.set()

    async def _take(self, source: Source) -> None:
        """Read everything but the costs, and have a source be the one."""
        log, sessions = await source.log(MOST_LINES), await source.sessions()
        self._change(reach=source.reach, place=source.place, problem="", sessions=sessions, log=log)
        self._use(source)

    def _use(self, source: Source | None) -> None:
        self._source = source
        self._changed.set()
        self._changed = asyncio.Event()

    async def _follow(self, source: Source) -> None:
        """Follow until the source is lost, or another one is to be had."""
        async with asyncio.TaskGroup() as tasks:
            looking = [
                tasks.create_task(self._look(source)),
                tasks.create_task(self._count(source)),
            ]
            try:
                await self._read_on(source)
            finally:
                for task in looking:
                    task.cancel()

    async def _read_on(self, source: Source) -> None:
        after = self.picture.log[-1].id if self.picture.log else 0
        async with aclosing(source.news(after)) as news:
            async for said in news:
                if isinstance(said, Session):
                    self._change(sessions=_with(self.picture.sessions, said))
                elif said is None:
                    self.stir()
                else:
                    self._change(log=(*self.picture.log, said)[-MOST_LINES:])

    async def _look(self, source: Source) -> None:
        while True:
            await set_within(self._stirred, _LOOK)
            self._stirred.clear()
            self._change(sessions=await source.sessions())
            await asyncio.sleep(_PAUSE)

    async def _count(self, source: Source) -> None:
        while True:
            try:
                self._change(costs=await source.costs(), budgets=await source.budgets(), problem="")
            except SourceLost:
                raise
            except AgentOsError as error:  # settings that cannot be read; the rest goes on
                self._change(problem=str(error))
            await asyncio.sleep(_COUNT)

    def _change(self, **parts: object) -> None:
        changed = replace(self.picture, **parts)  # type: ignore[arg-type]
        if changed != self.picture:
            self.picture = changed
            self._show(changed)


async def read_once(connect: Connect, lines: int) -> Picture:
    """Return a picture of this moment.

    Args:
        connect: Finds a source.
        lines: How many of the log.

    Raises:
        AgentOsError: There is none, or it refuses.
    """
    async with connect() as source:
        return Picture(
            reach=source.reach,
            place=source.place,
            sessions=await source.sessions(),
            costs=await source.costs(),
            budgets=await source.budgets(),
            log=await source.log(lines),
        )


def _with(sessions: tuple[Session, ...], changed: Session) -> tuple[Session, ...]:
    """Put a session in its place, or in front if it is new."""
    if all(each.id != changed.id for each in sessions):
        return (changed, *sessions)
    return tuple(changed if each.id == changed.id else each for each in sessions)


def _first_words(errors: BaseExceptionGroup[AgentOsError]) -> str:
    first: BaseException = errors
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return str(first)
