"""What is refused of an archive, whatever it is an archive of."""

from __future__ import annotations

import posixpath
import tarfile

from agentos.errors import MachineError

#: What an import may unpack to unless told otherwise, in bytes and in members.
MAX_SIZE = 16 * 2**30
MAX_MEMBERS = 2_000_000

#: A name or its attributes are read into memory as a whole.
_LONGEST_HEADER = 2**20
_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class Member(tarfile.TarInfo):
    """A member whose headers are bounded: `tarfile.open(..., tarinfo=Member)`."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _HEADERS and self.size > _LONGEST_HEADER:
            raise refused(self.name, f"its header is longer than {_LONGEST_HEADER} bytes")
        return super()._proc_member(archive)  # type: ignore[misc, no-any-return]


class Inspection:
    """Looks at one member after another, and refuses what would do harm.

    Args:
        max_size: Bytes that all of them may unpack to.
    """

    def __init__(self, max_size: int = MAX_SIZE) -> None:
        self._max_size = max_size
        self._size = 0
        self._count = 0
        self._links: set[str] = set()

    def begin_layer(self) -> None:
        """Forget the links of one layer: what follows is unpacked elsewhere."""
        self._links = set()

    def check(self, member: tarfile.TarInfo, top: str = "") -> str:
        """Return a member's path in its simplest form.

        Args:
            member: The next one.
            top: The directory that it has to stay in, or "".

        Raises:
            MachineError: It is refused.
        """
        self.count(member)
        path = self._within(member.name, member.name, top, "it leaves the root")
        if member.islnk():
            self._within(member.linkname, member.name, top, "its hard link leaves the root")
        if member.isblk() or (member.ischr() and (member.devmajor, member.devminor) != (0, 0)):
            raise refused(member.name, "it is a device")
        if member.issym():
            self._links.add(path)
        return path

    def count(self, member: tarfile.TarInfo) -> None:
        """Count a member, also one that is left out.

        Raises:
            MachineError: It is one too many.
        """
        self._size += member.size
        self._count += 1
        if self._size > self._max_size or self._count > MAX_MEMBERS:
            raise refused(member.name, f"the archive unpacks to more than {self._max_size} bytes")

    def _within(self, path: str, member: str, top: str, otherwise: str) -> str:
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if path.startswith("/") or ".." in parts or (top and parts[:1] != [top]):
            raise refused(member, otherwise)
        if any("/".join(parts[:n]) in self._links for n in range(1, len(parts))):
            raise refused(member, "it lies behind a link of the archive")
        return posixpath.join(*parts) if parts else "."


def refused(member: str, why: str) -> MachineError:
    """Return the error of an archive that may do harm."""
    return MachineError(
        f"the archive is refused: {member!r}: {why}",
        code="archive_unsafe",
        hint="nothing of it was unpacked",
    )


def invalid(what: str, why: object) -> MachineError:
    """Return the error of a file that is not what it should be."""
    first = str(why).partition("\n")[0].rstrip(":")  # tarfile tells all that it tried
    return MachineError(f"{what}: {first}", code="archive_invalid")
