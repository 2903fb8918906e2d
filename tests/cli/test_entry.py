"""The `agentos` command, started as shells and programs do it badly."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

AGENTOS = f"{shlex.quote(sys.executable)} -m agentos"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a user who has nothing yet."""
    own = {f"AGENTOS_{name}": str(tmp_path / name) for name in ("HOME", "STATE_DIR")}
    store = {"AGENTOS_STORE_URL": f"sqlite+aiosqlite:///{tmp_path}/agentos.db"}
    return os.environ | own | store | {"HOME": str(tmp_path)}


def _shell(script: str, env: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-c", script], env=env, capture_output=True, check=False, timeout=120
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("status", 3),
        ("sync check", 2),
        ("usage --json", 0),
        ("usage statusline", 0),
        ("config get hub.port", 0),
        ("exec -- echo hi", 0),
    ],
)
def test_closed_streams(env: dict[str, str], words: str, code: int) -> None:
    ran = _shell(f"{AGENTOS} {words} <&- >&-", env)
    assert ran.returncode == code, ran.stderr
    assert b"Traceback" not in ran.stderr


def test_no_file_takes_the_number_of_a_closed_stream(env: dict[str, str]) -> None:
    assert _shell(f"{AGENTOS} init <&- >&- 2>&-", env).returncode == 0
    for path in Path(env["AGENTOS_HOME"]).rglob("*.md"):
        assert b"files were added" not in path.read_bytes()


@pytest.mark.parametrize("words", ["exec -- seq 1000000", "doctor", "prices list"])
def test_nobody_reads_to_the_end(env: dict[str, str], words: str) -> None:
    ran = _shell(f"{AGENTOS} {words} | head -n 1", env)
    assert ran.stdout.count(b"\n") == 1
    assert ran.stderr == b""


@pytest.mark.parametrize("words", ["exec -- echo hi", "prices list", "config get hub.port"])
def test_no_space_for_the_output(env: dict[str, str], words: str) -> None:
    ran = _shell(f"{AGENTOS} {words} >/dev/full", env)
    assert ran.returncode == 1
    assert ran.stderr == b"agentos: No space left on device\n"


@pytest.mark.parametrize(
    "words", ["usage --no-read --model", "sessions show", "log --client", "sessions search"]
)
def test_an_argument_that_is_no_text(env: dict[str, str], words: str) -> None:
    ran = _shell(f"{AGENTOS} {words} $'a\\xff'", env)
    assert (ran.returncode, ran.stderr) == (2, b"agentos: 'a\\udcff' is not in UTF-8\n")


@pytest.mark.parametrize(
    "words",
    [
        "net log -n 99999999999999999999",
        "sessions list -n 99999999999999999999",
        "sessions search -n 99999999999999999999 word",
        "usage doctor -n 99999999999999999999",
        "usage session -n 99999999999999999999 id",
        "exec --timeout nan -- true",
        "exec --timeout 0 -- true",
        "exec --workspace nowhere -- true",
        "run codex hello --apply",
    ],
)
def test_wrong_use(env: dict[str, str], words: str) -> None:
    ran = _shell(f"{AGENTOS} {words}", env)
    assert ran.returncode == 2
    assert b"Error: Invalid value" in ran.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("log --since 99999999999d", b"--since 99999999999d: there is no such time"),
        ("usage --until soon", b"--until soon: there is no such time"),
        ("usage live", b"draws on a terminal"),
        ("exec -e =x -- true", b"--env =x: there is no name"),
        ("exec -e $'\\e[2Kx' -- true", b"--env \xef\xbf\xbd[2Kx: there is no such variable"),
    ],
)
def test_mistakes_in_one_line_and_a_hint(env: dict[str, str], words: str, said: bytes) -> None:
    ran = _shell(f"{AGENTOS} {words}", env)
    assert ran.returncode == 1
    assert said in ran.stderr
    assert ran.stderr.count(b"\n") == 2


@pytest.fixture
def full(env: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """Return the environment of a user whose disk is full."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], check=True)
    try:
        names = {name: f"{place}/{name}" for name in ("HOME", "AGENTOS_HOME", "AGENTOS_STATE_DIR")}
        env |= names | {"AGENTOS_DATA_DIR": f"{place}/data"}
        assert _shell(f"{AGENTOS} init && {AGENTOS} token show", env).returncode == 0
        with open(place / "fill", "wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        yield env
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_a_full_disk_is_told_with_the_file(full: dict[str, str]) -> None:
    for words, place in (
        ("memory add tone -d How Briefly", "tone.md"),
        ("skills new ship-it -d Ships", "ship-it/SKILL.md"),
        ("sync push --yes", "AGENTOS_STATE_DIR/sync"),
        ("exec -- true", "data/images"),
    ):
        ran = _shell(f"{AGENTOS} {words}", full)
        assert ran.returncode == 1
        assert b"no space" in ran.stderr.lower()
        assert place.encode() in ran.stderr, ran.stderr
    assert not os.listdir(f"{full['AGENTOS_DATA_DIR']}/images")
    ran = _shell(f"{AGENTOS} doctor", full)
    assert ran.returncode == 1
    assert b"MISSING  machine: no space" in ran.stdout
    assert b"disk: " in ran.stdout
    Path(full["HOME"]).with_name("fill").unlink()
    for words in ("memory add tone -d How Briefly", "skills new ship-it -d Ships"):
        assert _shell(f"{AGENTOS} {words}", full).returncode == 0


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_has_not_all_signs(env: dict[str, str], encoding: str) -> None:
    add = f"{AGENTOS} memory add tone -d '\u2588 \U0001f600' 'Briefly'"
    assert _shell(f"{AGENTOS} init && {add}", env).returncode == 0
    env = env | {"PYTHONIOENCODING": f"{encoding}:surrogateescape"}
    for words in ("memory search Briefly", "usage statusline", "sync check", "top --once"):
        ran = _shell(f"{AGENTOS} {words}", env)
        assert ran.returncode == int(words == "sync check")
        assert b"Traceback" not in ran.stderr
        assert b"can't encode" not in ran.stderr


@pytest.mark.parametrize("words", ["token list", "image list", "snapshot list", "memory list"])
def test_an_empty_list_says_so_beside_what_programs_read(env: dict[str, str], words: str) -> None:
    ran = _shell(f"{AGENTOS} {words}", env | {"AGENTOS_DATA_DIR": env["HOME"]})
    assert (ran.returncode, ran.stdout) == (0, b"")
    assert ran.stderr.startswith(b"there is no ")
    assert ran.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("budget set --money nan", b"--money nan is no limit"),
        ("budget set --money inf", b"--money inf is no limit"),
        ("budget set --money 1 --project nowhere", b"there is no directory "),
        ("snapshot import mine /dev/null", b"/dev/null is not a snapshot's tar file: "),
        ("image import mine /dev/null", b"/dev/null is no image: "),
    ],
)
def test_what_is_wrong_is_named(env: dict[str, str], words: str, said: bytes) -> None:
    ran = _shell(f"{AGENTOS} init >&- && {AGENTOS} {words}", env)
    assert ran.returncode == 1
    assert said in ran.stderr
    assert b"ReadError" not in ran.stderr


def test_a_budget_of_tokens_tells_none_at_this_pace(env: dict[str, str]) -> None:
    ran = _shell(f"{AGENTOS} init >&- && {AGENTOS} budget set --tokens 9", env)
    assert b"used 0 tokens (0%); at this pace 0 tokens at the end of the day" in ran.stdout
