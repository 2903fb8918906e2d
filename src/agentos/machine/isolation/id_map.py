"""Which of the host's ids a machine's users are.

A machine that runs nothing as root needs one id: its user is the caller. Root maps a range that
belongs to nobody, so that no process of a machine is root on the host. An ordinary user who wants
a root inside maps the range that the system lends (`subordinate.py`), around the caller's own id.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass

from agentos.errors import IsolationUnavailable, MachineError
from agentos.machine.isolation.subordinate import (
    Range,
    command_to_lend,
    granted,
    still_granted,
)

MACHINE_USER = 1000
_RANGE = 65536
#: Above what distributions and container tools hand out, below 2**31; room for 4096 ranges.
_FIRST = 0x70000000


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of a map: ids inside, what they are outside, and how many."""

    inside: int
    outside: int
    count: int

    def __str__(self) -> str:
        return f"{self.inside} {self.outside} {self.count}"

    def covers(self, first: int, count: int) -> bool:
        return self.inside <= first and self.inside + self.count >= first + count


@dataclass(frozen=True, slots=True)
class IdMap:
    """Lines for `uid_map` and `gid_map`."""

    uid: str
    gid: str

    @property
    def user(self) -> tuple[int, int]:
        """The ids of the machine's user and its group, as the host sees them."""
        return _outside(self.uid, MACHINE_USER), _outside(self.gid, MACHINE_USER)

    @property
    def root(self) -> tuple[int, int]:
        """The ids of the machine's root, or of its user where it has none."""
        first = 0 if self.has_root else MACHINE_USER
        return _outside(self.uid, first), _outside(self.gid, first)

    @property
    def has_root(self) -> bool:
        """Whether the machine has a user 0."""
        return _rows(self.uid)[0].inside == 0

    @property
    def count(self) -> int:
        """How many ids the machine has; if more than one, they start at 0."""
        return sum(row.count for row in _rows(self.uid))

    @property
    def is_lent(self) -> bool:
        """Whether it is an ordinary user's own id among ids that the system lends."""
        return len(_rows(self.uid)) > 1

    @property
    def of_user(self) -> IdMap:
        """The machine's user alone."""
        return _single(*self.user)


def choose_id_map(*, root: bool = False) -> IdMap:
    """Choose the ids of a new machine.

    Args:
        root: Whether it needs a user 0, and with it all ids below 65536.

    Raises:
        IsolationUnavailable: The caller has no other id to give, or no range of them.
    """
    if os.geteuid() != 0:
        return _around_own_id() if root else _single(os.geteuid(), os.getegid())
    owned = _owned("uid_map")
    if any(row.covers(_FIRST, 4096 * _RANGE) for row in owned):
        first = _FIRST + secrets.randbelow(4096) * _RANGE
        line = f"0 {first} {_RANGE}"
        return IdMap(line, line)
    if root:
        raise IsolationUnavailable(
            "there is no range of ids for a machine with a root: root has too few of its own here",
            code="no_id_range",
            hint=f"run it in a user namespace that has the ids from {_FIRST} on",
        )
    last = max(owned, key=lambda row: row.inside)
    spare = last.inside + last.count - 1
    if spare == 0 and last.outside == 0:
        raise IsolationUnavailable(
            "root has no other user id here, and root is not given to a machine",
            code="only_root",
            hint="run as an ordinary user, or in a user namespace with more ids",
        )
    return _single(spare, spare)


def with_root(ids: IdMap | None) -> IdMap:
    """Return the ids of a machine that needs a root.

    Args:
        ids: Those that own its image's files, or None if nothing of it has an owner.

    Raises:
        IsolationUnavailable: There is no range of ids, or it would leave the files out.
    """
    if ids is not None and ids.has_root:
        return ids
    wider = choose_id_map(root=True)
    if ids is not None and wider.user != ids.user:
        raise _not_yours(ids)
    return wider


def require_usable(ids: IdMap) -> None:
    """See to it that files that were written with these ids can be used by the caller.

    Raises:
        IsolationUnavailable: They are another user's, or were lent and are not any more.
    """
    if os.geteuid() == 0:
        return
    if ids.user != (os.geteuid(), os.getegid()):
        raise _not_yours(ids)
    if not ids.is_lent:
        return
    lent = [_lent_by(text) for text in (ids.uid, ids.gid)]
    if not still_granted(*lent):
        raise IsolationUnavailable(
            f"its files belong to user ids {lent[0]} and group ids {lent[1]}, which were lent to "
            "you when it was made, and are not now",
            code="id_range_changed",
            hint=f"{command_to_lend(*lent)}; or remove it and make it again",
        )


def _around_own_id() -> IdMap:
    """The machine's user is the caller, and all others are lent."""
    lent = granted(_RANGE - 1)
    for name, ids in zip(("uid_map", "gid_map"), lent, strict=True):
        if not any(row.covers(ids.first, ids.count) for row in _owned(name)):
            raise IsolationUnavailable(
                f"there is no range of ids for a machine with a root: {ids} are lent to you, "
                "and are not in this user namespace",
                code="no_id_range",
                hint="give the container that this runs in more ids",
            )
    users, groups = lent
    return IdMap(_surrounded(os.geteuid(), users), _surrounded(os.getegid(), groups))


def _surrounded(own: int, lent: Range) -> str:
    after = MACHINE_USER + 1
    rows = (
        _Row(0, lent.first, MACHINE_USER),
        _Row(MACHINE_USER, own, 1),
        _Row(after, lent.first + MACHINE_USER, _RANGE - after),
    )
    return "\n".join(map(str, rows))


def _lent_by(text: str) -> Range:
    rows = _rows(text)
    return Range(rows[0].outside, sum(row.count for row in rows) - 1)


def _not_yours(ids: IdMap) -> MachineError:
    uid, gid = ids.user
    return IsolationUnavailable(
        f"its files belong to user {uid} and group {gid}, and you are {os.geteuid()} and "
        f"{os.getegid()}",
        code="not_yours",
        hint="use it as who made it, or take it along: agentos snapshot export, then import",
    )


def _outside(text: str, inside: int) -> int:
    row = next(row for row in _rows(text) if row.covers(inside, 1))
    return row.outside + inside - row.inside


def _single(uid: int, gid: int) -> IdMap:
    return IdMap(f"{MACHINE_USER} {uid} 1", f"{MACHINE_USER} {gid} 1")


def _rows(text: str) -> list[_Row]:
    return [_Row(*map(int, line.split())) for line in text.splitlines()]


def _owned(name: str) -> list[_Row]:
    """The ids of this process's own user namespace."""
    with open(f"/proc/self/{name}", encoding="ascii") as file:
        return _rows(file.read())
