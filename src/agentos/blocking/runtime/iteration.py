"""An asynchronous iterator, step by step from any thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar, cast

from agentos.blocking.runtime.portal import Portal

T = TypeVar("T")
_END: Final[Any] = object()


class Iteration(Iterator[T], Generic[T]):
    """What comes one after the other; each step waits for the next.

    `close`, also from another thread, ends it: whoever waits sees the end of the iteration. It
    is a context manager, too.
    """

    def __init__(self, portal: Portal, source: AsyncIterator[T]) -> None:
        self._portal = portal
        self._source = source
        self._turn = threading.Lock()
        self._closed = False
        self._waiting: asyncio.Task[Any] | None = None

    def __next__(self) -> T:
        with self._turn:
            found = _END if self._closed else self._portal.run(self._step())
        if found is _END:
            raise StopIteration
        return cast("T", found)

    async def _step(self) -> Any:
        if self._closed:
            return _END
        self._waiting = asyncio.current_task()
        try:
            return await anext(self._source, _END)
        except asyncio.CancelledError:
            if self._closed:
                return _END
            raise
        finally:
            self._waiting = None

    def close(self) -> None:
        """End it. Safe to repeat."""
        if not self._closed:
            self._portal.finish(self._close())

    async def _close(self) -> None:
        self._closed = True
        if self._waiting is not None:
            waiting = self._waiting
            waiting.cancel()
            await asyncio.wait({waiting})
        if isinstance(self._source, AsyncGenerator):
            await self._source.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
