"""What is on a cassette, and which of it answers a request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentos.models.attribution import Kind
from agentos.models.cassettes.answer import Answer
from agentos.models.cassettes.normal_form import Rules

_MODELS = "models"


@dataclass(eq=False)
class Interaction:
    """A request and its answer.

    Attributes:
        request: Its normal form.
        answer: The answer; None as long as there is none.
        lines: By place in the request, its line in the file: see `tape_file`.
        played: Whether it was played.
    """

    request: Mapping[str, Any]
    answer: Answer | None = None
    lines: Any = None
    played: bool = False


@dataclass(eq=False)
class Conversation:
    """What was said in one thread of an agent, in order.

    Attributes:
        kind: What its first request was for.
        provider: Who was asked first.
        interactions: The requests and answers.
        ordered: Whether a later request only comes after an earlier one; not if the client names
            no threads.
        thread: The thread that it is played to or recorded from, once that has come.
    """

    kind: Kind = Kind.TURN
    provider: str = ""
    interactions: list[Interaction] = field(default_factory=list)
    ordered: bool = True
    thread: str | None = None

    @property
    def unplayed(self) -> list[Interaction]:
        """What waits to be played, in order."""
        return [i for i in self.interactions if i.answer is not None and not i.played]

    def next(self, path: str) -> list[Interaction]:
        """What a request with a path may be answered with, in order."""
        waiting = [i for i in self.unplayed if i.request["path"] == path]
        begins = self.thread is None and self.ordered and path != _MODELS
        return waiting[:1] if begins else waiting


@dataclass
class Tape:
    """The contents of a cassette.

    Attributes:
        route: Where the sessions go that name no route.
        aliases: Names of routes, for hosts whose `agentos.toml` has none.
        rules: What is passed over when requests are compared.
        conversations: By the order of their first requests.
    """

    route: str = ""
    aliases: dict[str, str] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    conversations: list[Conversation] = field(default_factory=list)

    def take(self, thread: str, request: Mapping[str, Any]) -> Interaction | None:
        """Find what answers a request, and mark it as played.

        A thread keeps to the conversation in which its first request was found, so that
        sessions with the same words do not take each other's answers.

        Args:
            thread: The agent's thread.
            request: The normal form.
        """
        for conversation in self._candidates(thread):
            for interaction in conversation.next(request["path"]):
                if interaction.request == request:
                    conversation.thread = thread
                    # Agents ask for the list of models as often as they like.
                    interaction.played = request["path"] != _MODELS
                    return interaction
        return None

    def nearest(self, thread: str, kind: Kind, request: Mapping[str, Any]) -> Interaction | None:
        """Find what a request that nothing answers was most likely meant to be."""
        own = [c for c in self.conversations if c.thread == thread]
        same = [c for c in self._candidates(thread) if c.kind is kind]
        waiting = [c.unplayed[0] for c in own or same if c.unplayed]
        path = [i for i in waiting if i.request["path"] == request["path"]]
        return max(path or waiting, key=lambda i: _likeness(i.request, request), default=None)

    def add(self, thread: str, kind: Kind, provider: str, interaction: Interaction) -> None:
        """Put a new interaction behind what its thread has said."""
        own = next((c for c in self.conversations if c.thread == thread), None)
        if own is None:
            own = Conversation(kind, provider, ordered=bool(thread), thread=thread)
            self.conversations.append(own)
        own.interactions.append(interaction)

    def unplayed(self) -> Iterator[Interaction]:
        """What was never asked for, but for what agents ask on their own account."""
        for conversation in self.conversations:
            if not conversation.kind.hidden:
                yield from (i for i in conversation.unplayed if i.request["path"] != _MODELS)

    def _candidates(self, thread: str) -> list[Conversation]:
        own = [c for c in self.conversations if c.thread == thread]
        return own or [c for c in self.conversations if c.thread is None]


def _likeness(one: Any, other: Any) -> int:
    """Count the places at which two normal forms hold the same."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return sum(_likeness(one[key], other[key]) for key in one.keys() & other.keys())
    if isinstance(one, list) and isinstance(other, list):
        return sum(_likeness(a, b) for a, b in zip(one, other, strict=False))
    return int(one == other)
