"""What a key would answer, and whether that has changed under the user's finger."""

from __future__ import annotations


class Aim:
    """Tells when a question gave way to another one without the user's doing.

    Somebody else may answer a question while the user reads it. The key that was meant for it
    must not answer the one that took its place.
    """

    def __init__(self) -> None:
        self._answered: set[str] = set()
        self._slipped = False

    def answered(self, question: str) -> None:
        """Note that the user answered a question: the next one takes its place."""
        self._answered.add(question)

    def moved(self, before: str | None, now: str | None) -> None:
        """Note that another question is aimed at."""
        self._slipped = None not in (before, now) and before not in self._answered

    def slipped(self) -> bool:
        """Tell, once, whether that happened."""
        slipped, self._slipped = self._slipped, False
        return slipped
