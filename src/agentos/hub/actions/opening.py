"""Open a file in the editor that the user has set."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from agentos.errors import ActionError
from agentos.hub.clean_environment import clean_environment

#: Seconds for which a command is waited for; one that goes on is the editor itself.
PATIENCE = 5.0


class Editor:
    """The command that opens a file in a window: `code`, or `("emacsclient", "-n")`.

    Args:
        command: Without the file.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)
        self._open: list[subprocess.Popen[bytes]] = []

    async def open(self, path: Path) -> None:
        """Open a file; the editor is the user's, and stays when the hub ends.

        Raises:
            ActionError: There is no such program, or it failed.
        """
        await asyncio.to_thread(self._start, path)

    def _start(self, path: Path) -> None:
        self._open = [each for each in self._open if each.poll() is None]
        env = clean_environment()
        program = shutil.which(self._command[0], path=env.get("PATH"))
        if program is None:
            raise ActionError(
                f"the editor {self._command[0]} is not installed",
                code="action_no_editor",
                hint="editor in the [hub] table of agentos.toml names another",
            )
        process = subprocess.Popen(
            [program, *self._command[1:], str(path)],
            env=env,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._open.append(process)
            return
        if code != 0:
            raise ActionError(
                f"{self._command[0]} did not open {path}: exit code {code}",
                hint="try it in a terminal; it has to open a window of its own",
            )
