"""`agentos run`: an agent works on a copy of your directory, and you see what it changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agentos.cli.event_loop import run_command
from agentos.cli.options import (
    Allow,
    Cpus,
    Env,
    Image,
    Isolation,
    Json,
    Memory,
    Network,
    Pids,
    Workspace,
    environment,
    limits,
    network_policy,
)
from agentos.cli.options import isolation as kind

if TYPE_CHECKING:
    from agentos.cli.render import Renderer
    from agentos.machine.isolation.backends import Isolation as Kind
    from agentos.machine.limits.limits import Limits
    from agentos.machine.machine import AgentOs
    from agentos.machine.network import NetworkPolicy
    from agentos.models.budgets import Budget
    from agentos.models.provider import ModelProvider
    from agentos.sessions import Permission, Session
    from agentos.sessions.settings import ResumeSettings

WORKSPACE = "/home/agentos/workspace"


@dataclass(frozen=True, slots=True)
class Task:
    """What an agent is asked to do, and where; `preset` and `allow` are what `network` is of."""

    agent: str
    prompt: str
    workspace: Path | None = None
    model: str | None = None
    instructions: str | None = None
    skills: Sequence[Path] = ()
    instructions_file: Path | None = None
    memories: Sequence[Path] = ()
    profile: str | None = None
    profile_file: Path | None = None
    permission: Permission = "allow"
    env: dict[str, str] = field(default_factory=dict)
    network: NetworkPolicy | None = None
    preset: str | None = None
    allow: Sequence[str] = ()
    apply: bool = False
    provider: ModelProvider | None = None
    budget: Budget | None = None
    limits: Limits | None = None
    image: str = "host"
    isolation: Kind = "namespace"
    resume: str | None = None


def run(
    agent: Annotated[str, typer.Argument(help="The agent, such as codex.")],
    prompt: Annotated[str, typer.Argument(help="What to do.")],
    workspace: Workspace = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Bring the changes back to the workspace.")
    ] = False,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="The model, or provider/model.")
    ] = None,
    budget: Annotated[
        float | None, typer.Option("--budget", metavar="DOLLARS", help="Spend at most this much.")
    ] = None,
    instructions: Annotated[
        str | None, typer.Option("--instructions", help="Added to the agent's own.")
    ] = None,
    instructions_file: Annotated[
        Path | None,
        typer.Option("--instructions-file", metavar="FILE", help="An AGENTS.md for it to read."),
    ] = None,
    skill: Annotated[
        list[Path] | None,
        typer.Option("--skill", metavar="DIR", help="Give it a skill: a directory with SKILL.md."),
    ] = None,
    remember: Annotated[
        list[Path] | None,
        typer.Option("--remember", metavar="FILE", help="Tell it what was learned earlier."),
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="NAME", help="Its role, such as planner.")
    ] = None,
    profile_file: Annotated[
        Path | None,
        typer.Option("--profile-file", metavar="FILE", help="The role's settings."),
    ] = None,
    permission: Annotated[
        str,
        typer.Option(
            "--permission", metavar="WORD", help="allow what it does, ask you, or reject it."
        ),
    ] = "allow",
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="ID", help="Go on with this session.")
    ] = None,
    env: Env = None,
    allow: Allow = None,
    network: Network = None,
    memory: Memory = None,
    cpus: Cpus = None,
    pids: Pids = None,
    image: Image = "host",
    isolation: Isolation = "namespace",
    alone: Annotated[
        bool, typer.Option("--alone", help="Here, also if a hub runs that could hold it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Let an agent work in a machine of its own: agentos run codex "PROMPT" -e OPENAI_API_KEY.

    A hub that runs holds the session, so that the dashboard shows it, and says so.
    """
    from agentos.cli.asking import permission_policy
    from agentos.cli.render import renderer

    if apply and workspace is None:
        raise typer.BadParameter("--apply brings changes back to --workspace, and there is none")
    if resume and instructions:
        raise typer.BadParameter("a resumed session keeps its --instructions")
    task = Task(
        agent=agent,
        prompt=prompt,
        workspace=workspace,
        model=model,
        instructions=instructions,
        skills=tuple(skill or ()),
        instructions_file=instructions_file,
        memories=tuple(remember or ()),
        profile=profile,
        profile_file=profile_file,
        permission=permission_policy(permission),
        env=environment(env),
        network=network_policy(network, allow),
        preset=network,
        allow=tuple(allow or ()),
        apply=apply,
        limits=limits(memory, cpus, pids),
        image=image,
        budget=_budget(budget),
        isolation=kind(isolation),
        resume=resume,
    )
    raise typer.Exit(run_command(_perform(task, renderer(as_json), alone)))


