"""`agentos run` in the hub: what it says, shows and returns is what it does alone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import typer
from pydantic import SecretStr

from agentos.cli.interrupt import cancel_on_interrupt
from agentos.cli.render import FileDiff
from agentos.cli.run import Task, resuming
from agentos.config import data_dir, home_dir
from agentos.errors import AgentOsError, SessionClosed
from agentos.hub.client import HubClient
from agentos.hub.errors import Refused
from agentos.hub.sessions.models import (
    FileChange,
    NewBudget,
    NewSession,
    SessionDiff,
    SessionState,
)
from agentos.hub.sessions.place import store_mark
from agentos.sessions.events import SessionEvent
from agentos.sessions.permissions import PermissionOption, PermissionRequest

if TYPE_CHECKING:
    from agentos.cli.render import Renderer

#: Characters of the patch that are asked for.
_MOST = 50_000_000
#: What the hub cannot do, but this process perhaps can: it has other credentials, and other room.
_NOT_THERE = frozenset(
    ("authentication_required", "too_many_sessions", "hub_closing", "hub_silent", "hub_failed")
)
_ENDING = (signal.SIGTERM, signal.SIGHUP)
_KINDS = {"added": "added", "changed": "modified", "deleted": "deleted"}


class NotInHub(Exception):
    """The hub does not take a task; why."""


async def perform_in_hub(task: Task, show: Renderer) -> int:
    """Do a task in a session of the hub, from its beginning to its end.

    Returns:
        The exit code.

    Raises:
        NotInHub: The hub has ended, or cannot do this.
    """
    hub = HubClient.find()
    if hub is None:
        raise NotInHub("the hub has just ended")
    async with hub:
        await _require_same_place(hub)
        task = await resuming(task) if task.resume else task
        with _ends_in_good_order():
            begun = await _begin(hub, task)
            try:
                code = await _Run(hub, begun.id, task, show).work(begun.last_seq)
                if task.workspace is not None:
                    await _bring_back(hub, begun.id, task, show)
            finally:
                await asyncio.shield(_end(hub, begun.id))
        return code


@contextmanager
def _ends_in_good_order() -> Iterator[None]:
    """End what is in the hub also when this process is told to end, as a machine here would."""
    loop, whole = asyncio.get_running_loop(), asyncio.current_task()
    told: list[int] = []

    def end(number: int) -> None:
        told.append(number)
        if whole is not None:
            whole.cancel()

    for number in _ENDING:
        loop.add_signal_handler(number, end, number)
    try:
        yield
    except asyncio.CancelledError:
        if told:
            raise typer.Exit(128 + told[0]) from None
        raise
    finally:
        for number in _ENDING:
            loop.remove_signal_handler(number)


async def _require_same_place(hub: HubClient) -> None:
    """Only a hub of this version that keeps sessions where this process does will do."""
    url, own = hub.running.url, version("agentos-vm")
    if hub.running.version != own:
        raise NotInHub(f"the hub at {url} is of version {hub.running.version}, this is {own}")
    try:
        host = await hub.host()
    except AgentOsError as error:
        raise NotInHub(f"the hub at {url} cannot be used: {error.message}") from error
    if (host.store, host.data, host.home) != (store_mark(), str(data_dir()), str(home_dir())):
        raise NotInHub(f"the hub at {url} keeps sessions elsewhere")


async def _begin(hub: HubClient, task: Task) -> SessionState:
    from agentos.agents import get_agent
    from agentos.cli.software import install_showing_progress

    await install_showing_progress(get_agent(task.agent).software)
    url = hub.running.url
    try:
        wanted = _wanted(task)
    except ValueError as error:
        raise NotInHub(f"the hub at {url} cannot take this: {error}") from error
    try:
        begun = await hub.begin(wanted)
    except AgentOsError as error:
        status = error.status if isinstance(error, Refused) else 503
        if error.code in _NOT_THERE or (status in (404, 405, 422) and error.code in _UNKNOWN):
            raise NotInHub(f"the hub at {url} cannot take this: {error.message}") from error
        raise
    typer.echo(f"agentos: in the hub at {url}; --alone runs it here", err=True)
    return begun


#: How a hub that does not know a route or a field says so.
_UNKNOWN = frozenset(("not_found", "method_not_allowed", "request_invalid"))


async def _end(hub: HubClient, id: str) -> None:
    try:
        await hub.end(id)
    except AgentOsError as error:
        typer.echo(f"agentos: the session could not be ended: {error.message}", err=True)


async def _bring_back(hub: HubClient, id: str, task: Task, show: Renderer) -> None:
    diff = await hub.diff(id, most=_MOST)
    show.changes(list(_file_diffs(diff)))
    if diff.truncated:
        typer.echo("agentos: the changes are too many to show all of them", err=True)
    if not task.apply or task.workspace is None:
        return
    applied = await hub.apply(id)
    if applied.conflicts:
        from agentos.machine.workspace import WorkspaceConflict

        raise WorkspaceConflict(applied.conflicts)
    show.applied(os.path.abspath(task.workspace), len(applied.written))


def _file_diffs(diff: SessionDiff) -> Iterator[FileDiff]:
    """Part a patch into those of its files; a file may have two, such as a link made a file."""
    whole = "\n" + diff.patch.removesuffix("\n")
    patches: dict[str, str] = {}
    for part in whole.split("\ndiff --git ")[1:]:
        head = part.partition("\n")[0]
        patches[head] = patches.get(head, "") + f"diff --git {part}\n"
    for change in diff.changes:
        yield FileDiff(change.path, _KINDS[change.change], patches.get(_head(change), ""))


def _head(change: FileChange) -> str:
    from agentos.machine.patch import quoted

    return f"{quoted(f'a/{change.path}')} {quoted(f'b/{change.path}')}"


@dataclass
class _Run:
    """A prompt that a session of the hub works on."""

    hub: HubClient
    id: str
    task: Task
    show: Renderer

    async def work(self, after: int) -> int:
        """Send the prompt and show what happens until its turn has ended."""
        turn = (await self.hub.prompt(self.id, self.task.prompt)).turn
        questions = _Questions(self.hub, self.id, self.task)
        begun = False
        try:
            with cancel_on_interrupt(lambda: self.hub.cancel(self.id)):
                async with aclosing(self.hub.follow(self.id, after)) as following:
                    async for item in following:
                        if isinstance(item, SessionState):
                            _require_live(item)
                            continue
                        begun = begun or _is(item, "turn_started", turn)
                        if begun:
                            self.show.event(item)
                            questions.hear(item)
                        if _is(item, "turn_ended", turn):
                            return self._ended(item.data)
        finally:
            await questions.close()
        raise _gone(self.id)

    def _ended(self, data: Mapping[str, Any]) -> int:
        if (error := data.get("error")) is not None:
            raise AgentOsError(error["message"], code=error["code"], hint=error.get("hint"))
        self.show.ended(data["stop_reason"])
        self.show.kept(self.task.agent, self.id)
        return 130 if data["stop_reason"] == "cancelled" else 0


class _Questions:
    """Puts the agent's questions to whoever answers here, unless somebody else was first."""

    def __init__(self, hub: HubClient, id: str, task: Task) -> None:
        self._hub = hub
        self._id = id
        self._policy = task.permission
        self._asking: dict[str, asyncio.Task[None]] = {}

    def hear(self, event: SessionEvent) -> None:
        """Ask what the agent asks, and stop asking what is answered."""
        if not callable(self._policy):
            return
        if event.type == "permission_requested":
            request = _request(event.data)
            self._asking[request.id] = asyncio.create_task(self._ask(request))
        elif event.type == "permission_resolved":
            asking = self._asking.pop(event.data["request_id"], None)
            if asking is not None and not asking.done():
                asking.cancel()

    async def close(self) -> None:
        """Ask no more."""
        for asking in self._asking.values():
            asking.cancel()
        if self._asking:
            await asyncio.wait(self._asking.values())

    async def _ask(self, request: PermissionRequest) -> None:
        policy = self._policy
        assert callable(policy)
        answer = policy(request)
        option = await answer if not isinstance(answer, str | None) else answer
        try:
            if option is None:
                await self._hub.cancel(self._id)  # there is no way to say no but to stop
            else:
                await self._hub.answer(self._id, request.id, option)
        except AgentOsError as error:
            if error.code != "permission_resolved":
                typer.echo(f"agentos: the answer did not arrive: {error.message}", err=True)


