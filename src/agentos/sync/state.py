"""What sync remembers: for each client and file, what was last applied."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from agentos.errors import SyncError
from agentos.sync.desired import KeyPath
from agentos.sync.merge import Known
from agentos.sync.values import dotted

VERSION = 1
Format = Literal["toml", "json", "jsonc"]


@dataclass(frozen=True)
class Record:
    """What is remembered of one file.

    Attributes:
        format: The language of its keys.
        marked: Whether its keys stand between markers.
        keys: Our keys.
        made: Tables that were not there before ours.
        sections: Our sections.
        whole: The digest of its content, if all of it is ours.
    """

    format: Format = "toml"
    marked: bool = False
    keys: Mapping[KeyPath, Known] = field(default_factory=dict)
    made: frozenset[KeyPath] = frozenset()
    sections: Mapping[str, Known] = field(default_factory=dict)
    whole: Known | None = None

    def __bool__(self) -> bool:
        return bool(self.keys or self.sections or self.whole)

    @property
    def things(self) -> dict[str, Known]:
        """All of it, by the name of the key or section; the whole file has none."""
        keys = {dotted(path): known for path, known in self.keys.items()}
        return keys | dict(self.sections) | ({"": self.whole} if self.whole else {})

    @property
    def yielded(self) -> list[str]:
        """The keys, the sections and, with an empty name, the file that are the user's now."""
        return [name for name, known in self.things.items() if known.yielded]


#: By client and file.
Records = Mapping[str, Mapping[Path, Record]]


@dataclass(frozen=True)
class State:
    """All that sync remembers.

    Attributes:
        records: Of each client's files.
        last: The number of the last backup whose changes were made.
    """

    records: Records = field(default_factory=dict)
    last: int = 0

    def of(self, client: str) -> Mapping[Path, Record]:
        """The records of one client."""
        return self.records.get(client, {})

    def with_records(self, new: Mapping[str, Mapping[Path, Record | None]], last: int) -> State:
        """Put records in the place of old ones; None forgets a file."""
        records = {client: dict(files) for client, files in self.records.items()}
        for client, files in new.items():
            mine = records.setdefault(client, {})
            for path, record in files.items():
                if record:
                    mine[path] = record
                else:
                    mine.pop(path, None)
        return State({client: files for client, files in records.items() if files}, last)


def encode(state: State) -> bytes:
    """Write a state as JSON."""
    records = encode_records(state.records)
    whole = {"version": VERSION, "last": state.last, "records": records}
    return json.dumps(whole, separators=(",", ":")).encode()


def decode(content: bytes, path: Path) -> State:
    """Read a state from JSON.

    Raises:
        SyncError: It is none, or of a later version.
    """
    hint = "move it away, and sync takes up what it finds in the clients' files"
    try:
        found = json.loads(content)
        if found["version"] > VERSION:
            message = f"{path} was written by a later version of AgentOS"
            raise SyncError(message, code="state_too_new", path=str(path), hint="upgrade AgentOS")
        return State(decode_records(found["records"]), found["last"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        message = f"{path}: what sync remembers cannot be read: {error!r}"
        raise SyncError(message, code="state_unreadable", path=str(path), hint=hint) from error


def encode_records(records: Mapping[str, Mapping[Path, Record | None]]) -> dict[str, Any]:
    """Bring records into the form of JSON."""
    return {
        client: {str(path): _encode(record) for path, record in files.items()}
        for client, files in records.items()
    }


def decode_records(found: dict[str, Any]) -> dict[str, dict[Path, Record]]:
    """Bring records back from the form of JSON; what was forgotten is empty."""
    return {
        client: {Path(path): _decode(record) for path, record in files.items()}
        for client, files in found.items()
    }


def _encode(record: Record | None) -> dict[str, Any]:
    if not record:
        return {}
    if record.whole and not record.keys and not record.sections:
        return {"whole": _encode_known(record.whole)}
    return {
        "format": record.format,
        "marked": record.marked,
        "keys": [[list(path), *_encode_known(known)] for path, known in record.keys.items()],
        "made": sorted(map(list, record.made)),
        "sections": {name: _encode_known(known) for name, known in record.sections.items()},
        "whole": _encode_known(record.whole) if record.whole else None,
    }


def _decode(found: dict[str, Any]) -> Record:
    whole = found.get("whole")
    return Record(
        format=found.get("format", "toml"),
        marked=found.get("marked", False),
        keys={tuple(path): Known(*rest) for path, *rest in found.get("keys", ())},
        made=frozenset(map(tuple, found.get("made", ()))),
        sections={name: Known(*rest) for name, rest in found.get("sections", {}).items()},
        whole=Known(*whole) if whole else None,
    )


def _encode_known(known: Known) -> list[Any]:
    return [known.value, known.yielded]
