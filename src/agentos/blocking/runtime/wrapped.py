"""The base of the generated classes: an object of the event loop, in the hands of a thread."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, Self, TypeVar

from agentos.blocking.runtime.portal import Portal

T = TypeVar("T")
R = TypeVar("R")


class Blocking(Generic[T]):
    """Stands for an asynchronous object; equal to whatever stands for the same one."""

    _async: T
    _portal: Portal

    @classmethod
    def _of(cls, asynchronous: T, portal: Portal) -> Self:
        self = cls.__new__(cls)
        self._async, self._portal = asynchronous, portal
        return self

    def _run(self, coroutine: Coroutine[Any, Any, R]) -> R:
        return self._portal.run(coroutine)

    def _call(self, function: Callable[[], R]) -> R:
        return self._portal.call(function)

    def _enter(self, manager: AbstractAsyncContextManager[Any]) -> None:
        """Enter the asynchronous object; when Ctrl-C comes just after that, leave it again."""
        entered = False

        async def enter() -> None:
            nonlocal entered
            await manager.__aenter__()
            entered = True

        try:
            self._run(enter())
        except BaseException:
            if entered:
                self._run(manager.__aexit__(None, None, None))
            raise

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Blocking) and self._async is other._async

    def __hash__(self) -> int:
        return hash(id(self._async))

    def __repr__(self) -> str:
        return f"<blocking {self._async!r}>"


def unwrapped(value: Any) -> Any:
    """Return the asynchronous object that something stands for; else the thing itself."""
    return value._async if isinstance(value, Blocking) else value
