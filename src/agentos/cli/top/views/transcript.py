"""One session: its transcript as it comes, and what it waits for."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.events import Resize
from textual.screen import Screen
from textual.widgets import Footer, RichLog, Static

from agentos.cli.top import words
from agentos.cli.top.picture import Permission, Picture, Session
from agentos.cli.top.source import SourceLost
from agentos.cli.top.transcript_lines import TranscriptLines
from agentos.cli.top.views.aim import Aim
from agentos.cli.top.views.approvals import question_key
from agentos.cli.top.watch import Watch
from agentos.errors import AgentOsError
from agentos.sessions.events import SessionEvent

#: Lines that are kept to be looked at.
MOST_LINES = 3000
#: After so many events, others get a turn.
_BATCH = 200
#: Seconds for which events are gathered before they are drawn.
_GATHER = 0.05
#: Seconds between two attempts to follow.
_PAUSE = 0.2


class TranscriptScreen(Screen[None]):
    """Follows a session.

    Args:
        session: Which one, as it is now.
        watch: Knows where to follow it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "dismiss", "Back"),
        ("end", "to_the_end", "Newest"),
    ]

    def __init__(self, session: Session, watch: Watch) -> None:
        super().__init__()
        self.session = session
        self._watch = watch
        self._lines = TranscriptLines()
        self._kept: deque[Text] = deque(maxlen=MOST_LINES)
        self._seq = 0
        self._gathering = False
        self._asked: Permission | None = None
        self.aim = Aim()

    def compose(self) -> ComposeResult:
        """Make the head, the lines, the line that is being said, and what is asked."""
        yield Static(id="head", markup=False)
        yield RichLog(id="lines", wrap=True, min_width=1, max_lines=MOST_LINES)
        with VerticalScroll(id="rest", can_focus=False):
            yield Static(id="rest-text", markup=False)
        yield Static(id="asked", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Begin to follow."""
        self.show(self._watch.picture)
        self.query_one("#lines").focus()
        self.run_worker(self._follow(), exit_on_error=True)

    def show(self, picture: Picture) -> None:
        """Show what a picture tells of the session."""
        self.session = picture.session(self.session.id) or self.session
        self.query_one("#head", Static).update(_head(self.session, picture))
        self._ask(self.session.permissions[0] if self.session.permissions else None)

    def _ask(self, asked: Permission | None) -> None:
        if asked == self._asked:
            return
        before, self._asked = self._asked, asked
        self.aim.moved(self._key(before), self._key(asked))
        strip = self.query_one("#asked", Static)
        strip.display = asked is not None
        if asked is not None:
            wanted = words.one_line(asked.wanted)
            strip.update(Text(f"may it do this?  {wanted}\ny yes   n no   a all answers"))

    def _key(self, asked: Permission | None) -> str | None:
        return None if asked is None else question_key(self.session, asked)

    @property
    def selected(self) -> tuple[Session, Permission] | None:
        """What is asked."""
        return None if self._asked is None else (self.session, self._asked)

    def on_resize(self, event: Resize) -> None:
        """Wrap the lines at the new width, once they have it."""
        self.call_after_refresh(self._write_anew)

    def _write_anew(self) -> None:
        self.query_one("#lines", RichLog).clear()
        self._write(list(self._kept))

    def action_to_the_end(self) -> None:
        """Go to the newest line, and stay at the end from now on."""
        self.query_one("#lines", RichLog).scroll_end(animate=False)

    async def _follow(self) -> None:
        """Follow for as long as the screen is there, whatever becomes of the hub."""
        while True:
            source = await self._watch.source()
            try:
                async with aclosing(source.transcript(self.session.id, self._seq)) as events:
                    async for event in events:
                        self._take(event)
                        if event.seq % _BATCH == 0:
                            await asyncio.sleep(0)
            except SourceLost:
                pass  # the watch says so; go on with the next one
            except AgentOsError as error:
                self.notify(str(error), severity="error", markup=False)
                return
            await asyncio.sleep(_PAUSE)

    def _take(self, event: SessionEvent) -> None:
        self._seq = event.seq
        self._lines.add(event)
        if not self._gathering:
            self._gathering = True
            self.set_timer(_GATHER, self._draw)

    def _draw(self) -> None:
        """Write the lines that are over, and show the one that is not."""
        self._gathering = False
        if not self.children:
            return  # it is ending
        lines = self._lines.take()[-MOST_LINES:]
        self._kept.extend(lines)
        self._write(lines)
        rest = self.query_one("#rest")
        rest.display = bool(self._lines.rest)
        self.query_one("#rest-text", Static).update(self._lines.rest.copy())
        rest.scroll_end(animate=False)

    def _write(self, lines: list[Text]) -> None:
        if lines:
            self.query_one("#lines", RichLog).write(Text("\n").join(lines))


def _head(session: Session, picture: Picture) -> Text:
    state = session.error or session.state
    figures = f"{words.tokens(session.tokens)} tokens  {words.cost_of(session)}"
    title = words.one_line(session.title or session.id, 60)
    said = f"{session.agent}  {session.model or '-'}  {state}  {figures}"
    return Text.assemble((title, "bold"), "\n", words.one_line(said))
