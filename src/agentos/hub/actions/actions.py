"""Run the actions that a project declares."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from agentos.errors import ActionError
from agentos.hub.actions.artefact import Artefacts
from agentos.hub.actions.editor import install_command
from agentos.hub.actions.output import Tail
from agentos.hub.actions.result import ActionResult
from agentos.hub.clean_environment import clean_environment
from agentos.hub.process_group import exit_code, process_group
from agentos.hub.settings import Action

Progress = Callable[[str], Awaitable[None]]


def extension_actions(directory: Path) -> tuple[Action, ...]:
    """Return the actions of a VS Code extension: compile, package, install.

    Args:
        directory: The extension's, absolute.
    """
    return (
        Action("compile", directory, ("npm", "run", "compile")),
        Action("package", directory, ("npm", "run", "package"), artefact="*.vsix"),
        Action("install", directory, ()),
    )


class Actions:
    """The declared actions.

    Args:
        declared: Of two of the same name, the later counts.

    Example:
        ```
        actions = Actions(extension_actions(Path("/home/me/extension")))
        result = await actions.run("compile", progress)
        ```
    """

    def __init__(self, declared: Sequence[Action]) -> None:
        self._declared = {action.name: action for action in declared}

    @property
    def names(self) -> tuple[str, ...]:
        """The names that `run` takes."""
        return tuple(self._declared)

    async def run(self, name: str, progress: Progress | None = None) -> ActionResult:
        """Run an action to its end.

        Args:
            name: One of `names`.
            progress: Is given the output line by line, as it comes.

        Returns:
            How it ended; a failure of the command itself is a result, too.

        Raises:
            ActionError: There is no such action, or it cannot be started.
        """
        action = self._declared.get(name)
        if action is None:
            raise ActionError(
                f"there is no action {name!r}",
                code="action_not_found",
                hint=f"declared in agentos.toml: {', '.join(self.names) or 'none'}",
            )
        if not action.directory.is_dir():
            raise ActionError(
                f"the action {name!r} runs in {action.directory}, which is no directory",
                code="action_no_directory",
            )
        if not action.command:
            action = replace(action, command=await asyncio.to_thread(install_command, action))
        return await _run(action, progress or _quiet)


async def _run(action: Action, progress: Progress) -> ActionResult:
    before = await asyncio.to_thread(Artefacts.of, action)
    tail = Tail()
    began = time.monotonic()
    code = await _execute(action, tail, progress)
    made = await asyncio.to_thread(before.newest_change)
    return ActionResult(
        name=action.name,
        ok=code == 0,
        exit_code=code,
        summary=_summary(action, code, made),
        output=tail.text,
        truncated=tail.truncated,
        artefact=str(made) if made else None,
        seconds=round(time.monotonic() - began, 3),
    )


async def _execute(action: Action, tail: Tail, progress: Progress) -> int | None:
    """Run the command; return its exit code, or None if it was ended by its timeout."""
    async with process_group(
        [_program(action), *action.command[1:]],
        cwd=action.directory,
        env=clean_environment(),
        stderr=asyncio.subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        try:
            async with asyncio.timeout(action.timeout) as limit:
                async with aclosing(tail.lines(process.stdout)) as lines:
                    async for line in lines:
                        await progress(line)
                return await exit_code(process)
        except TimeoutError:
            if not limit.expired():
                raise
            return None


def _program(action: Action) -> str:
    program = action.command[0]
    if "/" in program:
        program = str(action.directory / program)
    found = shutil.which(program, path=clean_environment().get("PATH"))
    if found is None:
        raise ActionError(
            f"the action {action.name!r} needs {action.command[0]!r}, which is not installed",
            code="action_program_absent",
            hint="install it, or give its path in agentos.toml",
        )
    return found


def _summary(action: Action, code: int | None, made: Path | None) -> str:
    command = " ".join(action.command)
    if code is None:
        return f"{command} was ended after {action.timeout:g} s"
    if code != 0:
        return f"{command} failed: exit code {code}"
    if action.artefact and made is None:
        return f"{command} succeeded, but made no {action.artefact}"
    return f"{command} succeeded" + (f" and made {made.name}" if made else "")


async def _quiet(line: str) -> None:
    del line
