"""What was read, and how far: the ledger's memory of files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Connection, Integer, bindparam, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from agentos.store.tables import USAGE_PROBLEMS, USAGE_SOURCES
from agentos.usage.discovery import Found
from agentos.usage.known_sources import GATEWAY, KnownSource, KnownSources
from agentos.usage.reading.work import Piece, Place, is_still


@dataclass(slots=True)
class Sources(KnownSources):
    """The files that are known, and what the store has of them."""

    @classmethod
    def load(cls, connection: Connection) -> Self:
        """Return what is known."""
        known = {}
        for row in connection.execute(select(USAGE_SOURCES)):
            seen = (row.device, row.inode, row.size, row.modified)
            place = Place(row.offset, row.line, row.state, row.head, row.tail)
            known[row.path] = KnownSource(row.id, seen, place, bool(row.gone))
        return cls(known)

    @property
    def gone(self) -> set[int]:
        """The numbers of files that are no more there."""
        return {known.id for known in self.by_path.values() if known.gone}

    def register(self, connection: Connection, found: Sequence[Found]) -> None:
        """Give each new file a number, follow those that moved, and mark those that are gone."""
        lost = self.lost(found)
        moved = self._moved(found, lost)
        for old, new in moved.items():
            self.by_path[new] = self.by_path.pop(old)
            connection.execute(
                update(USAGE_SOURCES).where(USAGE_SOURCES.c.path == old).values(path=new)
            )
        for path in lost:
            if path not in moved:
                self.by_path[path].gone = True
        if left := [path for path in lost if path not in moved]:
            connection.execute(
                update(USAGE_SOURCES)
                .where(USAGE_SOURCES.c.path == bindparam("b_path"))
                .values(gone=1),
                [{"b_path": path} for path in left],
            )
        fresh = [(each.path, each.home.source.value) for each in found]
        self._add(connection, [(GATEWAY, "gateway"), *fresh])

    def _moved(self, found: Sequence[Found], lost: Sequence[str]) -> dict[str, str]:
        new = {each.seen[:2]: each.path for each in found if each.path not in self.by_path}
        pairs = ((path, new.get(self.by_path[path].seen[:2])) for path in lost)
        # The number of a deleted file is soon another file's.
        return {
            old: path for old, path in pairs if path and is_still(path, self.by_path[old].place)
        }

    def _add(self, connection: Connection, paths: Sequence[tuple[str, str]]) -> None:
        wanted = [each for each in paths if each[0] not in self.by_path]
        if not wanted:
            return
        make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        rows = [_blank(path, client) for path, client in wanted]
        connection.execute(make(USAGE_SOURCES).on_conflict_do_nothing(), rows)
        known = Sources.load(connection)
        for path, _ in wanted:
            self.by_path[path] = known.by_path[path]

    def note(self, connection: Connection, pieces: Sequence[Piece]) -> None:
        """Write down how far files are read, and what of them could not be counted."""
        latest = {piece.path: piece for piece in pieces}
        for piece in latest.values():
            known = self.by_path[piece.path]
            known.seen, known.place, known.gone = piece.seen, piece.place, False
        connection.execute(
            _UPDATE, [_row(self.by_path[path].id, piece) for path, piece in latest.items()]
        )
        problems = {
            (self.by_path[piece.path].id, each.line, each.kind): each.message
            for piece in pieces
            for each in piece.problems
        }
        anew = {piece.path for piece in pieces if piece.anew}
        connection.execute(
            _FORGET,
            [{"b_id": self.by_path[path].id, "b_anew": int(path in anew)} for path in latest],
        )
        if problems:
            make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            connection.execute(
                make(USAGE_PROBLEMS).on_conflict_do_nothing(),
                [
                    {"source_id": source, "line": line, "kind": kind, "message": message}
                    for (source, line, kind), message in problems.items()
                ],
            )

    def note_gateway(self, connection: Connection, latest: int) -> None:
        """Write down how far the gateway's records are read."""
        known = self.by_path[GATEWAY]
        known.place = Place(latest)
        connection.execute(
            update(USAGE_SOURCES).where(USAGE_SOURCES.c.id == known.id).values(offset=latest)
        )


_UPDATE = (
    update(USAGE_SOURCES)
    .where(USAGE_SOURCES.c.id == bindparam("b_id"))
    .values(
        gone=0,
        **{
            name: bindparam(f"b_{name}")
            for name in (
                *("device", "inode", "size", "modified"),
                *("offset", "line", "state", "head", "tail"),
            )
        },
    )
)


# What is about the whole file may be past; of a file that is read anew, all is told again.
_FORGET = delete(USAGE_PROBLEMS).where(
    USAGE_PROBLEMS.c.source_id == bindparam("b_id"),
    or_(USAGE_PROBLEMS.c.line == 0, bindparam("b_anew", type_=Integer) == 1),
)


def _row(id: int, piece: Piece) -> dict[str, Any]:
    device, inode, size, modified = piece.seen
    place = piece.place
    return {
        "b_id": id,
        "b_device": device,
        "b_inode": inode,
        "b_size": size,
        "b_modified": modified,
        "b_offset": place.offset,
        "b_line": place.line,
        "b_state": place.state,
        "b_head": place.head,
        "b_tail": place.tail,
    }


def _blank(path: str, client: str) -> dict[str, Any]:
    numbers = dict.fromkeys(("device", "inode", "size", "modified", "offset", "line", "gone"), 0)
    return {"path": path, "client": client, "state": "", "head": "", "tail": "", **numbers}
