"""The layer on top of an image: the few files that a machine brings itself."""

from __future__ import annotations

import io
import tarfile

from agentos.machine.images.unpack import LayerWriter, Tree
from agentos.machine.layers.host_image import WRITTEN

#: Files of the image that lines are added to.
EXTENDED = ("etc/passwd", "etc/group")
_REPLACED = ("etc/hosts", "etc/hostname", "etc/resolv.conf")
_OURS = "agentos"


def write_own_files(writer: LayerWriter, tree: Tree) -> None:
    """Write the layer: names and addresses as in every machine, our user beside the image's."""
    for path in _REPLACED:
        _write(writer, path, WRITTEN[path])
    for path in EXTENDED:
        ours = WRITTEN[path].replace("/bin/bash", "/bin/sh")  # not every image has bash
        _write(writer, path, merged(tree.text(path), ours))
    # A directory, whatever the image has there: what is shared is mounted on it.
    writer.add(writer.directory("opt/agentos"))


def merged(theirs: str, ours: str) -> str:
    """Add what is missing to a file of users or groups, and our user before any of its number.

    Args:
        theirs: The image's file; its lines stay as they are.
        ours: Lines as a machine has them.
    """
    lines = [line for line in theirs.splitlines() if line.split(":")[0] != _OURS]
    names = {line.split(":")[0] for line in lines}
    missing = [line for line in ours.splitlines() if line.split(":")[0] not in names]
    mine = [line for line in missing if line.startswith(f"{_OURS}:")]
    others = [line for line in missing if line not in mine]
    number = mine[0].split(":")[2]
    first = next((n for n, line in enumerate(lines) if line.split(":")[2:3] == [number]), None)
    at = len(lines) if first is None else first
    return "".join(f"{line}\n" for line in (*lines[:at], *mine, *lines[at:], *others))


def _write(writer: LayerWriter, path: str, text: str) -> None:
    content = text.encode("utf-8", "surrogateescape")
    member = writer.new_member(path, tarfile.REGTYPE, 0o644)
    member.size = len(content)
    writer.add(member, io.BytesIO(content))
