"""A transcript as styled lines, worded as `agentos run` words it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from agentos.cli.render import TextRenderer, headline
from agentos.sessions.events import SessionEvent


class TranscriptLines:
    """Turns events into lines.

    Attributes:
        rest: The line that is not over yet.
    """

    def __init__(self) -> None:
        self.rest = Text()
        self._whole: list[Text] = []
        self._renderer = TextRenderer(self)

    def add(self, event: SessionEvent) -> None:
        """Take the next event."""
        shown, data = self._renderer, event.data
        if event.type == "turn_started":
            shown.asked(_text_of(data))
        elif event.type == "turn_ended":
            shown.end()
            if error := data.get("error"):
                shown.failed(error["message"])
            elif data.get("stop_reason") not in (None, "end_turn"):
                shown.note(f"The turn ended: {data['stop_reason']}.")
        elif event.type == "permission_requested":
            shown.note(f"may it do this?  {headline(data['tool_call'])}")
        elif event.type == "permission_resolved":
            shown.note(f"answered: {data['option']}" if data.get("option") else "not answered")
        else:
            shown.event(event)

    def take(self) -> list[Text]:
        """Return the lines that are over since the last call."""
        whole, self._whole = self._whole, []
        return whole

    def print(self, text: str, /, *, style: str, end: str, markup: bool) -> None:
        """Take what the renderer prints."""
        del markup
        *lines, rest = (text + end).split("\n")
        for line in lines:
            self.rest.append(line, style)
            self._whole.append(self.rest)
            self.rest = Text()
        self.rest.append(rest, style)


def _text_of(data: Mapping[str, Any]) -> str:
    blocks = data.get("prompt", ())
    return "\n".join(str(block.get("text") or f"[{block.get('type')}]") for block in blocks)
