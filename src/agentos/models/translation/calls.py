"""Which call of a tool a piece belongs to: providers number and name calls in their own ways."""

from __future__ import annotations

from dataclasses import dataclass, field

from agentos.models.translation.chunk import CallPiece
from agentos.models.translation.items import CallItem


@dataclass
class Slot:
    """A call of the answer, whose item begins once its name is known."""

    index: int | None
    id: str = ""
    item: CallItem | None = None
    held: list[str] = field(default_factory=list)


class Slots:
    """The calls of an answer, in the order in which they began."""

    def __init__(self) -> None:
        self._slots: list[Slot] = []

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
        slot.id = slot.id or piece.id
        return slot

    def _known(self, piece: CallPiece) -> Slot | None:
        if piece.index is None:
            if piece.id:
                return next((slot for slot in self._slots if slot.id == piece.id), None)
            return None if piece.name or not self._slots else self._slots[-1]
        known = [slot for slot in self._slots if slot.index == piece.index]
        if not known:
            return None
        same = next((slot for slot in known if piece.id and slot.id == piece.id), None)
        # Some give every call the number 0; then another id and a name begin another call.
        another = piece.id and piece.name and known[-1].id
        return same or (None if another else known[-1])
