"""Which call of a tool a piece belongs to: providers number and name calls in their own ways."""

from __future__ import annotations

from dataclasses import dataclass, field

from agentos.models.translation.chunk import CallPiece
from agentos.models.translation.items import CallItem


@dataclass(eq=False)
class Slot:
    """A call of the answer, whose item begins once its name is known."""

    index: int | None
    id: str = ""
    item: CallItem | None = None
    held: list[str] = field(default_factory=list)


class Slots:
    """The calls of an answer."""

    def __init__(self) -> None:
        self._slots: list[Slot] = []
        self._by_id: dict[str, Slot] = {}
        self._by_index: dict[int, Slot] = {}

    @property
    def nameless(self) -> bool:
        """Whether there is a call of which nobody knows what it calls."""
        return any(slot.item is None for slot in self._slots)

    def of(self, piece: CallPiece) -> Slot:
        """Find the call of a piece, or begin one."""
        slot = self._known(piece)
        if slot is None:
            slot = Slot(piece.index)
            self._slots.append(slot)
            if piece.index is not None:
                self._by_index[piece.index] = slot
        if piece.id and not slot.id:
            slot.id = piece.id
            self._by_id[piece.id] = slot
        return slot

    def _known(self, piece: CallPiece) -> Slot | None:
        same = self._by_id.get(piece.id)
        if same is not None and same.index == piece.index:
            return same
        if piece.index is None:
            new = piece.id or piece.name or not self._slots
            return None if new else self._slots[-1]
        # Some give every call the number 0; then another id and a name begin another call.
        known = self._by_index.get(piece.index)
        another = known is not None and known.id and piece.id and piece.name
        return None if another else known
