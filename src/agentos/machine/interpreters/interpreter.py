"""A Python or Node that stays in a machine: code runs in it piece by piece, with what it knows."""

from __future__ import annotations

import asyncio
import errno
import importlib.resources
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from agentos.errors import ExecTimeout, InterpreterEnded, LimitExceeded, MachineError
from agentos.machine.channel import Channel
from agentos.machine.interpreters.dialogue import Dialogue, encode
from agentos.machine.launch import Launch

Language = Literal["python", "node"]
_LimitHit = Callable[[], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class CodeError:
    """What code raised.

    Attributes:
        name: Its class, such as `"ZeroDivisionError"`.
        message: What it says.
        stack: The traceback, as the language writes it.
    """

    name: str
    message: str
    stack: str


@dataclass(frozen=True, slots=True)
class CodeResult:
    """What a piece of code came to.

    Attributes:
        value: The value of its last expression as JSON has it; None if JSON has nothing for it.
        shown: The same as the language shows it, cut to 10,000 characters; empty for nothing.
        stdout: What it wrote there, with the programs that it ran.
        stderr: Likewise.
        error: What it raised, or None.
    """

    value: Any
    shown: str
    stdout: str
    stderr: str
    error: CodeError | None


class Interpreter:
    """A Python or Node in a machine that keeps what code defines from one run to the next.

    It is a process of the machine; it ends with `close`, with the machine, or when code ends it.

    Example:
        ```python
        async with await vm.interpreter("python") as python:
            await python.run("import math; area = lambda r: math.pi * r**2")
            result = await python.run("area(radius)", inputs={"radius": 2})
            print(result.value)
        ```
    """

    def __init__(
        self,
        language: Language,
        channel: Channel,
        launch: Launch,
        max_output: int,
        limit_hit: Callable[[], _LimitHit] | None,
    ) -> None:
        self.language = language
        self._channel, self._launch = channel, launch
        self._max_output = max_output
        self._limit_hit = limit_hit
        self._dialogue: Dialogue | None = None
        self._busy = False

    @property
    def pid(self) -> int | None:
        """Its process in the machine; None when it has ended."""
        return self._dialogue.process.pid if self._dialogue else None

    async def start(self) -> None:
        """Start its process; `vm.interpreter` has done it.

        Raises:
            FileNotFoundError: The machine has no such interpreter.
            InterpreterEnded: It does not run there; its output says why.
        """
        self._dialogue = await Dialogue.open(self._channel, self._launch, self._max_output)
        try:
            await self._dialogue.answer()
        except EOFError:
            ended = await self._end(self._dialogue, _PATIENCE)
            if ended.exit_code == _NOT_FOUND:
                missing = PROGRAMS[self.language]
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), missing) from None
            raise ended from None
        except BaseException:
            await self.close()
            raise

    async def run(
        self,
        code: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> CodeResult:
        """Run a piece of code with what earlier ones defined.

        An error of the code is part of the result. In Python `await` may stand outside of
        functions; in Node a promise that is the code's value is waited for.

        Args:
            code: The code.
            inputs: Variables to set first, of what JSON can say.
            timeout: Seconds after which its process is killed, as when this call is cancelled.

        Raises:
            ExecTimeout: It ran into the timeout; the output so far is kept.
            InterpreterEnded: Its process ended, now or earlier; `reset` starts another.
            LimitExceeded: It wrote more than `max_output` and was killed, or its process ended
                while the machine ran into one of its `Limits`.
            MachineError: Another run is not over (`interpreter_busy`), or the machine ended.
            TypeError: JSON has nothing for one of the inputs.
        """
        question = encode({"code": code, "inputs": dict(inputs or {})})
        dialogue = self._idle()
        limit_hit = self._limit_hit() if self._limit_hit else None
        self._busy = True
        try:
            async with asyncio.timeout(timeout):
                answer = await dialogue.ask(question)
            return _result_of(answer, *dialogue.take_output())
        except TimeoutError:
            ended = await self._end(dialogue)
            raise ExecTimeout(
                f"the code did not end within {timeout} s, and its {self.language} was killed",
                stdout=ended.stdout,
                stderr=ended.stderr,
            ) from None
        except EOFError:
            raise await self._why_ended(dialogue, limit_hit) from None
        except BaseException:
            await self.close()
            raise
        finally:
            self._busy = False

    def _idle(self) -> Dialogue:
        if self._busy:
            raise MachineError(
                f"the {self.language} is running other code",
                code="interpreter_busy",
                hint="await the run before, or start another interpreter",
                retryable=True,
            )
        if self._dialogue is None:
            raise InterpreterEnded(f"the {self.language} has ended, and with it what it knew")
        return self._dialogue

    async def _why_ended(
        self, dialogue: Dialogue, limit_hit: _LimitHit | None
    ) -> InterpreterEnded | LimitExceeded:
        full = dialogue.overflowed
        ended = await self._end(dialogue, patience=0 if full else _PATIENCE)
        limit = "max_output" if full else limit_hit and await limit_hit()
        if not limit:
            return ended
        return LimitExceeded(
            f"the {self.language} wrote more than {self._max_output} bytes"
            if full
            else f"{ended.message}: the machine used up its {limit}",
            limit=limit,
            hint="raise max_output=" if full else f"raise Limits({limit}=...)",
            stdout=ended.stdout,
            stderr=ended.stderr,
        )

    async def _end(self, dialogue: Dialogue, patience: float = 0) -> InterpreterEnded:
        """End the process, and say how it ended."""
        self._dialogue = None
        code, stdout, stderr = await dialogue.end(patience)
        return InterpreterEnded(
            f"the {self.language} ended with exit code {code}, and with it what it knew",
            exit_code=code,
            stdout=stdout,
            stderr=stderr,
        )

    async def reset(self) -> None:
        """Forget all that code defined: end the process, if it runs, and start another.

        Raises:
            MachineError: A run is not over (`interpreter_busy`), or the machine ended.
        """
        if self._dialogue is not None:
            self._idle()
        await self.close()
        await self.start()

    async def close(self) -> None:
        """End it with all that it started. Safe to repeat."""
        dialogue, self._dialogue = self._dialogue, None
        if dialogue is not None:
            try:
                await dialogue.end()
            except MachineError:
                pass  # the machine ended, and the process with it

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def command_of(language: Language) -> list[str]:
    """Return the command that is an interpreter's side in the machine.

    Raises:
        ValueError: There is no such interpreter.
    """
    if language not in PROGRAMS:
        raise ValueError(f'an interpreter is "python" or "node", not {language!r}')
    inside = importlib.resources.files(__package__)
    if language == "python":
        return [PROGRAMS[language], "-c", (inside / "inside.py").read_text()]
    # Node can neither move a descriptor nor keep it from the programs that it runs, but for those
    # that it was started with.
    shell = ["sh", "-c", 'exec "$@" 3<&0 </dev/null', "sh"]
    return [*shell, PROGRAMS[language], "-e", (inside / "inside.js").read_text()]


PROGRAMS = {"python": "python3", "node": "node"}
#: The shell's word for a program that is not there.
_NOT_FOUND = 127
#: Seconds that a process has to end once it has let go of its socket.
_PATIENCE = 5.0


def _result_of(answer: dict[str, Any], stdout: bytes, stderr: bytes) -> CodeResult:
    """Read an answer, which code may have forged.

    Raises:
        EOFError: It is none.
    """
    match answer:
        case {"value": value, "shown": str(shown), "error": None}:
            error = None
        case {
            "value": value,
            "shown": str(shown),
            "error": {"name": str(name), "message": str(message), "stack": str(stack)},
        }:
            error = CodeError(name, message, stack)
        case _:
            raise EOFError
    out, errors = (data.decode(errors="replace") for data in (stdout, stderr))
    return CodeResult(value, shown, out, errors, error)
