"""The hub's log file: read, followed, bounded, and alive after a full disk."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from agentos.hub.lifecycle.logs import follow, last_lines

PROGRAM = """
import logging, resource, signal, sys
from pathlib import Path
import structlog
from agentos.hub.lifecycle import logs
log = structlog.get_logger("agentos.hub")
"""


def run(program: str, *words: object) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM + program, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_entries_are_json_with_level_time_and_trace(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "hub.log"
    run(
        "logs.log_to_file(Path(sys.argv[1]))\n"
        "log.warning('attempt refused', address='127.0.0.1')\n"
        "try: 1 / 0\n"
        "except ZeroDivisionError: logging.getLogger('uvicorn.error').exception('it broke')\n"
        "logging.getLogger('uvicorn.error').info('chatter')",
        path,
    )
    first, second = map(json.loads, last_lines(path, 10))
    assert first["event"] == "attempt refused"
    assert (first["level"], first["address"]) == ("warning", "127.0.0.1")
    assert first["timestamp"].endswith("Z")
    assert "ZeroDivisionError" in second["exception"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_log_does_not_grow_without_end(tmp_path: Path) -> None:
    run(
        "logs._LARGEST = 20_000\n"
        "logs.log_to_file(Path(sys.argv[1]))\n"
        "for n in range(2000): log.info('line', n=n)",
        tmp_path / "hub.log",
    )
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["hub.log", "hub.log.1", "hub.log.2", "hub.log.3"]
    assert all(path.stat().st_size <= 20_000 for path in tmp_path.iterdir())
    assert json.loads(last_lines(tmp_path / "hub.log", 1)[0])["n"] == 1999


def test_a_log_that_could_not_be_written_tells_how_much_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "hub.log"
    run(
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "logs.log_to_file(Path(sys.argv[1]))\n"
        "limit = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "log.info('before')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, limit[1]))\n"
        "log.info('while'); log.info('while')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, limit)\n"
        "log.info('after')",
        path,
    )
    events = [json.loads(line)["event"] for line in last_lines(path, 10)]
    assert events[0] == "before"
    assert events[-1] == "after"
    assert any("lost" in event for event in events), events


def test_the_end_of_a_log_is_read(tmp_path: Path) -> None:
    path = tmp_path / "hub.log"
    assert last_lines(path, 5) == []
    path.write_text("".join(f"line {n}\n" for n in range(10_000)))
    assert last_lines(path, 2) == ["line 9998", "line 9999"]
    assert last_lines(path, 0) == []


def test_a_log_is_followed_through_its_rotation(tmp_path: Path) -> None:
    path = tmp_path / "hub.log"
    path.write_text("old\n")
    lines = follow(path)
    rounds = 'while :; do echo new >>"$1"; mv "$1" "$1.1"; echo next >>"$1"; sleep 0.1; done'
    writer = subprocess.Popen(["sh", "-c", rounds, "writer", path])
    try:
        seen = {next(lines) for _ in range(6)}
    finally:
        writer.kill()
        writer.wait()
        lines.close()  # type: ignore[attr-defined]
    assert seen <= {"new", "next"}
    assert "next" in seen
