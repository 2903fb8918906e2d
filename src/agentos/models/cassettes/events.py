"""Streams of server-sent events: taken apart, and freed of secrets that come in pieces."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agentos.models.cassettes.scrubbing import Scrubber

_EVENT = re.compile(r".*?(?:\r?\n\r?\n|\Z)", re.DOTALL)
_DATA = re.compile(r"^(data: ?)(.*?)(\r?)$", re.MULTILINE)
# These differ from one event of a text to the next.
_COUNTING = ("sequence_number", "obfuscation", "created", "logprobs")


def split_events(text: str, *, cut_off: bool) -> list[str]:
    """Cut a stream into its events, each with the empty line after it.

    Args:
        text: The stream.
        cut_off: Whether it broke off; an event without its end is left out then, since no
            client has seen it as one.
    """
    events = [event for event in _EVENT.findall(text) if event]
    if cut_off and events and not events[-1].endswith("\n\n") and events[-1][-4:] != "\r\n\r\n":
        events.pop()
    return events


def scrub_events(events: Sequence[str], scrubber: Scrubber, *, cut_off: bool = False) -> list[str]:
    """Take secrets out of events, also those that are spread over many.

    A model's words come as many small events. If all of them together hold a secret, the first
    gets the whole text without it, and the others get none.

    Args:
        events: The events.
        scrubber: Knows the secrets.
        cut_off: Whether the stream broke off.
    """
    opened = [_Event.read(event) for event in events]
    texts: dict[object, list[_Piece]] = {}
    for event in opened:
        for piece in event.pieces():
            texts.setdefault(piece.of, []).append(piece)
    for pieces in texts.values():
        whole = "".join(piece.text for piece in pieces)
        scrubbed = scrubber.text(whole, cut_off=cut_off)
        if scrubbed != whole:
            for number, piece in enumerate(pieces):
                piece.set("" if number else scrubbed)
    return [event.scrubbed(scrubber) for event in opened]


@dataclass
class _Event:
    text: str
    data: Any = None
    changed: bool = False

    @classmethod
    def read(cls, text: str) -> _Event:
        lines = _DATA.findall(text)
        if len(lines) != 1:
            return cls(text)
        try:
            return cls(text, json.loads(lines[0][1]))
        except (ValueError, RecursionError):
            return cls(text)

    def pieces(self) -> Iterator[_Piece]:
        """Find the texts in it that are parts of a longer one: what is below a `delta`."""
        if isinstance(self.data, dict):
            marks = {k: v for k, v in self.data.items() if isinstance(v, str | int)}
            own = tuple(sorted((k, v) for k, v in marks.items() if k not in (*_COUNTING, "delta")))
            yield from self._below(self.data, (), own, inside=False)

    def scrubbed(self, scrubber: Scrubber) -> str:
        if self.data is None:
            return scrubber.text(self.text)
        value = scrubber.data(self.data)
        if value == self.data and not self.changed:
            return self.text
        written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return _DATA.sub(lambda m: f"{m[1]}{written}{m[3]}", self.text)

    def _below(
        self, value: Any, path: tuple[object, ...], own: object, *, inside: bool
    ) -> Iterator[_Piece]:
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, below in inner:
            here = inside or key == "delta"
            if isinstance(below, str) and here:
                yield _Piece((own, path, key), self, value, key)
            elif isinstance(below, dict | list):
                # A list's places say which choice or tool call it is about.
                place = below.get("index", key) if isinstance(below, dict) else key
                yield from self._below(below, (*path, place), own, inside=here)


@dataclass
class _Piece:
    of: object
    event: _Event
    holder: Any
    key: Any

    @property
    def text(self) -> str:
        return str(self.holder[self.key])

    def set(self, text: str) -> None:
        self.holder[self.key] = text
        self.event.changed = True
