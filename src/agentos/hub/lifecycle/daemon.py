"""The hub in the background: how it is started, and the process itself."""

from __future__ import annotations

import argparse
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from agentos.errors import AgentOsError
from agentos.hub.lifecycle.lock import AlreadyRunning
from agentos.hub.lifecycle.running import Running

_PATIENCE = 30.0
#: Variables with places, which mean the same from any directory.
_PLACES = ("AGENTOS_HOME", "AGENTOS_DATA_DIR", "AGENTOS_STATE_DIR")


def log_file(state: Path) -> Path:
    """Return where a hub in the background logs to."""
    return state / "logs" / "hub.log"


def start_daemon(
    state: Path,
    *,
    host: str | None = None,
    port: int | None = None,
    lock: int | None = None,
    listening: int | None = None,
) -> tuple[Running, bool]:
    """Start a hub that outlives this process, and wait until it is ready.

    Args:
        state: The state directory.
        host, port: Where it listens, if not where the settings say.
        lock, listening: Descriptors that it takes over, of a hub that ends.

    Returns:
        What it says of itself and True, or what the hub says that runs already and False.

    Raises:
        AgentOsError: It did not become ready; why.
    """
    output = log_file(state).with_name("hub.out")
    output.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    reading, writing = os.pipe()
    try:
        given = {"host": host, "port": port, "lock": lock, "listening": listening, "ready": writing}
        words = [f"--{name}={value}" for name, value in given.items() if value is not None]
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "agentos.hub.lifecycle.daemon", *words],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd="/",
                env=_environment(),
                pass_fds=[fd for fd in (lock, listening, writing) if fd is not None],
                start_new_session=True,
            )
        os.close(writing)
        writing = -1
        said = _read_to_end(reading, time.monotonic() + _PATIENCE)
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)
    if not said:
        process.kill()
        process.wait()
        raise _not_ready(output)
    return _understand(said, process)


def _environment() -> dict[str, str]:
    places = {name: os.environ[name] for name in _PLACES if os.environ.get(name)}
    return {**os.environ, **{name: str(Path(p).absolute()) for name, p in places.items()}}


def _read_to_end(descriptor: int, until: float) -> bytes:
    said = b""
    while (left := until - time.monotonic()) > 0:
        if not select.select([descriptor], [], [], left)[0]:
            break
        part = os.read(descriptor, 65536)
        if not part:
            return said
        said += part
    return b""


def _understand(said: bytes, process: subprocess.Popen[bytes]) -> tuple[Running, bool]:
    message = json.loads(said)
    if "error" not in message:
        return Running(**message["running"]), True
    process.wait()
    if "running" in message:
        return Running(**message["running"]), False
    error = message["error"]
    raise AgentOsError(error["message"], code=error["code"], hint=error["hint"])


def _not_ready(output: Path) -> AgentOsError:
    tail = output.read_text(errors="replace").strip()[-400:]
    return AgentOsError(
        "the hub did not become ready" + (f": {tail}" if tail else ""),
        code="hub_not_ready",
        hint="`agentos logs` may tell why; `agentos serve` shows it as it starts",
    )


def main(words: Sequence[str] | None = None) -> int:
    """Be the hub in the background; tell whoever started it how that went."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host")
    for name in ("--port", "--lock", "--listening"):
        parser.add_argument(name, type=int)
    parser.add_argument("--ready", type=int, required=True)
    given = parser.parse_args(words)

    from agentos.config import state_dir
    from agentos.hub.lifecycle.logs import log_to_file
    from agentos.hub.lifecycle.serving import Wanted, serve

    for descriptor in (given.ready, given.lock, given.listening):
        if descriptor is not None:
            os.set_inheritable(descriptor, False)
    ready = _Ready(given.ready)
    log = log_file(state_dir())
    try:
        log_to_file(log)
        wanted = Wanted(given.host, given.port, given.lock, given.listening, log)
        serve(wanted, lambda running: ready.tell({"running": asdict(running)}))
    except (AgentOsError, OSError) as error:
        ready.tell(_failure(error))
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


class _Ready:
    """Whoever started this process and waits; told once."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def tell(self, message: object) -> None:
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        try:
            os.write(descriptor, json.dumps(message).encode())
        except BrokenPipeError:
            pass  # nobody waits any more: the hub runs all the same
        finally:
            os.close(descriptor)


def _failure(error: AgentOsError | OSError) -> dict[str, object]:
    if isinstance(error, AlreadyRunning) and error.running is not None:
        return {"running": asdict(error.running), "error": None}
    code = error.code if isinstance(error, AgentOsError) else "os_error"
    hint = error.hint if isinstance(error, AgentOsError) else None
    message = error.message if isinstance(error, AgentOsError) else str(error)
    return {"error": {"code": code, "message": message, "hint": hint}}


if __name__ == "__main__":
    sys.exit(main())
