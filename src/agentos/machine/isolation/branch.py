"""What a fork hands from one machine to another."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from agentos.machine.isolation.id_map import IdMap


@dataclass(slots=True)
class Branch:
    """What a new machine takes over from another one: detached mounts of its layers.

    Attributes:
        ids: The other machine's ids, which own the files.
        layers: Read-only layers, top first.
        copy: The layer to start with a copy of, or None.
    """

    ids: IdMap
    layers: list[int] = field(default_factory=list)
    copy: int | None = None

    @property
    def stages(self) -> list[int]:
        """The descriptors in the order in which the plan uses them."""
        return self.layers if self.copy is None else [self.copy, *self.layers]

    def close(self) -> None:
        """Close the descriptors."""
        for fd in self.stages:
            os.close(fd)
