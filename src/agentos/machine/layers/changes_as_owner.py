"""Read changes as the owner of the files.

Where they belong to ids that are lent to the caller, the caller may not look into all of them. A
Python process of its own may, in a user namespace of these ids. It gets the directories by
descriptor, and writes what it finds as JSON.
"""

from __future__ import annotations

import array
import base64
import json
import socket
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import agentos
from agentos.errors import MachineError
from agentos.machine.isolation.id_map import IdMap
from agentos.machine.layers.changes import read_changes
from agentos.machine.layers.owner import run_as_owner_blocking
from agentos.machine.patch import Change, Entry

_AT_ONCE = 200  # descriptors; the kernel passes 253 in a packet
_LONGEST_PACKET = 64 * 1024
_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from agentos.machine.layers.changes_as_owner import answer
answer()
"""


def read_changes_as_owner(
    ids: IdMap, uppers: Sequence[int], base: Sequence[int], places: Collection[str] = ()
) -> list[Change]:
    """Do the same as `read_changes`, for files of these ids.

    Raises:
        MachineError: The process could not start, or it failed.
    """
    assert agentos.__file__
    package = str(Path(agentos.__file__).parents[1])
    # -B: what the owner compiled would be the owner's, in the caller's directories.
    argv = [sys.executable, "-I", "-B", "-c", _PROGRAM, package]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs, tempfile.TemporaryFile() as found:
        with ours:
            for packet, fds in _packets(uppers, base, places):
                socket.send_fds(ours, [packet], fds)
        run_as_owner_blocking(ids, Path("/"), argv, stdin=theirs.fileno(), stdout=found.fileno())
        found.seek(0)
        return [_change(*words) for words in json.load(found)]


def answer() -> None:
    """Be that process: read the order from stdin, and write to stdout."""
    with socket.socket(fileno=0) as order:
        words = json.loads(order.recv(_LONGEST_PACKET))
        fds = array.array("i")
        while packet := socket.recv_fds(order, _LONGEST_PACKET, _AT_ONCE):
            if not packet[0]:
                break
            fds.extend(packet[1])
    count = words["uppers"]
    changes = read_changes(fds[:count], fds[count:], words["places"])
    json.dump([_words(change) for change in changes], sys.stdout)


def _packets(
    uppers: Sequence[int], base: Sequence[int], places: Collection[str]
) -> Iterator[tuple[bytes, Sequence[int]]]:
    order = json.dumps({"uppers": len(uppers), "places": sorted(places)}).encode()
    if len(order) > _LONGEST_PACKET:
        raise MachineError("the machine has too many mounts to be compared", code="layer_failed")
    yield order, ()
    fds = [*uppers, *base]
    for start in range(0, len(fds), _AT_ONCE):
        yield b".", fds[start : start + _AT_ONCE]


def _words(change: Change) -> list[Any]:
    sides = [
        entry and [entry.mode, base64.b64encode(entry.content).decode(), entry.unread]
        for entry in (change.old, change.new)
    ]
    return [change.path, *sides, change.content_differs]


def _change(path: str, old: list[Any] | None, new: list[Any] | None, differs: bool) -> Change:
    return Change(path, _entry(old), _entry(new), differs)


def _entry(words: list[Any] | None) -> Entry | None:
    if words is None:
        return None
    mode, content, unread = words
    return Entry(mode, base64.b64decode(content), unread)
