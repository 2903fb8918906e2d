"""Approvals: what agents want to do and wait for."""

from __future__ import annotations

from agentos.cli.top import words
from agentos.cli.top.picture import Permission, Picture, Session
from agentos.cli.top.views.rows import Row, RowTable


class ApprovalsView(RowTable):
    """What waits for an answer, in the order of the sessions."""

    def __init__(self) -> None:
        super().__init__(
            [("asked", 5), ("agent", 8), ("session", 18), ("wants to", 20)],
            empty="Nothing waits for an answer.",
            id="approvals-table",
        )
        self._waiting: dict[str, tuple[Session, Permission]] = {}

    def show(self, picture: Picture) -> None:
        """Show what waits in a picture."""
        self._waiting = {question_key(*found): found for found in picture.waiting}
        self.put([_row(key, *found) for key, found in self._waiting.items()])

    @property
    def selected(self) -> tuple[Session, Permission] | None:
        """What is under the cursor."""
        return None if self.chosen is None else self._waiting.get(self.chosen)


def question_key(session: Session, asked: Permission) -> str:
    """Tell one question from all others."""
    return f"{session.id} {asked.id}"


def _row(key: str, session: Session, asked: Permission) -> Row:
    cells = (words.age(asked.asked_at), session.agent, session.title or session.id, asked.wanted)
    return Row(key, cells, "yellow")