def _request(data: Mapping[str, Any]) -> PermissionRequest:
    options: Sequence[Mapping[str, Any]] = data["options"]
    return PermissionRequest(
        data["request_id"], data["tool_call"], tuple(PermissionOption(**one) for one in options)
    )


def _is(event: SessionEvent, type: str, turn: int | None) -> bool:
    return event.type == type and event.data.get("turn") == turn


def _require_live(state: SessionState) -> None:
    if state.error is not None and state.state == "failed":
        raise AgentOsError(state.error.message, code=state.error.code, hint=state.error.hint)
    if not state.live:
        raise _gone(state.id)


def _gone(id: str) -> SessionClosed:
    return SessionClosed(
        "the session was ended in the hub",
        hint=f"go on with it: agentos run ... --resume {id}",
    )


def _wanted(task: Task) -> NewSession:
    network = {"mode": task.preset or "none", "allow": list(task.allow)}
    bounds = task.limits
    limits = bounds and {"memory": bounds.memory, "cpus": bounds.cpus, "pids": bounds.pids}
    return NewSession.model_validate(
        {
            "agent": os.path.abspath(task.agent) if "/" in task.agent else task.agent,
            "model": task.model,
            "workspace": _absolute(task.workspace),
            "instructions": task.instructions,
            "instructions_file": _absolute(task.instructions_file),
            "skills": [_absolute(skill) for skill in task.skills],
            "memories": [_absolute(memory) for memory in task.memories],
            "profile": task.profile,
            "profile_file": _absolute(task.profile_file),
            "permission": "ask" if callable(task.permission) else task.permission,
            "env": {name: SecretStr(value) for name, value in task.env.items()},
            "network": network,
            "limits": limits,
            "image": task.image,
            "isolation": task.isolation,
            "budget": NewBudget(money=task.budget.money) if task.budget else None,
            "resume": task.resume,
        }
    )


def _absolute(path: os.PathLike[str] | None) -> str | None:
    return None if path is None else os.path.abspath(path)
