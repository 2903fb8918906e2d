"""Which cassette new sessions belong to."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentos.models.cassettes.cassette import Cassette

# The block that the code runs in. A test's own code may not run in the context of its fixtures,
# so without a block around it the one entered last counts.
_around: ContextVar[Cassette | None] = ContextVar("cassette", default=None)
_open: list[Cassette] = []


def enter(cassette: Cassette) -> None:
    """Let sessions that begin from now on belong to a cassette."""
    _open.append(cassette)
    _around.set(cassette)


def leave(cassette: Cassette) -> None:
    """Take back one `enter`; other cassettes may have been entered meanwhile."""
    _open.remove(cassette)
    if _around.get() is cassette:
        _around.set(_open[-1] if _open else None)


def active_cassette() -> Cassette | None:
    """Return the cassette that a session which begins here belongs to."""
    around = _around.get()
    if around in _open:
        return around
    return _open[-1] if _open else None
