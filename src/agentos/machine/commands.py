"""The verbs of a machine that run commands."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from agentos.errors import IsolationUnavailable, MachineError
from agentos.machine.files import MachineNotStarted, Path
from agentos.machine.isolation.offers import require
from agentos.machine.launch import Launch, argv_of
from agentos.machine.layers.config import ImageConfig
from agentos.machine.process import MAX_OUTPUT, ExecResult, Process, Redirect, run
from agentos.machine.processes import ProcessInfo, ProcessTree, list_processes, look, trees_of
from agentos.machine.protocol import ExecFlag, Op
from agentos.machine.trees import TreeVerbs

if TYPE_CHECKING:
    from agentos.machine.channel import Channel
    from agentos.machine.interpreters.interpreter import Interpreter, Language
    from agentos.machine.isolation.backends import Isolation, RunningMachine
    from agentos.machine.limits.guard import Guard
    from agentos.machine.terminal import Terminal

#: Whom a command runs as.
User = Literal["agentos", "root"]
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class CommandVerbs(TreeVerbs):
    """Commands, terminals and processes of a machine."""

    isolation: Isolation
    _env: dict[str, str]
    _guard: Guard | None
    _path: str

    @property
    def commands(self) -> Channel:
        """The channel to the init that runs its commands."""
        raise MachineNotStarted

    @property
    def running(self) -> RunningMachine:
        """The machine that runs now."""
        raise MachineNotStarted

    @property
    def _config(self) -> ImageConfig:
        raise MachineNotStarted

    async def exec(
        self,
        command: str | Sequence[str | bytes],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        input: str | bytes | None = None,
        timeout: float | None = None,
        check: bool = False,
        max_output: int = MAX_OUTPUT,
        user: User = "agentos",
    ) -> ExecResult:
        """Run a command to its end and return what it wrote.

        Args:
            command: Text runs in `sh -c`; a list runs directly.
            cwd: Where to run it; by default the home directory.
            env: Added to the machine's environment.
            input: What it reads on stdin; by default nothing.
            timeout: Seconds after which it is killed.
            check: Whether an exit code other than 0 is an error.
            max_output: How many bytes of each stream to keep at most.
            user: `"root"` for user 0 of the machine, such as to install packages.

        Raises:
            FileNotFoundError: There is no such program, or no such `cwd`.
            ExecTimeout: It ran into the timeout; the output so far is kept.
            CommandFailed: It failed and `check` was set.
            LimitExceeded: It wrote more than `max_output` and was killed; or it failed while the
                machine ran into one of its `Limits`.
            MachineError: The machine ended, or has no root.
        """
        return await run(
            self.commands,
            self._launch(command, cwd, env, user),
            input=input.encode() if isinstance(input, str) else input,
            timeout=timeout,
            check=check,
            max_output=max_output,
            shown=_shown_command(command),
            limit_hit=self._guard.hits_from_now() if self._guard else None,
        )

    async def spawn(
        self,
        command: str | Sequence[str | bytes],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: Redirect = "pipe",
        stdout: Redirect = "pipe",
        stderr: Redirect = "pipe",
        limit: int = 2**20,
        keep_output: int | None = None,
        contain: bool = False,
        user: User = "agentos",
    ) -> Process:
        """Start a command with live streams.

        Args:
            command: Text runs in `sh -c`; a list runs directly.
            cwd: Where to run it; by default the home directory.
            env: Added to the machine's environment.
            stdin: `"pipe"` or `"null"`.
            stdout: `"pipe"` or `"null"`.
            stderr: `"pipe"` or `"null"`.
            limit: The longest line that `readline` returns, in bytes. A reader that is slow
                makes the command wait, so memory stays bounded.
            keep_output: Keep the last so many bytes of what it writes, for `read_output` and
                `output`, in place of `stdout` and `stderr`. It never waits for a reader.
            contain: Keep whatever the command starts among its descendants, even what
                detaches itself, and end all of it when the command ends.
            user: `"root"` for user 0 of the machine, such as to install packages.

        Raises:
            FileNotFoundError: There is no such program, or no such `cwd`.
            MachineError: The machine ended, or has no root.
        """
        from agentos.machine.spawning import spawn

        flags = ExecFlag.CONTAIN if contain else ExecFlag.NONE
        launch = self._launch(command, cwd, env, user, flags)
        return await spawn(
            self.commands,
            launch,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            limit=limit,
            keep_output=keep_output,
        )

    async def terminal(
        self,
        command: str | Sequence[str | bytes] = "sh",
        *,
        rows: int = 24,
        cols: int = 80,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        user: User = "agentos",
    ) -> Terminal:
        """Start a command on a terminal of its own.

        Args:
            command: Text runs in `sh -c`; a list runs directly.
            rows: The terminal's height in characters.
            cols: The terminal's width in characters.
            cwd: Where to run it; by default the home directory.
            env: Added to the machine's environment; TERM is `xterm-256color` unless given.
            user: `"root"` for user 0 of the machine, such as to install packages.
        """
        from agentos.machine.terminal import Terminal

        settings = {"TERM": "xterm-256color", **(env or {})}
        launch = self._launch(command, cwd, settings, user, ExecFlag.PTY, (rows, cols))
        return await Terminal.open(self.commands, launch)

    async def interpreter(
        self,
        language: Language = "python",
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        max_output: int = MAX_OUTPUT,
        user: User = "agentos",
    ) -> Interpreter:
        """Start a Python or Node that stays: code runs in it piece by piece.

        Args:
            language: `"python"` or `"node"`, which the machine must have.
            cwd: Where it runs; by default the home directory.
            env: Added to the machine's environment.
            max_output: How many bytes a run may write to each of stdout and stderr.
            user: `"root"` for user 0 of the machine.

        Returns:
            The interpreter, best used with `async with`.

        Raises:
            FileNotFoundError: The machine has no such interpreter, or no such `cwd`.
            InterpreterEnded: It does not run there.
            MachineError: The machine ended, or has no root.
        """
        from agentos.machine.interpreters.interpreter import Interpreter, command_of

        require(self.isolation, "interpreter")
        launch = self._launch(command_of(language), cwd, env, user, ExecFlag.CONTAIN)
        limit_hit = self._guard.hits_from_now if self._guard else None
        interpreter = Interpreter(language, self.commands, launch, max_output, limit_hit)
        await interpreter.start()
        return interpreter

    def _launch(
        self,
        command: str | Sequence[str | bytes],
        cwd: Path | None,
        env: Mapping[str, str] | None,
        user: User = "agentos",
        flags: ExecFlag = ExecFlag.NONE,
        window: tuple[int, int] = (0, 0),
    ) -> Launch:
        if user == "root":
            self._require_root()
            flags |= ExecFlag.ROOT
            env = {"HOME": "/root", "LOGNAME": "root", "USER": "root", **(env or {})}
        elif user != "agentos":
            raise ValueError(f'a command runs as "agentos" or as "root", not as {user!r}')
        return Launch(
            argv_of(command),
            self._encode((self._config.directory or self._places["HOME"]) if cwd is None else cwd),
            self.environment(env),
            flags,
            window,
        )

    def _require_root(self) -> None:
        if not self.running.ids.has_root:
            raise _no_root_inside()
        if self._guard and self._guard.counts_processes_by_user:
            raise IsolationUnavailable(
                "commands of root would not be held to Limits(pids=): there are no control groups "
                "here, and without them each user of the machine is counted on its own",
                code="limit_unavailable",
                hint="leave out Limits(pids=), or have control groups delegated to you",
            )

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment of a command that is given `env`."""
        theirs = dict(self._config.env)
        if path := theirs.pop("PATH", ""):
            theirs["PATH"] = self._path.removesuffix(SYSTEM_PATH) + path
        return {
            "LANG": "C.UTF-8",
            "PATH": self._path,
            "SHELL": "/bin/sh",
            **theirs,
            **self._places,
            "LOGNAME": "agentos",
            "USER": "agentos",
            **self._env,
            **(env or {}),
        }

    async def processes(self) -> list[ProcessInfo]:
        """List what runs in the machine."""
        async with look(self.commands) as proc:
            return list_processes(proc)

    async def process_tree(self) -> list[ProcessTree]:
        """List what runs in the machine by who started it: the tops, each with those below."""
        return trees_of(await self.processes())

    async def signal(self, pid: int, number: int) -> None:
        """Send a signal to one process of the machine.

        Raises:
            ProcessLookupError: There is no such process.
            PermissionError: It is the machine's init.
        """
        await self.commands.call(Op.SIGNAL, [], (pid, number, 0, 0), f"process {pid}")


def _no_root_inside() -> MachineError:
    """Say what would give a machine like this one a root."""
    from agentos.machine.isolation.id_map import choose_id_map

    try:
        choose_id_map(root=True)
    except IsolationUnavailable as error:
        message, hint = f"this machine has one user, and no root: {error.message}", error.hint
    else:
        message, hint = "this machine has one user, and no root", "make it with AgentOs(root=True)"
    return MachineError(message, code="no_root_inside", hint=hint)


def _shown_command(command: str | Sequence[str | bytes]) -> str:
    words = command if isinstance(command, str) else " ".join(os.fsdecode(word) for word in command)
    return repr(words if len(words) <= 80 else f"{words[:77]}...")
