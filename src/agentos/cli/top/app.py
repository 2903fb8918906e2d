"""The program on the screen: four views of one picture, and the keys that steer sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, Input, Static, TabbedContent, TabPane

from agentos.cli.render import printable
from agentos.cli.top import words
from agentos.cli.top.picture import Choice, Permission, Picture, Reach, Session
from agentos.cli.top.source import Connect, Source
from agentos.cli.top.views.aim import Aim
from agentos.cli.top.views.approvals import ApprovalsView, question_key
from agentos.cli.top.views.costs import CostsView
from agentos.cli.top.views.dialogs import ChoiceDialog, PromptDialog
from agentos.cli.top.views.log import LogView
from agentos.cli.top.views.sessions import SessionsView
from agentos.cli.top.views.transcript import TranscriptScreen
from agentos.cli.top.watch import Watch
from agentos.cli.usage_table import sparkline
from agentos.errors import AgentOsError

_TABS = ("sessions", "approvals", "costs", "log")
#: Seconds for which changes are gathered before they are drawn.
_GATHER = 0.1
#: Columns of padding in the head.
_BESIDE = 2
_YES, _NO = ("allow_once", "allow_always"), ("reject_once", "reject_always")


class TopApp(App[int]):
    """Draws what a watch sees.

    Args:
        connect: Finds the hub, or what stands for it.
    """

    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = "top.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "prompt", "Prompt"),
        Binding("c", "cancel", "Cancel"),
        Binding("a", "answer", "Answer"),
        Binding("y", "reply(True)", "Yes", show=False),
        Binding("n", "reply(False)", "No", show=False),
        Binding("slash", "filter", "Filter", key_display="/"),
        *(Binding(str(n), f"tab('{name}')", name, show=False) for n, name in enumerate(_TABS, 1)),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c,ctrl+q", "quit", "Quit", show=False, priority=True),
    ]

    def __init__(self, connect: Connect) -> None:
        super().__init__()
        self.watch_hub = Watch(connect, self._changed)
        self._gathering = False

    def compose(self) -> ComposeResult:
        """Make the head, the four views and the foot."""
        yield Static(id="head", markup=False)
        with TabbedContent(initial="sessions"):
            with TabPane("1 Sessions", id="sessions"):
                yield SessionsView()
            with TabPane("2 Approvals", id="approvals"):
                yield ApprovalsView()
            with TabPane("3 Costs", id="costs"):
                yield CostsView()
            with TabPane("4 Log", id="log"):
                yield LogView()
        yield Footer()

    def on_mount(self) -> None:
        """Begin to watch."""
        self.query_one(SessionsView).focus()
        self._draw()
        self._watching = asyncio.create_task(self.watch_hub.run())
        self._watching.add_done_callback(self._watched)

    async def on_unmount(self) -> None:
        """Wait until what was opened is closed."""
        self._watching.cancel()
        await asyncio.wait((self._watching,))
        if not self._watching.cancelled():
            self._watching.result()

    def _watched(self, task: asyncio.Task[None]) -> None:
        """End with what went wrong; it ends in no other way of itself."""
        if not task.cancelled():
            self.exit()

    def _changed(self, picture: Picture) -> None:
        """Draw a picture soon; what changes at once is drawn at once."""
        del picture  # the latest is drawn
        if not self._gathering:
            self._gathering = True
            self.set_timer(_GATHER, self._draw)

    def _draw(self) -> None:
        self._gathering = False
        if not self.screen_stack:
            return  # it is ending
        picture = self.watch_hub.picture
        main = self.screen_stack[0]
        main.query_one("#head", Static).update(_head(picture, self.size.width - _BESIDE))
        waiting = len(picture.waiting)
        tabs = main.query_one(TabbedContent)
        tabs.get_tab("approvals").label = Text(
            f"2 Approvals ({waiting})" if waiting else "2 Approvals", "bold" if waiting else ""
        ).markup
        main.query_one(SessionsView).show(picture)
        main.query_one(ApprovalsView).show(picture)
        main.query_one(CostsView).show(picture)
        main.query_one(LogView).show(picture)
        for screen in self.screen_stack:
            if isinstance(screen, TranscriptScreen):
                screen.show(picture)

    # ---- what is looked at ----

    def action_tab(self, name: str) -> None:
        """Look at another view."""
        if isinstance(self.screen, TranscriptScreen):
            self.pop_screen()
        self.query_one(TabbedContent).active = name
        target = {"sessions": "#sessions-table", "approvals": "#approvals-table"}
        self.query_one(target.get(name, "#costs-view" if name == "costs" else "#log-lines")).focus()

    def action_filter(self) -> None:
        """Go to the log's filter."""
        self.action_tab("log")
        self.query_one("#log-filter", Input).focus()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Open a session, or show all answers to a question."""
        if isinstance(event.data_table, ApprovalsView):
            self.action_answer()
        elif (session := self._session()) is not None:
            self.push_screen(TranscriptScreen(session, self.watch_hub))

    def _session(self) -> Session | None:
        """Return the session that is looked at."""
        if isinstance(self.screen, TranscriptScreen):
            return self.screen.session
        view = self.query_one(TabbedContent).active
        if view == "approvals":
            asked = self.query_one(ApprovalsView).selected
            return None if asked is None else asked[0]
        chosen = self.query_one(SessionsView).chosen if view == "sessions" else None
        return None if chosen is None else self.watch_hub.picture.session(chosen)

    def _question(self) -> tuple[Session, Permission] | None:
        """Return the question that is looked at; in the list of sessions it is not seen."""
        if isinstance(self.screen, TranscriptScreen):
            return self.screen.selected
        if self.query_one(TabbedContent).active == "approvals":
            return self.query_one(ApprovalsView).selected
        return None

    # ---- what is steered ----

    def action_prompt(self) -> None:
        """Ask what to tell the session, and tell it."""
        if (session := self._session()) is None:
            return
        name = words.one_line(session.title or session.id, 40)
        self.push_screen(PromptDialog(name), lambda text: self._prompt(session, text))

    def _prompt(self, session: Session, text: str | None) -> None:
        if text is not None:
            self._steer(lambda source: source.prompt(session.id, text))

    def action_cancel(self) -> None:
        """Cancel the session's turn, once the user is sure."""
        if (session := self._session()) is None:
            return
        if not session.busy:
            self.notify("it has no turn under way", markup=False)
            return
        sure = [Choice("yes", "cancel it", ""), Choice("no", "go on", "")]
        name = words.one_line(session.title or session.id, 40)
        question = ChoiceDialog(f"Cancel the turn of {name}?", sure)
        self.push_screen(question, lambda answer: self._cancel(session, answer))

    def _cancel(self, session: Session, answer: str | None) -> None:
        if answer == "yes":
            self._steer(lambda source: source.cancel(session.id))

    def action_answer(self) -> None:
        """Show what is asked with all answers."""
        session = self._session()
        asked = self._question() or (
            (session, session.permissions[0]) if session and session.permissions else None
        )
        if asked is None:
            self.notify("nothing waits for an answer here", markup=False)
            return
        question = printable(f"{asked[0].agent} asks: may it do this?\n\n{asked[1].wanted}")
        self.push_screen(
            ChoiceDialog(question, asked[1].choices), lambda choice: self._reply(*asked, choice)
        )

    def action_reply(self, yes: bool) -> None:
        """Say yes or no, this once, to what is seen."""
        if (asked := self._question()) is None:
            self.notify("nothing is asked here: `a` shows what a session asks", markup=False)
            return
        if self._aim().slipped():
            self.notify("it was answered elsewhere; this is another one", markup=False)
            return
        choice = asked[1].first(*(_YES if yes else _NO))
        if choice is None:
            self.action_answer()
        else:
            self._reply(*asked, choice.id)

    def _aim(self) -> Aim:
        seen = self.screen
        return seen.aim if isinstance(seen, TranscriptScreen) else self.query_one(ApprovalsView).aim

    def _reply(self, session: Session, asked: Permission, choice: str | None) -> None:
        if choice is not None:
            self._aim().answered(question_key(session, asked))
            self._steer(lambda source: source.answer(session.id, asked.id, choice))

    def _steer(self, act: Callable[[Source], Awaitable[None]]) -> None:
        self.run_worker(self._carry_out(act), exit_on_error=True)

    async def _carry_out(self, act: Callable[[Source], Awaitable[None]]) -> None:
        try:
            await act(self.watch_hub.require_source())
        except AgentOsError as error:
            self.notify(str(error), severity="error", markup=False)
        self.watch_hub.stir()


def _head(picture: Picture, width: int) -> Text:
    """Say in two lines how things are."""
    costs = picture.costs
    spent = words.cost_of_use(costs.total, costs.currency)
    used = [each.share for each in picture.budgets if each.share is not None]
    second = [
        words.summary(picture),
        f"today {spent} {sparkline(costs.total.course).strip()}",
        f"budget {words.share(max(used))}" if used else "",
        words.one_line(picture.problem) if picture.reach is not Reach.LOST else "",
    ]
    style = "" if picture.reach is Reach.HUB else "bold yellow"
    return Text.assemble(
        (words.one_line(words.standing(picture), width), style),
        "\n",
        words.one_line(" · ".join(filter(None, second)), width),
    )
