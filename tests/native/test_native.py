"""The launcher under AddressSanitizer and UndefinedBehaviorSanitizer, and its fuzzer's corpus."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import agentos
from agentos.machine.channel import Channel
from agentos.machine.launch import Launch
from agentos.machine.process import ExecResult, run
from agentos.machine.stream import StreamBridge

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NATIVE = Path(agentos.__file__ or "").parent / "native"
#: What reads packets; the other files build a machine, and have nothing to fuzz.
READERS = ["as_owner", "attach", "exec", "files", "init", "network", "pin", "plan"]
READERS += ["signals", "watch"]
FLAGS = ["-std=gnu11", "-g", "-O1", "-fno-omit-frame-pointer"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
#: See sanitizer_options.c.
OPTIONS: list[str | Path] = ["-Wl,--wrap=clone", HERE / "sanitizer_options.c"]
#: What speaks to init most, and most strangely; and the other way to be init.
TORTURE = ["tests/faults/test_protocol.py", "tests/machine/test_commands.py"]
TORTURE += [
    f"tests/machine/test_landlock.py::test_{name}"
    for name in ("file_verbs_and_commands_see_the_same", "a_terminal", "closing_ends_all_of_it")
]


def compile_c(*words: str | Path) -> None:
    command = ["gcc", *FLAGS, *SANITIZERS, f"-I{NATIVE}", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "cannot find -lasan" in done.stderr or "libasan" in done.stderr:
        pytest.skip("this compiler has no sanitizers")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The launcher with sanitizers, which report to `report` beside it."""
    directory = tmp_path_factory.mktemp("sanitized")
    program, report = directory / "agentos-init", directory / "report"
    compile_c(f'-DREPORT="{report}"', "-o", program, *sorted(NATIVE.glob("*.c")), *OPTIONS)
    return program


def test_machines_of_a_sanitized_launcher(sanitized: Path) -> None:
    plugins = ["-p", "sanitized_launcher", "-p", "no:cacheprovider"]
    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", "not gvisor", *plugins, *TORTURE],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "SANITIZED_LAUNCHER": str(sanitized)},
        capture_output=True,
        text=True,
        check=False,
    )
    report = sanitized.with_name("report")
    found = report.read_text() if report.exists() else "it never ran"
    assert (ran.returncode, found) == (0, ""), found + ran.stdout


async def test_a_sanitized_guest_carries_streams(sanitized: Path) -> None:
    """What stands between a stream and init, as the ordinary user of its namespace."""
    ours, theirs = socket.socketpair()
    inside = ["unshare", "-Umpf", "--map-user=1000", "--map-group=1000", "--kill-child"]
    guest = await asyncio.create_subprocess_exec(
        *(*inside, "--mount-proc", str(sanitized), "guest", f"fd:{theirs.fileno()}", "0"),
        pass_fds=[theirs.fileno()],
    )
    theirs.close()
    bridge = StreamBridge()
    try:
        await asyncio.get_running_loop().create_connection(lambda: bridge, sock=ours)
        await bridge.channel.booted()
        data = bytes(range(256)) * 2000
        results = await asyncio.gather(*(carried(bridge.channel, "cat", data) for _ in range(20)))
        assert [result.stdout_bytes for result in results] == [data] * 20
        assert (await carried(bridge.channel, "exec 0<&-; kill $$", data)).exit_code == 143
        with pytest.raises(FileNotFoundError):
            await run_carried(bridge.channel, Launch([b"/absent"], b"/", {}), b"unread")
    finally:
        bridge.close()
        await guest.wait()
    report = sanitized.with_name("report")
    assert report.read_text() == ""


async def carried(channel: Channel, command: str, input: bytes) -> ExecResult:
    words = [b"/bin/sh", b"-c", command.encode()]
    return await run_carried(channel, Launch(words, b"/", {"PATH": "/usr/bin:/bin"}), input)


async def run_carried(channel: Channel, launch: Launch, input: bytes) -> ExecResult:
    return await run(
        channel, launch, input=input, timeout=60, check=False, max_output=2**20, shown="it"
    )


def test_a_fault_would_be_reported(sanitized: Path, tmp_path: Path) -> None:
    """That nothing was found means something: a launcher with a fault says so."""
    source = tmp_path / "fault.c"
    source.write_text(
        "static int words[4];\n"
        "__attribute__((constructor(65535))) static void read_past(void) {\n"
        "    int *volatile start = words;\n    volatile int past = start[4];\n    (void)past;\n}\n"
    )
    report = tmp_path / "report"
    sources = [*sorted(NATIVE.glob("*.c")), *OPTIONS, source]
    compile_c(f'-DREPORT="{report}"', "-o", tmp_path / "faulty", *sources)
    done = subprocess.run([tmp_path / "faulty"], stdin=subprocess.DEVNULL, env={}, check=False)
    assert done.returncode != 0
    assert "words" in report.read_text()


def test_the_fuzzer_s_corpus(tmp_path: Path) -> None:
    """What the fuzzer found worth keeping, run once each; see fuzz_packets.c."""
    objects = []
    for name in READERS:
        objects.append(tmp_path / f"{name}.o")
        compile_c("-include", HERE / "stubs.h", "-c", NATIVE / f"{name}.c", "-o", objects[-1])
    program = tmp_path / "replay"
    compile_c("-DREPLAY", HERE / "fuzz_packets.c", *objects, "-o", program)
    corpus = sorted((HERE / "corpus").iterdir())
    done = subprocess.run([program, *corpus], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{len(corpus)} inputs\n"), done.stderr
