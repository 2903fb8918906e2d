"""Which of the host's ids a machine's users are.

An unprivileged caller may map one id: the machine's user is the caller. Root maps a range
that belongs to nobody, so that no process of a machine is root on the host.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass

from agentos.errors import IsolationUnavailable

MACHINE_USER = 1000
_RANGE = 65536
#: Above what distributions and container tools hand out, below 2**31; room for 4096 ranges.
_FIRST = 0x70000000


@dataclass(frozen=True, slots=True)
class IdMap:
    """Lines for `uid_map` and `gid_map`."""

    uid: str
    gid: str

    @property
    def user(self) -> tuple[int, int]:
        """The ids of the machine's user and its group, as the host sees them."""
        return _outside(self.uid), _outside(self.gid)

    @property
    def has_root(self) -> bool:
        """Whether the machine has a user 0."""
        return self.uid.split()[0] == "0"


def choose_id_map() -> IdMap:
    """Choose the ids of a new machine.

    Raises:
        IsolationUnavailable: The caller is root and has no other id to give.
    """
    if os.geteuid() != 0:
        return _single(os.geteuid(), os.getegid())
    owned = _owned_ids()
    if any(ids.covers(_FIRST, 4096 * _RANGE) for ids in owned):
        first = _FIRST + secrets.randbelow(4096) * _RANGE
        line = f"0 {first} {_RANGE}"
        return IdMap(line, line)
    last = max(owned, key=lambda ids: ids.start)
    spare = last.start + last.count - 1
    if spare == 0 and last.outside == 0:
        raise IsolationUnavailable(
            "root has no other user id here, and root is not given to a machine",
            code="only_root",
            hint="run as an ordinary user, or in a user namespace with more ids",
        )
    return _single(spare, spare)


def _outside(line: str) -> int:
    inside, outside, _ = (int(number) for number in line.split())
    return outside + MACHINE_USER - inside


def _single(uid: int, gid: int) -> IdMap:
    return IdMap(f"{MACHINE_USER} {uid} 1", f"{MACHINE_USER} {gid} 1")


@dataclass(frozen=True, slots=True)
class _Ids:
    """A row of `/proc/self/uid_map`: ids here, what they are one level up, and how many."""

    start: int
    outside: int
    count: int

    def covers(self, start: int, count: int) -> bool:
        return self.start <= start and self.start + self.count >= start + count


def _owned_ids() -> list[_Ids]:
    """The ids of this process's own user namespace, for users and groups alike."""
    with open("/proc/self/uid_map", "rb", buffering=0) as file:
        return [_Ids(*map(int, line.split())) for line in file.readall().splitlines()]
