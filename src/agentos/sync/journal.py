"""The journal of an apply: what makes sense of the files if it is interrupted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agentos.sync.plan import Edit
from agentos.sync.state import Record, State, decode_records, encode_records
from agentos.sync.target import Reader, Target, digest_of


@dataclass(frozen=True)
class Journal:
    """What is about to be done.

    Attributes:
        number: The backup that goes with it.
        last: The last backup once all is done: `number`, or the one before if that is undone.
        suffix: Of the names of files that are staged.
        digests: Of each file, before and after; None is no file.
        directories: Those to be made, top first.
        emptied: Those that go if nothing is in them any more, innermost first.
        records: What will be remembered.
    """

    number: int
    last: int
    suffix: str
    digests: Mapping[Path, tuple[str | None, str | None]]
    directories: tuple[Path, ...]
    emptied: tuple[Path, ...]
    records: Mapping[str, Mapping[Path, Record | None]]

    def encode(self) -> bytes:
        """Write it as JSON."""
        digests = {str(path): pair for path, pair in self.digests.items()}
        directories = list(map(str, self.directories))
        emptied = list(map(str, self.emptied))
        return json.dumps(
            {
                "number": self.number,
                "last": self.last,
                "suffix": self.suffix,
                "digests": digests,
                "directories": directories,
                "emptied": emptied,
                "records": encode_records(self.records),
            }
        ).encode()

    @classmethod
    def decode(cls, content: bytes) -> Journal:
        """Read it from JSON."""
        found = json.loads(content)
        return cls(
            found["number"],
            found["last"],
            found["suffix"],
            {Path(path): (before, after) for path, (before, after) in found["digests"].items()},
            tuple(map(Path, found["directories"])),
            tuple(map(Path, found["emptied"])),
            decode_records(found["records"]),
        )


def digests(edits: tuple[Edit, ...]) -> dict[Path, tuple[str | None, str | None]]:
    """Name what files are and will be."""
    return {edit.path: (digest_of(edit.before), digest_of(edit.after)) for edit in edits}


def settled(journal: Journal, state: State, files: Reader) -> State:
    """Work out what to remember after an interruption: of each file, by what it is now."""
    done = {path for path in journal.digests if _is_done(journal, path, files)}
    if done == set(journal.digests):
        return state.with_records(journal.records, journal.last)
    records = {
        client: {
            path: record
            for path, record in there.items()
            if path in done or path not in journal.digests
        }
        for client, there in journal.records.items()
    }
    return state.with_records(records, journal.number if done else state.last)


def clear_away(journal: Journal, files: Target) -> None:
    """Remove what is left over: staged files, directories with nothing in them."""
    for path in journal.digests:
        files.unstage(path, journal.suffix)
    for directory in (*reversed(journal.directories), *journal.emptied):
        files.remove_directory(directory)


def _is_done(journal: Journal, path: Path, files: Reader) -> bool:
    before, after = journal.digests[path]
    now = digest_of(files.look(path))
    return now == after and now != before
