"""Swap, again and again, what is inside a root with links that lead out of it.

It is run as a program: `swapper.py ROOT OUTSIDE`, until its standard input ends.
"""

from __future__ import annotations

import ctypes
import os
import select
import sys

_AT_FDCWD = -100
_EXCHANGE = 2


def exchange(one: bytes, other: bytes) -> None:
    """Swap two names in one step."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_AT_FDCWD, one, _AT_FDCWD, other, _EXCHANGE) and ctypes.get_errno() != 2:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def main(root: str, outside: str) -> None:
    """Swap until there is no more input."""
    os.chdir(root)
    os.symlink(outside, "link-directory")
    os.symlink(f"{outside}/file", "link-file")
    os.symlink("../..", "a/link-up")
    os.link(f"{outside}/file", "hard-file")
    os.write(1, b"swapping\n")
    while not select.select([sys.stdin], [], [], 0)[0]:
        for _ in range(50):
            exchange(b"directory", b"link-directory")
            exchange(b"file", b"link-file")
            exchange(b"a/b", b"a/link-up")
            exchange(b"other", b"hard-file")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
