"""Layers of archives, converted while they are unpacked.

Every member is looked at, and written anew into the stream that the host's `tar` unpacks: what
was checked is what is unpacked. OCI's whiteouts become an overlay's.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO

from agentos.machine.images.members import Inspection, Member, refused
from agentos.machine.images.streams import Hashed

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_RESERVED = ".wh..wh."
_OPAQUE_HEADER = {"SCHILY.xattr.user.overlay.opaque": "y"}
#: Kept empty, since the machine has its own.
_KERNELS_OWN = {"dev", "proc", "sys"}
_MOST_HOPS = 40
_LONGEST_TEXT = 2**20
_CHUNK = 256 * 1024


@dataclass(slots=True)
class Tree:
    """What the layers unpacked so far are, as far as the next one needs it.

    Attributes:
        ids: How many ids the machine has; with 1, its user owns everything.
        user: The id of its user.
        texts: Contents of the files of these names, as far as they are there.
        directories: Directories by path.
        links: Symbolic links by path.
    """

    ids: int
    user: int
    texts: dict[str, bytes | None]
    directories: dict[str, tarfile.TarInfo] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def text(self, path: str) -> str:
        """Return the content of a small file; nothing where it is not there."""
        return (self.texts.get(path) or b"").decode("utf-8", "surrogateescape")


class LayerWriter:
    """Writes one layer as the tar stream that is unpacked.

    Args:
        tree: The layers below; it is brought up to date by `finish`.
        inspection: Refuses members.
        out: The stream.
    """

    def __init__(self, tree: Tree, inspection: Inspection, out: IO[bytes]) -> None:
        self._tree = tree
        self._inspection = inspection
        self._out = out
        self._below = dict(tree.links)
        self._seen: set[str] = set()
        self._directories: dict[str, tarfile.TarInfo] = {}
        self._links: dict[str, str] = {}
        self._texts: dict[str, bytes | None] = {}
        self._whiteouts: set[str] = set()
        self._opaque: set[str] = set()
        inspection.begin_layer()

    def copy(self, stream: IO[bytes] | Hashed) -> None:
        """Write all members of an archive."""
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=Member) as archive:
            while member := archive.next():
                archive.members.clear()  # type: ignore[attr-defined]  # it keeps them all
                self._take(archive, member)

    def _take(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        if _is_kernels_own(member.name):
            self._inspection.count(member)
            return
        path = self._inspection.check(member)
        directory, _, name = path.rpartition("/")
        if name == _OPAQUE:
            self._opaque.add(self._resolved(directory) if directory else ".")
        elif any(part.startswith(_RESERVED) for part in path.split("/")):
            return  # what a union file system noted for itself
        elif name.startswith(_WHITEOUT):
            hidden = name.removeprefix(_WHITEOUT)
            if hidden in {"", ".", ".."}:
                raise refused(member.name, "it hides no name")
            self._whiteouts.add(self._resolved(f"{directory}/{hidden}" if directory else hidden))
        else:
            content = archive.extractfile(member) if member.isreg() else None
            self.add(self._converted(member, self._resolved(path)), content)

    def _converted(self, member: tarfile.TarInfo, path: str) -> tarfile.TarInfo:
        new = tarfile.TarInfo(path)
        new.mode, new.mtime = member.mode & 0o7777, int(member.mtime)
        new.uid, new.gid = self._owner(member)
        if member.isreg():
            new.size = member.size
        elif member.isdir() or member.issym() or member.islnk() or member.isfifo():
            new.type = member.type
        else:
            raise refused(member.name, "it is of no known kind")
        new.linkname = member.linkname
        if member.islnk():
            target = "/".join(part for part in member.linkname.split("/") if part not in ("", "."))
            new.linkname = self._resolved(target)
        return new

    def _owner(self, member: tarfile.TarInfo) -> tuple[int, int]:
        if self._tree.ids == 1:
            return self._tree.user, self._tree.user
        if max(member.uid, member.gid) >= self._tree.ids:
            raise refused(member.name, f"a machine has no ids above {self._tree.ids - 1}")
        return member.uid, member.gid

    def _resolved(self, path: str) -> str:
        """Follow the lower layers' links on the way to a name, within the root."""
        *ahead, name = path.split("/")
        done: list[str] = []
        hops = 0
        while ahead:
            part = ahead.pop(0)
            target = self._below.get("/".join((*done, part)))
            if part == "..":
                del done[-1:]
            elif target is None:
                done += [part] if part not in ("", ".") else []
            else:
                hops += 1
                if hops > _MOST_HOPS:
                    raise refused(path, "its links lead in a circle")
                done = [] if target.startswith("/") else done
                ahead = [*target.split("/"), *ahead]
        return "/".join((*done, name))

    def add(self, member: tarfile.TarInfo, content: IO[bytes] | None = None) -> None:
        """Write one member, and before it the directories on the way that are not there yet."""
        path = member.name
        self._add_parents(path)
        self._below.pop(path, None)
        self._seen.add(path)
        if member.isdir():
            self._directories[path] = member
        if member.issym():
            self._links[path] = member.linkname
        self._write(member)
        if path in self._tree.texts:
            self._texts[path] = None
        if content is None:
            return
        if path in self._tree.texts and member.size <= _LONGEST_TEXT:
            data = content.read()
            self._texts[path] = data
            self._out.write(data)
        else:
            shutil.copyfileobj(content, self._out, _CHUNK)
        self._out.write(b"\0" * (-member.size % tarfile.BLOCKSIZE))

    def _add_parents(self, path: str) -> None:
        parts = path.split("/")
        for n in range(1, len(parts)):
            parent = "/".join(parts[:n])
            if parent not in self._seen:
                self.add(self.directory(parent))

    def directory(self, path: str) -> tarfile.TarInfo:
        """Return a directory as a lower layer has it, or a new one."""
        known = self._directories.get(path) or self._tree.directories.get(path)
        return known or self.new_member(path, tarfile.DIRTYPE, 0o755)

    def new_member(self, path: str, kind: bytes, mode: int) -> tarfile.TarInfo:
        """Return a member that belongs to root, or to whom a machine without one has."""
        new = tarfile.TarInfo(path)
        new.type, new.mode = kind, mode
        new.uid, new.gid = self._owner(new)
        return new

    def _write(self, member: tarfile.TarInfo, headers: Mapping[str, str] | None = None) -> None:
        member.pax_headers = dict(headers or {})
        if headers:
            header = member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
        else:  # names as the bytes that they are
            header = member.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
        self._out.write(header)

    def finish(self) -> None:
        """Write what the layer hides, and the archive's end."""
        for path in sorted(self._whiteouts):
            if path in self._directories:
                self._opaque.add(path)
            elif path not in self._seen:
                self._hide(path)
        for path in sorted(self._opaque):
            self._add_parents(path)
            self._write(self.directory(path), _OPAQUE_HEADER)
        self._out.write(b"\0" * 2 * tarfile.BLOCKSIZE)
        self._update()

    def _hide(self, path: str) -> None:
        self._add_parents(path)
        self._write(self.new_member(path, tarfile.CHRTYPE, 0))

    def _update(self) -> None:
        tree = self._tree
        tree.directories = {p: m for p, m in tree.directories.items() if self._shows(p)}
        tree.links = {p: target for p, target in tree.links.items() if self._shows(p)}
        tree.texts = {p: data if self._shows(p) else None for p, data in tree.texts.items()}
        tree.directories |= self._directories
        tree.links |= self._links
        tree.texts |= self._texts

    def _shows(self, path: str) -> bool:
        """Whether what a lower layer has at a path is neither hidden nor replaced."""
        parts = path.split("/")
        parents = {"/".join(parts[:n]) for n in range(1, len(parts))}
        if path in self._seen or path in self._whiteouts or not parents.isdisjoint(self._whiteouts):
            return False
        if "." in self._opaque or not parents.isdisjoint(self._opaque):
            return False
        return not any(p in self._seen and p not in self._directories for p in parents)


def _is_kernels_own(name: str) -> bool:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return len(parts) > 1 and parts[0] in _KERNELS_OWN
