"""Numbered backups: what each file was before an apply, and what was remembered of it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agentos.errors import SyncError
from agentos.sync.plan import Edit, Plan
from agentos.sync.state import Record, decode_records, encode_records
from agentos.sync.target import FileState, digest_of

_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class BackupHead:
    """What a backup is, without the files' content.

    Attributes:
        number: Counted from 1.
        at: When it was made, in ISO form.
        clients: Whose files it holds.
        files: Each of them.
    """

    number: int
    at: str
    clients: tuple[str, ...]
    files: tuple[Path, ...]

    @classmethod
    def read(cls, path: Path) -> BackupHead:
        """Read it from the archive, of which the rest is left alone.

        Raises:
            SyncError: It is damaged.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                said = json.loads(archive.read(_MANIFEST))
            files = tuple(map(Path, said["files"]))
            return cls(said["number"], said["at"], tuple(said["records"]), files)
        except (zipfile.BadZipFile, ValueError, KeyError) as error:
            raise _unreadable(path, error) from error


@dataclass(frozen=True)
class Backup:
    """What undoes one apply.

    Attributes:
        number: Counted from 1.
        at: When it was made, in ISO form.
        files: What each file was, and the digest of what it became; None is no file.
        directories: The modes of those that were there, and None of those that were made.
        records: What was remembered of the files.
    """

    number: int
    at: str
    files: Mapping[Path, tuple[FileState | None, str | None]]
    directories: Mapping[Path, int | None]
    records: Mapping[str, Mapping[Path, Record | None]]

    @classmethod
    def of(cls, plan: Plan, number: int, directories: Mapping[Path, int | None]) -> Backup:
        """Keep what a plan is about to change."""
        files = {edit.path: (edit.before, digest_of(edit.after)) for edit in plan.edits}
        at = datetime.now().astimezone().isoformat(timespec="seconds")
        return cls(number, at, files, directories, plan.records_before)

    def encode(self) -> bytes:
        """Write it as a zip archive, whose manifest says which member is which file."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            entries: dict[str, Any] = {}
            for place, (path, (before, after)) in enumerate(self.files.items()):
                entries[str(path)] = _entry(before, f"files/{place}", after)
                if before:
                    archive.writestr(f"files/{place}", before.content)
            manifest = {
                "number": self.number,
                "at": self.at,
                "files": entries,
                "directories": {str(path): mode for path, mode in self.directories.items()},
                "records": encode_records(self.records),
            }
            archive.writestr(_MANIFEST, json.dumps(manifest))
        return content.getvalue()

    @classmethod
    def decode(cls, content: bytes, path: Path) -> Backup:
        """Read it back.

        Raises:
            SyncError: It is damaged.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                manifest = json.loads(archive.read(_MANIFEST))
                files = {
                    Path(name): (_state(entry, archive), entry["after"])
                    for name, entry in manifest["files"].items()
                }
        except (zipfile.BadZipFile, ValueError, KeyError) as error:
            raise _unreadable(path, error) from error
        return cls(
            manifest["number"],
            manifest["at"],
            files,
            {Path(name): mode for name, mode in manifest["directories"].items()},
            decode_records(manifest["records"]),
        )

    def edits(self, now: Mapping[Path, FileState | None]) -> tuple[Edit, ...]:
        """Say what brings each file back from what it is now."""
        return tuple(
            Edit(path, now[path], before)
            for path, (before, _) in self.files.items()
            if now[path] != before
        )


def _unreadable(path: Path, error: Exception) -> SyncError:
    message = f"{path}: the backup cannot be read: {error}"
    return SyncError(message, code="backup_unreadable", path=str(path))


def _entry(before: FileState | None, member: str, after: str | None) -> dict[str, Any]:
    if before is None:
        return {"after": after}
    return {
        "after": after,
        "member": member,
        "mode": before.mode,
        "owner": before.owner,
        "link": before.link,
    }


def _state(entry: dict[str, Any], archive: zipfile.ZipFile) -> FileState | None:
    if "member" not in entry:
        return None
    owner = tuple(entry["owner"]) if entry["owner"] else None
    return FileState(archive.read(entry["member"]), entry["mode"], owner, entry["link"])