async def _perform(task: Task, show: Renderer, alone: bool) -> int:
    """Do a task in the hub if that runs and can, else here."""
    if not alone and _a_hub_runs():
        from agentos.cli.run_in_hub import NotInHub, perform_in_hub

        try:
            return await perform_in_hub(task, show)
        except NotInHub as reason:
            typer.echo(f"agentos: {reason}; running here", err=True)
    return await perform(task, show)


def _a_hub_runs() -> bool:
    from agentos.config import state_dir
    from agentos.hub.lifecycle.running import read_running

    running = read_running(state_dir())
    return running is not None and running.alive


def _budget(dollars: float | None) -> Budget | None:
    if dollars is None:
        return None
    from agentos.models.budgets import Budget

    return Budget(money=dollars)


async def perform(task: Task, show: Renderer) -> int:
    """Do a task in a fresh machine, from copying in to bringing back.

    Returns:
        The exit code: 0 when the agent ended its turn, 130 when it was cancelled.
    """
    from agentos.agents import get_agent
    from agentos.cli.render import FileDiff
    from agentos.cli.software import install_showing_progress
    from agentos.machine.machine import AgentOs
    from agentos.machine.workspace import Workspace as Copy

    task = await resuming(task) if task.resume else task
    await install_showing_progress(get_agent(task.agent).software)
    async with AgentOs(
        image=task.image, network=task.network, limits=task.limits, isolation=task.isolation
    ) as vm:
        copy = Copy(vm, task.workspace, WORKSPACE) if task.workspace else None
        if copy:
            await copy.copy_in()
        else:
            await vm.mkdir(WORKSPACE)
        code = await _work(vm, task, show)
        if copy:
            changes = await copy.changes()
            show.changes([FileDiff(c.path, c.kind, c.diff()) for c in changes])
            if task.apply:
                await copy.apply(changes)
                show.applied(copy.host, len(changes))
        return code


async def _work(vm: AgentOs, task: Task, show: Renderer) -> int:
    from agentos.cli.interrupt import cancel_on_interrupt

    async with await _open(vm, task) as session:
        turn = session.prompt(task.prompt)
        with cancel_on_interrupt(session.cancel):
            async for event in turn:
                show.event(event)
            result = await turn
    show.ended(result.stop_reason)
    show.kept(session.agent, session.id)
    return 130 if result.stop_reason == "cancelled" else 0


async def _open(vm: AgentOs, task: Task) -> Session:
    settings: ResumeSettings = {
        "env": task.env,
        "model": task.model,
        "provider": task.provider,
        "budget": task.budget,
        "skills": task.skills,
        "instructions_file": task.instructions_file,
        "memories": task.memories,
        "profile": task.profile,
        "profile_file": task.profile_file,
        "permission": task.permission,
    }
    if task.resume:
        return await vm.resume_session(task.resume, **settings)
    return await vm.create_session(
        task.agent, cwd=WORKSPACE, instructions=task.instructions, **settings
    )


async def resuming(task: Task) -> Task:
    """Find the session that a task goes on with, before anything is made."""
    from agentos.errors import ConfigInvalid
    from agentos.sessions.transcripts.keeper import open_transcripts

    async with open_transcripts() as transcripts:
        record = await transcripts.named(task.resume or "")
    if record.agent != task.agent:
        raise ConfigInvalid(
            f"session {record.id} is one of {record.agent}, not of {task.agent}",
            hint=f"agentos run {record.agent} ... --resume {record.id}",
        )
    return replace(task, resume=record.id)
