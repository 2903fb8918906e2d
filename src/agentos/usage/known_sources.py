"""Which files have something new, and which are gone, by what was seen of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from agentos.usage.discovery import Found
from agentos.usage.reading.job import Place

#: The path of the gateway's own records; how far they are read is an id.
GATEWAY = "gateway"

_Signs = tuple[int, int, int, int]


@dataclass(slots=True)
class KnownSource:
    """A file that is known.

    Attributes:
        id: Its number; 0 until it is registered.
        seen: Device, inode, size and time of change when it was read.
        place: How far.
        gone: It is no more there.
    """

    id: int
    seen: _Signs
    place: Place
    gone: bool = False


@dataclass(slots=True)
class KnownSources:
    """All files that were read, by their paths."""

    by_path: dict[str, KnownSource] = field(default_factory=dict)

    @property
    def gateway_offset(self) -> int:
        """The id of the gateway's last record that was read."""
        known = self.by_path.get(GATEWAY)
        return known.place.offset if known else 0

    def changed(self, found: Sequence[Found]) -> list[Found]:
        """Return the files that are not as they were when they were read."""
        return [each for each in found if not self._is_as_before(each)]

    def has_news(self, found: Sequence[Found], gateway: int) -> bool:
        """Tell whether anything has to be read, or written down.

        Args:
            found: The files that are there.
            gateway: The id of the gateway's last record.
        """
        return gateway > self.gateway_offset or bool(self.changed(found) or self.lost(found))

    def _is_as_before(self, found: Found) -> bool:
        known = self.by_path.get(found.path)
        return known is not None and known.seen == found.seen and not known.gone

    def lost(self, found: Sequence[Found]) -> list[str]:
        """Return the files that were there and are not any more."""
        there = {each.path for each in found}
        return [
            path
            for path, known in self.by_path.items()
            if not (path in there or known.gone or path == GATEWAY or os.path.exists(path))
        ]
