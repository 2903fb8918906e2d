"""Sessions: state, model, turns, cost, and what each said last."""

from __future__ import annotations

from agentos.cli.top import words
from agentos.cli.top.picture import Picture, Session
from agentos.cli.top.views.rows import Row, RowTable

STYLES = {
    "starting": "cyan",
    "running": "green",
    "waiting": "bold yellow",
    "failed": "red",
    "interrupted": "red",
    "ended": "dim",
}


class SessionsView(RowTable):
    """The sessions, live ones first."""

    def __init__(self) -> None:
        super().__init__(
            [("state", 11), ("agent", 8), ("model", 13), ("turns", 5), ("cost", 8), ("last", 15)],
            empty="No session yet: `agentos run codex '...'` starts one.",
            id="sessions-table",
        )

    def show(self, picture: Picture) -> None:
        """Show a picture's sessions."""
        self.put([_row(each) for each in picture.sessions])


def _row(session: Session) -> Row:
    return Row(
        session.id,
        (
            session.state + (f" +{session.queued}" if session.queued else ""),
            session.agent,
            session.model or "-",
            "?" if session.turns is None else str(session.turns),
            words.cost_of(session),
            session.error or session.last_line or session.title,
        ),
        STYLES.get(session.state, ""),
    )
