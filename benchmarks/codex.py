"""The real Codex on the host without AgentOS, and a model for it: the measure of sessions."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from agentos.models.rehearsal.responses import ResponseStream
from agentos.models.rehearsal.scenario import Usage
from agentos.software import ensure, software_dir

MODEL = "gpt-5.5"
SAID = "Here is the answer that was asked for, in a dozen words or so."
#: Seconds between a model's first words and the rest: a fast one says fifty words a second.
PAUSE = 0.02
_CONFIG = """\
model = "{model}"
model_provider = "played"
[features]
unbounded_connection_retries = false
[model_providers.played]
name = "Played"
base_url = "{url}"
wire_api = "responses"
experimental_bearer_token = "dummy"
"""
_INSTALLED = software_dir()  # before the benchmark has a data directory of its own


async def install_codex() -> str:
    """Make Codex part of the benchmark's data directory; return the program.

    What the user has installed is taken; else it is fetched, as for any first session.
    """
    if (_INSTALLED / "codex").is_dir():
        software_dir().parent.mkdir(parents=True, exist_ok=True)
        software_dir().symlink_to(_INSTALLED)
    codex = next(one for one in await ensure(["codex"]) if one.name == "codex")
    return str(codex.path / "bin/codex")


class PlayedModel:
    """A model that says its first words at once, and knows when: it satisfies `ModelProvider`.

    Attributes:
        spoke: When the first byte of the latest answer's body left, by `time.perf_counter`.
    """

    api_key = "dummy"
    model = MODEL

    def __init__(self) -> None:
        self.spoke = 0.0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=256)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                asked = (await reader.readuntil(b"\r\n\r\n")).lower()
                if b"content-length: " in asked:
                    at = asked.index(b"content-length: ") + 16
                    await reader.readexactly(int(asked[at : asked.index(b"\r", at)]))
                await self._answer(writer, is_turn=asked.startswith(b"post"))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, *, is_turn: bool) -> None:
        if not is_turn:
            writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            return
        response = ResponseStream(MODEL)
        begun, rest = [response.created()], [*response.message(SAID)]
        while b"response.output_text.delta" not in begun[-1]:
            begun.append(rest.pop(0))
        first, last = b"".join(begun), b"".join([*rest, response.completed(Usage(1000, 20))])
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n")
        writer.write(b"content-length: %d\r\n\r\n" % len(first + last))
        self.spoke = time.perf_counter()
        writer.write(first)
        await asyncio.sleep(PAUSE)
        writer.write(last)
        await writer.drain()


class BareCodex:
    """`codex app-server` on the host.

    Args:
        program: The program.
        home: Its `CODEX_HOME`.
    """

    def __init__(self, program: str, home: Path) -> None:
        self._command = [program, "app-server"]
        self._env = environment(home)

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *self._command,
            env=self._env,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=2**24,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._in, self._out = self.process.stdin, self.process.stdout

    async def open_thread(self) -> str:
        """Introduce ourselves and begin a thread, as any client must; return its id."""
        client = {"name": "benchmark", "title": "Benchmark", "version": "1"}
        await self.request("initialize", {"clientInfo": client})
        self._send({"method": "initialized"})
        settings = {"approvalPolicy": "never", "sandbox": "danger-full-access"}
        started = await self.request("thread/start", {"cwd": "/tmp", **settings})
        thread: str = started["thread"]["id"]
        return thread

    async def request(self, method: str, params: Mapping[str, Any]) -> Any:
        self._send({"id": 1, "method": method, "params": params})
        while True:
            message = await self.read()
            if message.get("id") == 1 and "method" not in message:
                return message["result"]

    async def read(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await self._out.readline())
        return message

    async def end(self) -> None:
        self.process.kill()
        await self.process.wait()

    def _send(self, message: Mapping[str, Any]) -> None:
        self._in.write(json.dumps(message).encode() + b"\n")


def make_home(place: Path, model: PlayedModel) -> Path:
    """Make a `CODEX_HOME` that leads to a model."""
    place.mkdir()
    (place / "config.toml").write_text(_CONFIG.format(model=MODEL, url=model.base_url))
    return place


def environment(home: Path) -> dict[str, str]:
    return {"CODEX_HOME": str(home), "HOME": str(home.parent), "PATH": os.environ["PATH"]}


@asynccontextmanager
async def stage() -> AsyncIterator[tuple[str, Path, PlayedModel]]:
    """Prepare the program, its home and a model."""
    program = await install_codex()
    async with PlayedModel() as model:
        yield program, make_home(Path(os.environ["AGENTOS_DATA_DIR"]) / "codex-home", model), model
