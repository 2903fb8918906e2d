"""Sessions for the page to show: of the real Codex, and transcripts that are in the store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from tests.web.conftest import PATIENCE, Place, run

from agentos.models.rehearsal import RehearsalModel, Scenario, Step
from agentos.sessions import SessionEvent
from agentos.sessions.transcripts import SessionRecord, Transcripts
from agentos.store import Store


@dataclass
class Played:
    """Sessions of a hub whose agents' model is played."""

    place: Place
    env: dict[str, str]

    @property
    def env_lines(self) -> str:
        """The credentials as the page's form takes them."""
        return "\n".join(f"{name}={value}" for name, value in self.env.items())

    def begin(self, **wanted: Any) -> str:
        body = {"agent": "codex", "model": "gpt-5.5", "env": self.env, **wanted}
        begun: dict[str, Any] = self.place.ask("POST", "/api/v1/sessions", body)
        return str(begun["id"])

    def state(self, session: str) -> dict[str, Any]:
        found: dict[str, Any] = self.place.ask("GET", f"/api/v1/sessions/{session}")
        return found

    def waits(self, session: str, about: str) -> str:
        """Wait until the agent asks for something; return the request's id."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for asked in self.state(session)["permissions"]:
                if about in (asked["command"] or asked["title"]):
                    return str(asked["id"])
            time.sleep(0.1)
        raise AssertionError(f"it does not ask for {about}: {self.state(session)}")

    def answer(self, session: str, about: str, option: str) -> None:
        """Answer what the agent asks for."""
        path = f"/api/v1/sessions/{session}/permissions/{self.waits(session, about)}"
        self.place.ask("POST", path, {"option": option})


@contextmanager
def played(place: Place, *steps: Step, pace: float = 0.0) -> Iterator[Played]:
    """Play these steps to every session of the hub."""
    ready: Future[Callable[[], object]] = Future()
    model = RehearsalModel(Scenario(steps=list(steps)), pace=pace)
    with ThreadPoolExecutor(1) as thread:
        served = thread.submit(asyncio.run, _serve(model, ready))
        end = ready.result()
        try:
            env = {"OPENAI_API_KEY": model.api_key, "OPENAI_BASE_URL": model.base_url}
            yield Played(place, env)
        finally:
            end()
            served.result()


async def _serve(model: RehearsalModel, ready: Future[Callable[[], object]]) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with model:
        ready.set_result(partial(loop.call_soon_threadsafe, ended.set))
        await ended.wait()


def store(
    place: Place, events: Sequence[tuple[str, dict[str, Any]]], *, id: str, **record: Any
) -> None:
    """Put the transcript of a session that has ended into the hub's store."""
    ended = datetime.now(UTC)
    kept = SessionRecord(id, "codex", "machine", ended=ended, **record)
    run(_stored(place, kept, events))


async def _stored(
    place: Place, record: SessionRecord, events: Sequence[tuple[str, dict[str, Any]]]
) -> None:
    opened = await Store.open(place.environment["AGENTOS_STORE_URL"])
    try:
        transcripts = Transcripts(opened)
        epoch = await transcripts.create(record)
        begin = record.updated.timestamp() - len(events)
        happened = [
            SessionEvent(seq, record.id, begin + seq, kind, data)
            for seq, (kind, data) in enumerate(events, 1)
        ]
        await transcripts.append(record.id, epoch, happened)
    finally:
        await opened.close()
