"""A cassette in use: it answers calls from its tape, or asks and records."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from agentos.errors import AuthenticationRequired, CassetteMismatch, ConfigInvalid
from agentos.models.attribution import Attribution, attribute
from agentos.models.cassettes import active
from agentos.models.cassettes.answer import Listening
from agentos.models.cassettes.difference import Difference
from agentos.models.cassettes.normal_form import Rules, normal_form
from agentos.models.cassettes.scrubbing import Scrubber, secrets_of
from agentos.models.cassettes.tape import Interaction, Tape
from agentos.models.cassettes.tape_file import read_tape, write_tape
from agentos.models.credentials import KeySource
from agentos.models.providers import Provider
from agentos.models.upstream import Ask, UpstreamRequest, UpstreamResponse

_logger = logging.getLogger("agentos.models.cassettes")
_TOLD_LINES = 24


class Mode(StrEnum):
    """When providers are asked.

    Never; only if there is no file yet; for requests that are not in the file; for all, and the
    file is made anew.
    """

    NONE = "none"
    ONCE = "once"
    NEW_EPISODES = "new_episodes"
    ALL = "all"


class CassetteUnused(UserWarning):
    """Something on a cassette was never asked for."""


def cassette(
    path: str | Path,
    *,
    mode: Mode | str = Mode.ONCE,
    ignore: Sequence[str] = (),
    mask: Sequence[str] = (),
    secrets: Iterable[str] = (),
) -> Cassette:
    """Record the model calls of the sessions that begin in a block, or replay them.

    Use it with `with` or `async with`. No secret reaches the file: providers' keys, variables of
    the environment that are named like secrets, `secrets`, and what has the form of a key.

    Args:
        path: The file, in YAML.
        mode: `"once"` records if there is no file yet and else replays; `"none"` replays,
            `"new_episodes"` replays and records what is new, `"all"` records anew.
        ignore: Parts of the body that are not compared, such as `tools` or `reasoning.effort`.
        mask: Regular expressions; what they match is not compared.
        secrets: What else must not be recorded.

    Returns:
        The cassette.

    Raises:
        ConfigInvalid: There is no such mode, or a regular expression is none. On entering: the
            file cannot be read, or is not there with mode `"none"`.
        CassetteMismatch: On leaving: a request was not in the file; its `diff` says why.

    Example:
        ```python
        async with cassette("tests/cassettes/hello.yaml"):
            session = await vm.create_session("codex", model="openai/gpt-5.5")
            result = await session.prompt("Say hello")
        ```
    """
    return Cassette(path, mode=mode, ignore=ignore, mask=mask, secrets=secrets)


class Cassette:
    """See `cassette`.

    Attributes:
        path: The file.
        mode: When providers are asked.
        mismatches: The requests that nothing on the tape answered.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        mode: Mode | str = Mode.ONCE,
        ignore: Sequence[str] = (),
        mask: Sequence[str] = (),
        secrets: Iterable[str] = (),
    ) -> None:
        if mode not in tuple(Mode):
            raise ConfigInvalid(
                f"a cassette has no mode {mode!r}", hint=f"one of {', '.join(Mode)}"
            )
        self.path = Path(path)
        self.mode = Mode(mode)
        self.mismatches: list[CassetteMismatch] = []
        self._own_rules = Rules(tuple(ignore), tuple(mask))
        self._scrubber = Scrubber([*secrets, *secrets_of(os.environ)])
        self._tape = Tape(rules=self._own_rules)
        self._recording: dict[Interaction, Listening] = {}
        self._new = False
        self._open = False
        self._asks = True

    @property
    def asks(self) -> bool:
        """Whether providers may be asked."""
        return self._asks

    @property
    def heard(self) -> bool:
        """Whether anything was recorded."""
        return self._new

    @property
    def providers(self) -> list[str]:
        """The providers whose answers are on the tape."""
        return sorted({conversation.provider for conversation in self._tape.conversations})

    @property
    def route(self) -> str:
        """Where sessions go that name no route; set when the first one says."""
        return self._tape.route

    @route.setter
    def route(self, route: str) -> None:
        self._tape.route = self._tape.route or route

    @property
    def aliases(self) -> dict[str, str]:
        """The names of routes where it was recorded."""
        return self._tape.aliases

    @property
    def unused(self) -> list[str]:
        """What was not asked for, each with its place in the file."""
        if self.mode is Mode.ALL:
            return []
        return [self._shown(interaction) for interaction in self._tape.unplayed()]

    def __enter__(self) -> Self:
        self._load()
        self.mismatches.clear()
        self._new = False
        self._open = True
        active.enter(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        active.leave(self)
        self.close()
        if error is not None and not isinstance(error, Exception):
            return
        if self.mismatches:
            raise self.mismatches[0].with_traceback(None) from error
        if error is None and (unused := self.unused):
            told = "\n  ".join(unused)
            warnings.warn(f"never asked for:\n  {told}", CassetteUnused, stacklevel=2)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def close(self) -> None:
        """Write what was recorded; an answer that still goes on is written as far as it came."""
        if not self._open:
            return
        self._open = False
        for interaction in list(self._recording):
            self._end(interaction)
        if self._new:
            write_tape(self.path, self._tape)

    def between(self, providers: Mapping[str, Provider]) -> Taped:
        """Return what stands between a gateway and its providers."""
        for provider in providers.values():
            self._scrubber.learn(secrets_of({**provider.headers, **provider.query}))
        return Taped(self, {name: provider.key_source for name, provider in providers.items()})

    async def answer(
        self, request: UpstreamRequest, provider: str, keys: Sequence[KeySource], ask: Ask
    ) -> UpstreamResponse:
        """Answer a call from the tape, or ask and record.

        Args:
            request: The call.
            provider: Who would be asked first.
            keys: Where the keys come from that must not be recorded.
            ask: Asks.

        Raises:
            CassetteMismatch: It is not on the tape, and nobody may be asked.
            UpstreamFailed: There is no answer.
        """
        if not self._open:
            raise CassetteMismatch(
                f"the cassette {self.path} is closed", code="cassette_closed", hint=_TOO_LATE
            )
        if self._asks:
            await self._learn(keys)
        said = attribute(request.headers, request.parsed)
        form = normal_form(request, self._scrubber, self._tape.rules)
        if self.mode is not Mode.ALL and (found := self._tape.take(said.thread, form)):
            assert found.answer is not None
            return found.answer.play()
        if not self._asks:
            raise self._mismatch(said, form)
        interaction = Interaction(form, played=True)
        self._tape.add(said.thread, said.kind, provider, interaction)
        listening = Listening(await ask(), lambda: self._end(interaction))
        self._recording[interaction] = listening
        return listening.passing

    def _load(self) -> None:
        try:
            tape = Tape() if self.mode is Mode.ALL else read_tape(self.path)
            self._asks = self.mode in (Mode.ALL, Mode.NEW_EPISODES)
        except FileNotFoundError:
            if self.mode is Mode.NONE:
                raise ConfigInvalid(
                    f"there is no cassette {self.path}", hint="record it first: mode `once`"
                ) from None
            tape, self._asks = Tape(), True
        self._tape = tape
        tape.rules |= self._own_rules
        for conversation in tape.conversations:
            for interaction in conversation.interactions:
                interaction.request = tape.rules.apply(interaction.request)

    def _end(self, interaction: Interaction) -> None:
        listening = self._recording.pop(interaction, None)
        if listening is None:
            return
        try:
            interaction.answer = listening.heard(self._scrubber)
        except (ValueError, LookupError) as error:
            _logger.warning("an answer for %s was not recorded: %s", self.path, error)
            return
        self._new = True

    async def _learn(self, keys: Sequence[KeySource]) -> None:
        for key in keys:
            try:
                self._scrubber.learn([await key.read()])
            except AuthenticationRequired:
                pass  # whoever asks will say so

    def _mismatch(self, said: Attribution, form: Mapping[str, Any]) -> CassetteMismatch:
        nearest = self._tape.nearest(said.thread, said.kind, form)
        asked = f"{form['method']} {form['path']} ({said.kind})"
        if nearest is None:
            told = f"{asked} is not on the cassette {self.path}: all like it has been played"
            mismatch = CassetteMismatch(told, hint=_RECORD)
        else:
            difference = Difference.of(self.path, nearest, form)
            lines = difference.diff.split("\n")
            short = "\n".join(lines[:_TOLD_LINES])
            told = (
                f"{asked} is not on the cassette: {difference.what} differs from "
                f"{difference.where}\n{short}\n"
            )
            mismatch = CassetteMismatch(
                told, hint=_RECORD, where=difference.where, diff=difference.diff
            )
        # What an agent asks on its own account may come or not; it fails by itself.
        if not said.kind.hidden:
            self.mismatches.append(mismatch)
        return mismatch

    def _shown(self, interaction: Interaction) -> str:
        line = "" if interaction.lines is None else f":{interaction.lines.start_mark.line + 1}"
        return f"{self.path}{line} {interaction.request['method']} {interaction.request['path']}"


_TOO_LATE = "end sessions before the block ends"
_RECORD = "if the change is meant, record anew: mode `all`, or `new_episodes`"


class Taped:
    """A cassette between the sessions of one gateway and its providers."""

    def __init__(self, cassette: Cassette, keys: Mapping[str, KeySource | None]) -> None:
        self._cassette = cassette
        self._keys = keys

    async def answer(
        self, request: UpstreamRequest, providers: Sequence[str], ask: Ask
    ) -> UpstreamResponse:
        """Answer a call; see `Between`."""
        keys = [key for name in providers if (key := self._keys.get(name)) is not None]
        return await self._cassette.answer(request, providers[0], keys, ask)
