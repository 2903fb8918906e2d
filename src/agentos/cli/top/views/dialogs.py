"""Questions to the user: a text, one of several answers, yes or no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from agentos.cli.top.picture import Choice
from agentos.cli.top.words import one_line


class PromptDialog(ModalScreen[str | None]):
    """Asks for what to tell a session."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(None)", "Back")]

    def __init__(self, session: str) -> None:
        super().__init__()
        self._session = session

    def compose(self) -> ComposeResult:
        """Make the question and a line for the answer."""
        with Vertical(classes="dialog"):
            yield Static(Text(f"Tell {self._session}  (Enter sends, Esc goes back)"))
            yield Input(id="prompt")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer with what was typed; with nothing, wait on."""
        if event.value.strip():
            self.dismiss(event.value)


class ChoiceDialog(ModalScreen[str | None]):
    """Asks for one of several answers; a digit is one of them."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(None)", "Back")]

    def __init__(self, question: str, choices: Sequence[Choice]) -> None:
        super().__init__()
        self._question = question
        self._choices = choices

    def compose(self) -> ComposeResult:
        """Make the question and its answers."""
        with Vertical(classes="dialog"):
            yield Static(Text(self._question))
            yield OptionList(
                *(
                    Option(Text(f"{number}  {one_line(each.name)}"), id=each.id)
                    for number, each in enumerate(self._choices, 1)
                )
            )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Answer with what was chosen."""
        self.dismiss(event.option.id)

    def on_key(self, event: Key) -> None:
        """Answer with a digit."""
        if event.key.isdigit() and 0 < int(event.key) <= len(self._choices):
            event.stop()
            self.dismiss(self._choices[int(event.key) - 1].id)
