"""What the hub logs, to a terminal or to a file that does not grow without end."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import structlog

_LARGEST = 5_000_000
_KEPT = 3
_TICK = 0.2


def log_to_terminal() -> None:
    """Log readable lines to stderr."""
    colors = sys.stderr.isatty()
    _configure(logging.StreamHandler(), structlog.dev.ConsoleRenderer(colors=colors))


def log_to_file(path: Path) -> None:
    """Log one JSON object a line; what is full is kept as `hub.log.1` and so on."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _configure(_File(path), structlog.processors.JSONRenderer())


class _File(logging.handlers.RotatingFileHandler):
    """A log file that outlives a full disk: it tells afterwards how many lines it lost."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=_LARGEST, backupCount=_KEPT, encoding="utf-8", delay=True)
        self._lost = 0

    def _open(self) -> Any:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(descriptor, "a", encoding="utf-8")

    def emit(self, record: logging.LogRecord) -> None:
        lost, self._lost = self._lost, 0
        if lost:
            words = {"event": f"{lost} lines of the log are lost", "level": "warning"}
            super().emit(logging.makeLogRecord({**record.__dict__, "msg": words}))
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        if isinstance(sys.exc_info()[1], OSError):
            self._lost += 1
        else:
            super().handleError(record)


def _configure(handler: logging.Handler, renderer: Any) -> None:
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    after: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if isinstance(renderer, structlog.processors.JSONRenderer):
        after.append(structlog.processors.format_exc_info)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=[*after, renderer], foreign_pre_chain=shared)
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("agentos").setLevel(logging.INFO)
    # What it warns of is what clients send, which anybody could fill a log with.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


def last_lines(path: Path, count: int) -> list[str]:
    """Return the end of a log."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 2000 * count))
            return file.read().decode(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        return []


def follow(path: Path) -> Iterator[str]:
    """Yield what a log gets from now on, without end, also when it begins anew."""
    file = _open_if_there(path)
    if file is not None:
        file.seek(0, os.SEEK_END)
    try:
        while True:
            line = file.readline() if file is not None else ""
            if line:
                yield line.rstrip("\n")
            elif file is None or _replaced(path, file):
                if file is not None:
                    file.close()
                file = _open_if_there(path)
                if file is None:
                    time.sleep(_TICK)
            else:
                time.sleep(_TICK)
    finally:
        if file is not None:
            file.close()


def _open_if_there(path: Path) -> IO[str] | None:
    try:
        return path.open(errors="replace")
    except FileNotFoundError:
        return None


def _replaced(path: Path, file: IO[str]) -> bool:
    try:
        return path.stat().st_ino != os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return True
