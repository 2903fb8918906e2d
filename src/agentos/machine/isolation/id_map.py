"""Which of the host's ids a machine's users are.

An unprivileged caller may map one id: the machine's user is the caller. Root maps a range
that belongs to nobody, so that no process of a machine is root on the host.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass

MACHINE_USER = 1000
_RANGE = 65536
#: Above what distributions and container tools hand out, below 2**31; room for 4096 ranges.
_FIRST = 0x70000000


@dataclass(frozen=True, slots=True)
class IdMap:
    """Lines for `uid_map` and `gid_map`."""

    uid: str
    gid: str


def choose_id_map() -> IdMap:
    """Choose the ids of a new machine."""
    if os.geteuid() != 0:
        return _single(os.geteuid(), os.getegid())
    owned = _owned_ids()
    if _first_of_range(owned) is not None:
        first = _FIRST + secrets.randbelow(4096) * _RANGE
        line = f"0 {first} {_RANGE}"
        return IdMap(line, line)
    spare = max(start + count - 1 for start, count in owned)
    return _single(spare, spare)


def _single(uid: int, gid: int) -> IdMap:
    return IdMap(f"{MACHINE_USER} {uid} 1", f"{MACHINE_USER} {gid} 1")


def _first_of_range(owned: list[tuple[int, int]]) -> int | None:
    last = _FIRST + 4096 * _RANGE
    return next(
        (start for start, count in owned if start <= _FIRST and start + count >= last), None
    )


def _owned_ids() -> list[tuple[int, int]]:
    """Ranges of ids in this process's own user namespace, for users and groups alike."""
    with open("/proc/self/uid_map", encoding="ascii") as lines:
        rows = [line.split() for line in lines]
    return [(int(start), int(count)) for start, _, count in rows]
