"""The ids that the system lends an ordinary user: `/etc/subuid`, `/etc/subgid`, `newuidmap`.

The kernel lets an ordinary user map one id. For more there are two set-user-ID programs, which
map what these two files grant (Debian's package `uidmap`).
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agentos.errors import IsolationUnavailable

#: Where the launcher looks for the programs; see `become_helper` in `native/id_map.c`.
HELPER_PATH = "/usr/bin:/bin:/usr/local/bin:/run/wrappers/bin"
_HELPERS = ("newuidmap", "newgidmap")
_FILES = (Path("/etc/subuid"), Path("/etc/subgid"))


@dataclass(frozen=True, slots=True)
class Range:
    """Ids of the host, `count` of them from `first` on."""

    first: int
    count: int

    def covers(self, first: int, count: int) -> bool:
        """Whether all of these ids are in it."""
        return self.first <= first and self.first + self.count >= first + count

    def __str__(self) -> str:
        return f"{self.first}-{self.first + self.count - 1}"


#: Where distributions begin to lend ids, for the hint.
_SUGGESTED = Range(100_000, 65_536)


def granted(count: int) -> tuple[Range, Range]:
    """Return the user ids and the group ids that are lent to the caller.

    Args:
        count: How many are needed of each, in one piece.

    Raises:
        IsolationUnavailable: There are not so many; the hint says what would help.
    """
    if missing := [name for name in _HELPERS if not shutil.which(name, path=HELPER_PATH)]:
        raise _no_range(f"{missing[0]} is not installed", "sudo apt-get install uidmap")
    if _privileges_are_frozen():
        reason = "this process may gain no privileges (no_new_privs), and newuidmap needs them"
        raise _no_range(reason, "run without NoNewPrivileges= or --security-opt=no-new-privileges")
    user = _account()
    users, groups = (_first_of(path, user, count) for path in _FILES)
    return users, groups


def still_granted(users: Range, groups: Range) -> bool:
    """Whether these user ids and group ids are lent to the caller."""
    try:
        user = pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return all(
        any(lent.covers(wanted.first, wanted.count) for lent in _lent(path, user))
        for path, wanted in zip(_FILES, (users, groups), strict=True)
    )


def _lent(path: Path, user: pwd.struct_passwd) -> Iterator[Range]:
    """Read what a file such as `/etc/subuid` lends a user, by name or by number."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        match line.split(":"):
            case [owner, first, count] if owner in (user.pw_name, str(user.pw_uid)):
                if first.strip().isdigit() and count.strip().isdigit():
                    yield Range(int(first), int(count))


def command_to_lend(users: Range = _SUGGESTED, groups: Range = _SUGGESTED) -> str:
    """Return the administrator's command that lends the caller these ids."""
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        name = "USER"
    return f"sudo usermod --add-subuids {users} --add-subgids {groups} {name}"


def _first_of(path: Path, user: pwd.struct_passwd, count: int) -> Range:
    found = list(_lent(path, user))
    for candidate in found:
        if candidate.count >= count:
            return candidate
    has = f"only {', '.join(map(str, found))}" if found else "no ids"
    reason = f"{path} grants {user.pw_name} {has}; a machine with a root needs {count} in one piece"
    raise _no_range(reason, command_to_lend())


def _account() -> pwd.struct_passwd:
    """The caller's own, as the two programs see to it."""
    try:
        user = pwd.getpwuid(os.geteuid())
    except KeyError:
        reason = f"user id {os.geteuid()} has no name in /etc/passwd"
        raise _no_range(reason, "make an account for it: sudo useradd") from None
    if os.getegid() != user.pw_gid:
        reason = f"the group of this process is {os.getegid()}, and newgidmap wants {user.pw_gid}"
        raise _no_range(reason, f"run it as {user.pw_name} with the group {_group(user.pw_gid)}")
    return user


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _privileges_are_frozen() -> bool:
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        return any(line.split() == ["NoNewPrivs:", "1"] for line in status)


def _no_range(reason: str, hint: str) -> IsolationUnavailable:
    return IsolationUnavailable(
        f"there is no range of ids for a machine with a root: {reason}",
        code="no_id_range",
        hint=hint,
    )
