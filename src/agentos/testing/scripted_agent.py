"""An agent that plays a script, for tests of what speaks to agents.

A script is a list of turns, a turn a list of steps, each a dict with one key:

- `update`: send an ACP session update as it is
- `say`: send a message chunk
- `raw`: write a line on stdout as it is
- `half`: write the beginning of a line on stdout
- `stderr`: write to stderr; this and `raw` and `say` take a text, or a text and how often
- `run`: start a shell command the way agents do, in a session of its own
- `leave`: start one that detaches itself completely
- `permission`: ask for a permission, offering options of these kinds, and say what was chosen
- `call`: the tool call that the next `permission` is about
- `hang`: wait until cancelled
- `deaf`: wait without hearing a cancellation
- `exit`: end the process with this code
- `kill`: end it with this signal
- `write`: make an empty file of this name in the home directory
- `exit_if`: end the process with the code 4 if that file is there
- `fail`: answer the prompt with an error `{code, message}`
- `stop`: the stop reason to end with

An agent that is started again plays the turn that comes next.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from agentos.agents.definition import AgentDefinition, AgentRequest, Launch
from agentos.agents.machine import AgentMachine

_SCRIPT = "SCRIPTED_AGENT"
_SESSION = "scripted-session"


class ScriptedAgent(AgentDefinition):
    """An agent that plays a script.

    Args:
        turns: What it does on each prompt, the last one again and again.
        opening: Steps before the session is made.
        remembers: Whether it can go on with a session when it is started again.

    Example:
        `ScriptedAgent([[{"say": "hello"}]])`
    """

    name = "scripted"

    def __init__(
        self,
        turns: Sequence[Sequence[Mapping[str, Any]]],
        opening: Sequence[Mapping[str, Any]] = (),
        *,
        remembers: bool = False,
    ) -> None:
        script = {"turns": turns, "opening": opening, "remembers": remembers}
        self._script = json.dumps({**script, "id": uuid.uuid4().hex})

    async def prepare(self, machine: AgentMachine, request: AgentRequest) -> Launch:
        env = machine.environment(request.env)
        return Launch(
            argv=[sys.executable, "-P", __file__],
            env={**request.env, _SCRIPT: self._script},
            cwd=request.cwd or env["HOME"],
        )


class _Player:
    """The agent's side of ACP."""

    def __init__(self, script: Mapping[str, Any]) -> None:
        self._turns: list[Sequence[Mapping[str, Any]]] = list(script["turns"])
        self._opening: Sequence[Mapping[str, Any]] = script["opening"]
        self._remembers: bool = script["remembers"]
        self._played = Path(os.environ["HOME"], f".scripted-{script['id']}")
        self._cancelled = asyncio.Event()
        self._calls = 0
        self._call: Mapping[str, Any] = {}
        self._connection: Any = None

    def on_connect(self, conn: Any) -> None:
        self._connection = conn

    async def initialize(self, protocol_version: int, **_: Any) -> Any:
        from acp.schema import AgentCapabilities, Implementation, InitializeResponse

        return InitializeResponse(
            protocol_version=protocol_version,
            agent_info=Implementation(name="scripted", version="1"),
            agent_capabilities=AgentCapabilities(load_session=self._remembers),
        )

    async def load_session(self, cwd: str, session_id: str, **_: Any) -> Any:
        from acp.schema import LoadSessionResponse

        del cwd, session_id
        _say("what was said before is told again")
        return LoadSessionResponse()

    async def set_session_mode(self, mode_id: str, session_id: str, **_: Any) -> Any:
        import acp
        from acp.schema import SetSessionModeResponse

        del session_id
        if mode_id == "nonsense":
            raise acp.RequestError(-32602, "there is no such mode")
        _update({"sessionUpdate": "current_mode_update", "currentModeId": mode_id})
        return SetSessionModeResponse()

    async def new_session(self, cwd: str, mcp_servers: Any = None, **_: Any) -> Any:
        from acp.schema import NewSessionResponse

        del cwd, mcp_servers
        for step in self._opening:
            await self._play(step)
        return NewSessionResponse(session_id=_SESSION)

    async def prompt(self, prompt: Any, session_id: str, **_: Any) -> Any:
        from acp.schema import PromptResponse, Usage

        del prompt, session_id
        self._cancelled.clear()
        reason = "end_turn"
        turn = self._turns[min(self._begin_turn(), len(self._turns) - 1)]
        for step in turn:
            reason = await self._play(step) or reason
            if self._cancelled.is_set():
                reason = "cancelled"
                break
        usage = Usage(input_tokens=10, cached_read_tokens=5, output_tokens=2, total_tokens=17)
        return PromptResponse(stop_reason=cast(Any, reason), usage=usage)

    def _begin_turn(self) -> int:
        played = int(self._played.read_text()) if self._played.exists() else 0
        self._played.write_text(str(played + 1))
        return played

    async def cancel(self, session_id: str, **_: Any) -> None:
        del session_id
        self._cancelled.set()

    async def _play(self, step: Mapping[str, Any]) -> str | None:
        ((verb, value),) = step.items()
        match verb:
            case "update":
                _update(value)
            case "say":
                _say(_text(value))
            case "raw":
                _write(_text(value))
            case "half":
                _put(_text(value).encode())
            case "stderr":
                os.write(2, _text(value).encode())
            case "run":
                await _start(value)
            case "leave":
                shell = await _start(f"setsid sh -c {shlex.quote(value)} &")
                await shell.wait()
            case "call":
                self._call = value
            case "permission":
                await self._ask(value)
            case "hang":
                await self._cancelled.wait()
            case "deaf":
                await asyncio.Event().wait()
            case "exit":
                os._exit(value)
            case "kill":
                os.kill(os.getpid(), value)
            case "write":
                Path(os.environ["HOME"], value).touch()
            case "exit_if":
                if Path(os.environ["HOME"], value).exists():
                    os._exit(4)
            case "fail":
                import acp

                raise acp.RequestError(value["code"], value["message"])
            case "stop":
                return str(value)
            case _:
                raise ValueError(f"unknown step {verb!r}")
        return None

    async def _ask(self, kinds: Sequence[str]) -> None:
        from acp.schema import PermissionOption, ToolCallUpdate

        self._calls += 1
        about = {"title": "rm -rf build", **self._call, "toolCallId": f"call-{self._calls}"}
        call = ToolCallUpdate.model_validate(about)
        options = [
            PermissionOption(option_id=f"option-{kind}", name=kind, kind=cast(Any, kind))
            for kind in kinds
        ]
        answer = await self._connection.request_permission(
            session_id=_SESSION, tool_call=call, options=options
        )
        _say(getattr(answer.outcome, "option_id", None) or answer.outcome.outcome)


async def _start(command: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec("/bin/sh", "-c", command, start_new_session=True)


def _text(value: str | list[Any]) -> str:
    return value if isinstance(value, str) else str(value[0]) * int(value[1])


def _say(text: str) -> None:
    content = {"type": "text", "text": text}
    _update({"sessionUpdate": "agent_message_chunk", "content": content})


def _update(update: Mapping[str, Any]) -> None:
    params = {"sessionId": _SESSION, "update": update}
    _write(json.dumps({"jsonrpc": "2.0", "method": "session/update", "params": params}))


def _write(line: str) -> None:
    # Past the SDK, whose own lines go out whole too: a script may send what the SDK would not.
    _put(line.encode() + b"\n")


def _put(data: bytes) -> None:
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(1, left) :]
        except BlockingIOError:
            continue


def main() -> None:
    """Play the script of the environment on stdin and stdout."""
    import acp

    player = cast("acp.Agent", _Player(json.loads(os.environ[_SCRIPT])))
    asyncio.run(acp.run_agent(player))


if __name__ == "__main__":
    main()
