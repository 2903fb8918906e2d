"""Three-way merge of one thing: a key, a section or a whole file.

Base is what was last applied, ours what is desired now, theirs what stands in the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from agentos.sync.values import ABSENT, same

Side = Literal["ours", "theirs"]


class Moved(StrEnum):
    """Who changed something since it was last applied."""

    SOURCE = "source"
    FILE = "file"
    BOTH = "both"


@dataclass(frozen=True)
class Known:
    """What sync remembers of a thing.

    Attributes:
        value: What was last applied or, if it is yielded, what we wanted then.
        yielded: Whether it is the user's now: they removed it, or chose their own value.
    """

    value: Any
    yielded: bool = False


@dataclass(frozen=True)
class Merged:
    """What is to be done with a thing.

    Attributes:
        known: What is to be remembered of it; None forgets it.
        write: Whether ours replaces theirs.
        moved: Who changed it; None if they agree.
        conflict: Whether the user has to choose; then nothing is to be done.
    """

    known: Known | None
    write: bool = False
    moved: Moved | None = None
    conflict: bool = False


def merge(
    base: Known | None, ours: Any, theirs: Any, *, choice: Side | None = None, restore: bool = False
) -> Merged:
    """Decide about one thing.

    Args:
        base: What is remembered of it.
        ours: What is desired, or `ABSENT`.
        theirs: What is in the file, or `ABSENT`.
        choice: Whose side a conflict takes.
        restore: Whether what the user removed is put back.
    """
    if same(ours, theirs):
        return Merged(None if ours is ABSENT else Known(ours))
    wanted_again = restore and ours is not ABSENT and base is not None and base.yielded
    if wanted_again or (theirs is ABSENT and (restore or base is None)):
        return Merged(Known(ours), write=True, moved=Moved.SOURCE)
    if ours is ABSENT and (base is None or base.yielded):
        return Merged(None)
    if base is not None and base.yielded and (theirs is ABSENT or same(ours, base.value)):
        return Merged(base)
    if base is not None and not base.yielded:
        if same(theirs, base.value):
            known = None if ours is ABSENT else Known(ours)
            return Merged(known, write=True, moved=Moved.SOURCE)
        if theirs is ABSENT:
            return Merged(Known(ours, yielded=True), moved=Moved.FILE)
    return _conflict(base, ours, choice)


def _conflict(base: Known | None, ours: Any, choice: Side | None) -> Merged:
    only_file = base is not None and not base.yielded and same(ours, base.value)
    moved = Moved.FILE if only_file else Moved.BOTH
    if choice == "ours":
        return Merged(None if ours is ABSENT else Known(ours), write=True, moved=moved)
    if choice == "theirs":
        return Merged(None if ours is ABSENT else Known(ours, yielded=True), moved=moved)
    return Merged(base, moved=moved, conflict=True)
