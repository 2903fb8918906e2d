"""Machines by Landlock alone: what works in them, what they refuse, and that they end."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.machine.landlock_host import busy

import agentos
from agentos.errors import IsolationUnavailable, LimitExceeded, MachineError
from agentos.machine.isolation import backends, landlock
from agentos.machine.limits.choose import try_each
from agentos.machine.limits.limits import Limits
from agentos.machine.machine import AgentOs
from agentos.machine.mounts import Mount
from agentos.machine.network import NetworkPolicy

pytestmark = pytest.mark.skipif(
    landlock.abi() < landlock.NEEDED_ABI, reason="the kernel's Landlock is too old, or off"
)

HOST = Path(__file__).with_name("landlock_host.py")
SPARE = 47_113  # nobody on this host


def homes() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("agentos-landlock-*"))


@pytest.fixture(autouse=True)
def _no_directory_is_left() -> Iterator[None]:
    before = homes()
    yield
    assert homes() - before == set()


@pytest.fixture
async def vm() -> AsyncIterator[AgentOs]:
    async with AgentOs(isolation="landlock") as machine:
        yield machine


def marked(marker: str) -> list[int]:
    """The processes of the host that have this word on their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if marker.encode() in words and path.parent.name != str(os.getpid()):
            found.append(int(path.parent.name))
    return found


# ---- what works ----


async def test_commands_run_in_a_private_home(vm: AgentOs) -> None:
    home = vm.environment()["HOME"]
    result = await vm.exec("pwd; echo $HOME; stat -c %a .; umask", check=True)
    assert result.stdout == f"{home}\n{home}\n700\n0022\n"
    assert (await vm.exec("cat; exit 3", input=b"in")).exit_code == 3
    with pytest.raises(FileNotFoundError):
        await vm.exec(["no-such-program"])


async def test_the_environment_is_ours_alone(vm: AgentOs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST_TOKEN", "secret")
    names = {line.split("=")[0] for line in (await vm.exec(["env"])).stdout.splitlines()}
    assert names == {"HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TMPDIR", "USER"} | {
        "GIT_CONFIG_NOSYSTEM"
    }


async def test_file_verbs_and_commands_see_the_same(vm: AgentOs) -> None:
    await vm.mkdir("a/b", parents=True)
    await vm.write_file("a/b/f", "one\n")
    await vm.exec("sed -i s/one/two/ a/b/f", check=True)
    assert await vm.read_text("a/b/f") == "two\n"
    await vm.move("a/b/f", "a/moved")
    await vm.exec("mkdir c && mv a/moved c/ && chmod 600 c/moved", check=True)
    await vm.chmod("c/moved", 0o640)
    assert (await vm.stat("c/moved")).mode & 0o777 == 0o640
    await vm.symlink("c/moved", "link")
    assert await vm.read_text("link") == "two\n"
    await vm.remove("c", recursive=True)
    assert await vm.listdir() == ["a", "link"]


async def test_a_tree_goes_in_and_out(vm: AgentOs, tmp_path: Path) -> None:
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "in/deep/file").write_text("x")
    await vm.upload(tmp_path / "in", "tree")
    await vm.exec("echo y > tree/deep/made", check=True)
    await vm.download("tree", tmp_path / "out")
    assert (tmp_path / "out/deep/made").read_text() == "y\n"


async def test_programs_of_the_host_work(vm: AgentOs) -> None:
    script = (
        "git init -q r && cd r && git config user.name n && git config user.email e@x"
        " && echo 1 > f && git add f && git commit -qm m && git log --format=%s"
        " && printf 'int main(void){return 0;}' > m.c && cc m.c -o m && ./m && echo built"
        ' && python3 -c \'import subprocess; print(subprocess.check_output(["echo", "sub"]))\''
        " && cat <<E | tr a-z A-Z\nhere\nE"
    )
    result = await vm.exec(script)
    assert result.stdout == "m\nbuilt\nb'sub\\n'\nHERE\n", result.stderr


async def test_a_terminal(vm: AgentOs) -> None:
    async with await vm.terminal("bash --norc -i", rows=30, cols=90) as terminal:
        await terminal.write(b"stty size; sleep 1000\n")
        shown = b""
        while b"30 90\r\n" not in shown:
            shown += await terminal.read()
        while "sleep" not in {p.executable for p in await vm.processes()}:
            await asyncio.sleep(0)
        terminal.resize(40, 100)
        await terminal.write(b"\x03stty size < /dev/tty; jobs; echo $((6 * 7))\n")
        while b"42\r\n" not in shown:
            shown += await terminal.read()
    assert b"40 100\r\n" in shown
    assert b"no job control" not in shown


async def test_only_its_own_processes_are_listed(vm: AgentOs) -> None:
    process = await vm.spawn("setsid sleep 1000 & echo on; wait")
    assert process.stdout is not None
    await process.stdout.readline()
    listed = await vm.processes()
    assert process.pid in {p.pid for p in listed}
    assert {p.executable for p in listed} <= {"sh", "setsid", "sleep"}
    await vm.signal(process.pid, signal.SIGKILL)
    assert await process.wait() == 128 + signal.SIGKILL
    assert 0 < (await vm.stats()).pids < 4


async def test_a_contained_family_ends_with_its_command(vm: AgentOs) -> None:
    marker = f"family-{os.getpid()}"
    words = ["python3", "-c", "import os\nif os.fork(): os._exit(0)\nos.setsid()\n"
             "if os.fork(): os._exit(0)\nos.execlp('sleep', 'sleep', '1000', os.sys.argv[1])",
             marker]  # fmt: skip
    process = await vm.spawn(words, contain=True)
    await process.wait()
    until_gone(marker)


async def test_watching_files(vm: AgentOs) -> None:
    async with vm.watch(".") as changes:
        await vm.exec("echo x > seen", check=True)
        async for change in changes:
            assert change.path.endswith("seen")
            break


async def test_stats_measure_its_files(vm: AgentOs) -> None:
    before = (await vm.stats()).disk
    await vm.write_file("large", b"x" * 3_000_000)
    stats = await vm.stats()
    assert 2_900_000 < stats.disk - before < 3_300_000
    assert stats.enforced["disk"] == "none"


async def test_limits_that_hold_here() -> None:
    limits = Limits(open_files=32, wall_time=1000)
    async with AgentOs(isolation="landlock", limits=limits) as vm:
        assert (await vm.exec("ulimit -n")).stdout == "32\n"
        assert (await vm.stats()).enforced["disk"] == "none"


async def test_memory_and_processes_are_bounded_by_control_groups() -> None:
    """Where there are none, it is refused: no other way is its own."""
    ways = await try_each()
    limits = Limits(memory="64M", pids=20)
    if not all(ways[name].startswith("cgroup") for name in ("memory", "pids")):
        with pytest.raises(IsolationUnavailable):
            await AgentOs.create(isolation="landlock", limits=limits)
        return
    async with AgentOs(isolation="landlock", limits=limits) as vm:
        with pytest.raises(LimitExceeded) as caught:
            await vm.exec(["python3", "-c", "bytearray(200_000_000)"])
        assert caught.value.limit == "memory"
        with pytest.raises(LimitExceeded) as caught:
            await vm.exec("for n in $(seq 40); do sleep 1000 & done; exit 1")
        assert caught.value.limit == "pids"
        assert (await vm.stats()).pids <= 20


# ---- what it holds against ----


async def test_commands_hold_no_privileges(vm: AgentOs) -> None:
    text = await vm.exec(["cat", "/proc/self/status"])
    status = dict(line.split(":\t", 1) for line in text.stdout.splitlines() if ":\t" in line)
    assert {status[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Amb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    if os.geteuid() == 0:
        assert status["CapBnd"] == "0" * 16
        assert {int(uid) >= 0x70000000 for uid in status["Uid"].split()} == {True}
        assert status["Groups"].split() == []
    else:
        assert set(status["Uid"].split()) == {str(os.geteuid())}


async def test_what_lies_outside_cannot_be_opened(vm: AgentOs, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for path in (tmp_path, *tmp_path.parents[:-2], secret):
        path.chmod(path.stat().st_mode | 0o055)
    assert (await vm.exec(["cat", str(secret)])).exit_code == 1
    assert (await vm.exec(f"echo x >> {secret}; rm -f {secret}; > {tmp_path}/new")).exit_code
    await vm.symlink(str(secret), "link")
    for verb in (vm.read_file("link"), vm.write_file("link", "x"), vm.chmod("link", 0o777)):
        with pytest.raises(PermissionError):
            await verb
    with pytest.raises(PermissionError):
        await vm.listdir("/tmp")
    assert (secret.read_text(), os.listdir(tmp_path)) == ("secret", ["secret"])
    assert secret.stat().st_mode & 0o777 != 0o777


async def test_processes_of_the_host_are_out_of_reach(vm: AgentOs) -> None:
    environment = {"HOST_TOKEN": "secret"}
    process = subprocess.Popen(["sleep", "1000"], env=environment)  # noqa: ASYNC220 - at once
    with process:
        pid = process.pid
        script = f"kill -0 {pid}; cat /proc/{pid}/environ /proc/{pid}/maps; ls /proc/{pid}/fd"
        result = await vm.exec(f"{script}; kill -9 {os.getpid()}")
        with pytest.raises(PermissionError):
            await vm.signal(pid, signal.SIGTERM)
        assert (result.stdout, process.poll()) == ("", None)
        process.kill()


async def test_a_signal_by_way_of_a_descriptor_is_not_sent(vm: AgentOs) -> None:
    process = await asyncio.create_subprocess_exec("sleep", "1000")
    code = (
        "import fcntl, os, sys\n"
        "r, w = os.pipe()\n"
        "fcntl.fcntl(r, 10, 15)\n"  # F_SETSIG: SIGTERM instead of SIGIO
        "fcntl.fcntl(r, fcntl.F_SETOWN, int(sys.argv[1]))\n"
        "fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC)\n"
        "os.write(w, b'x')\n"
    )
    await vm.exec(["python3", "-c", code, str(process.pid)], check=True)
    own = await vm.spawn(["sleep", "1000"])  # to which the same signal does come
    await vm.exec(["python3", "-c", code, str(own.pid)], check=True)
    assert await own.wait() == 128 + signal.SIGTERM
    assert process.returncode is None
    process.kill()
    assert await process.wait() == -signal.SIGKILL


async def test_there_is_no_network(vm: AgentOs) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = (
            "import socket as s\n"
            "for f in (s.AF_INET, s.AF_INET6, s.AF_UNIX, s.AF_NETLINK, s.AF_VSOCK):\n"
            "    for kind in (s.SOCK_STREAM, s.SOCK_DGRAM):\n"
            "        try: s.socket(f, kind); print('made')\n"
            "        except OSError as e: print(e.strerror)\n"
            "try: s.socketpair(s.AF_UNIX, s.SOCK_DGRAM); print('made')\n"
            "except OSError as e: print(e.strerror)\n"
            "s.socketpair()\n"
        )
        result = await vm.exec(["python3", "-c", code])
        refusals = {"Permission denied", "Address family not supported by protocol"}
        assert set(result.stdout.splitlines()) == refusals, result.stderr
        assert server.getsockname()[1]


async def test_two_machines_are_closed_to_each_other(vm: AgentOs) -> None:
    async with AgentOs(isolation="landlock") as other:
        await other.write_file("secret", "x")
        sleeper = await other.spawn(["sleep", "1000"])
        path = f"{other.environment()['HOME']}/secret"
        assert (await vm.exec(["cat", path])).exit_code == 1
        assert (await vm.exec(f"kill -9 {sleeper.pid}")).exit_code
        assert (await other.exec("kill -9 1")).exit_code
        assert sleeper.exit_code is None


# ---- its end ----


async def test_closing_ends_all_of_it() -> None:
    marker = f"closing-{os.getpid()}"
    async with AgentOs(isolation="landlock") as vm:
        await busy(vm, marker)
        assert len(marked(marker)) >= 3
    until_gone(marker)


async def test_init_killed_by_its_own_machine() -> None:
    marker = f"suicide-{os.getpid()}"
    async with AgentOs(isolation="landlock") as vm:
        await busy(vm, marker)
        with pytest.raises(MachineError):
            await vm.exec("kill -9 $PPID; sleep 1000")
        assert vm.closed
    until_gone(marker)


async def test_a_tree_that_resists_is_removed() -> None:
    async with AgentOs(isolation="landlock") as vm:
        deep = "import os\nfor _ in range(3000): os.mkdir('d'); os.chdir('d')\n"
        await vm.exec(["python3", "-c", deep], check=True)
        await vm.exec("mkdir shut && touch shut/f && chmod 0 shut && ln -s / root", check=True)


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory where every user may go, with the package and the host program."""
    path = Path(tempfile.mkdtemp(prefix="hosts-"))
    path.chmod(0o755)
    package = Path(agentos.__file__ or "").parent
    shutil.copytree(package, path / "agentos", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HOST, path / "host.py")
    (path / "data").mkdir()
    (path / "data").chmod(0o777)
    yield path
    shutil.rmtree(path)


def as_user(uid: int) -> list[str]:
    if uid == os.geteuid():
        return []
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]


def interpreter_of(uid: int) -> str:
    recent = "import sys; sys.exit(sys.version_info < (3, 11))"
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            if subprocess.run([*as_user(uid), python, "-c", recent], check=False).returncode == 0:
                return python
        except FileNotFoundError:
            continue
    pytest.skip("no Python 3.11 that other users may run")


@contextmanager
def started_host(
    place: Path, uid: int, *words: str
) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Run the host program, which is killed in the end."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(place),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AGENTOS_DATA_DIR": str(place / "data"),
    }
    command = [*as_user(uid), interpreter_of(uid), str(place / "host.py"), *words]
    host = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd="/")
    assert host.stdout is not None
    try:
        yield host, json.loads(host.stdout.readline())
    finally:
        host.kill()
        host.wait()
        host.stdout.close()


def until_gone(marker: str, but: int = 0) -> None:
    """Wait, as long as the test may last, until nobody with the marker is seen any more.

    One look can miss the one that is another process every moment.
    """
    empty = 0
    while empty < 30:
        empty = empty + 1 if not set(marked(marker)) - {but} else 0


IDENTITIES = [os.geteuid(), *([SPARE] if os.geteuid() == 0 else [])]
DEATHS: dict[str, tuple[str, list[str]]] = {
    "the host's process": ("host", []),
    "the host's process while init is stopped": ("host", ["stopped"]),
    "init": ("init", []),
    "the guardian": ("guardian", []),
}


@pytest.mark.parametrize("uid", IDENTITIES)
@pytest.mark.parametrize("death", DEATHS)
def test_kill_9_ends_every_process(place: Path, uid: int, death: str) -> None:
    marker = f"killed-{os.getpid()}"
    whom, words = DEATHS[death]
    with started_host(place, uid, marker, *words) as (host, known):
        victim = host.pid if whom == "host" else known[whom]
        assert len(marked(marker)) >= 4  # the host, and three that hold still
        os.kill(victim, signal.SIGKILL)
        until_gone(marker, but=host.pid)
    assert Path(known["home"]).parent.is_dir()
    with started_host(place, uid, marker, "closed") as (again, _):
        assert again.wait() == 0
    until_gone(marker)
    assert not Path(known["home"]).parent.exists()


def test_gc_removes_what_a_killed_machine_left(place: Path) -> None:
    with started_host(place, os.geteuid(), f"gc-{os.getpid()}") as (_, known):
        pass
    until_gone(f"gc-{os.getpid()}")
    done = subprocess.run(
        [sys.executable, "-m", "agentos", "gc"],
        env={**os.environ, "AGENTOS_DATA_DIR": str(place / "data")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "removed what killed machines left: 1 directories" in done.stdout
    assert not Path(known["home"]).parent.exists()


async def test_what_is_in_use_is_not_swept(vm: AgentOs) -> None:
    await vm.write_file("kept", "x")
    async with AgentOs(isolation="landlock") as other:
        assert (await other.exec("true")).exit_code == 0
    assert await vm.read_text("kept") == "x"


# ---- what it refuses ----

SETTINGS: dict[str, dict[str, Any]] = {
    "image": {"image": "debian"},
    "software": {"software": ["codex"]},
    "name": {"name": "workbench"},
    "mounts": {"mounts": [Mount.tmpfs("/tmp/x")]},
    "network": {"network": NetworkPolicy(allow=["example.org"])},
    "disk": {"limits": Limits(disk="1G")},
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_that_it_cannot_have(setting: str) -> None:
    with pytest.raises(IsolationUnavailable, match=setting) as caught:
        AgentOs(isolation="landlock", **SETTINGS[setting])
    assert caught.value.code == "not_in_this_isolation"
    assert caught.value.hint


VERBS: dict[str, Callable[[AgentOs], Awaitable[object]]] = {
    "snapshot": lambda vm: vm.snapshot("x"),
    "fork": lambda vm: vm.fork(),
    "diff": lambda vm: vm.diff(),
    "mount": lambda vm: vm.mount(Mount.tmpfs("/tmp/x")),
    "unmount": lambda vm: vm.unmount("/tmp/x"),
    "create_session": lambda vm: vm.create_session("codex"),
    "network": lambda vm: vm.network.allow("example.org"),
}


@pytest.mark.parametrize("verb", VERBS)
async def test_verbs_that_it_cannot_have(vm: AgentOs, verb: str) -> None:
    with pytest.raises(IsolationUnavailable, match=verb) as caught:
        await VERBS[verb](vm)
    assert caught.value.code == "not_in_this_isolation"
    assert (await vm.exec("echo on")).stdout == "on\n"


async def test_there_is_no_root_inside(vm: AgentOs) -> None:
    with pytest.raises(MachineError) as caught:
        await vm.exec("id", user="root")
    assert caught.value.code == "no_root_inside"


async def test_a_kernel_whose_landlock_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 4)
    with pytest.raises(IsolationUnavailable, match="needs Landlock ABI 6; this kernel has ABI 4"):
        await AgentOs.create(isolation="landlock")


#: Has the kernel answer ENOSYS to landlock_create_ruleset, as one without it does.
WITHOUT_LANDLOCK = """
import asyncio, ctypes, struct
libc = ctypes.CDLL(None)
rows = ((0x20, 0, 0, 0), (0x15, 0, 1, 444), (0x06, 0, 0, 0x50026), (0x06, 0, 0, 0x7fff0000))
code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *row) for row in rows))
program = ctypes.create_string_buffer(struct.pack("@HP", len(rows), ctypes.addressof(code)))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program) == 0
from agentos.errors import IsolationUnavailable
from agentos.machine.machine import AgentOs
try:
    asyncio.run(AgentOs.create(isolation="landlock"))
except IsolationUnavailable as error:
    print(error.code, error.message)
"""


def test_a_kernel_without_landlock() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_LANDLOCK], capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        "landlock_missing landlock needs Landlock ABI 6; this kernel has none in force\n"
    )


async def test_it_is_never_taken_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    async def absent() -> backends.Backend:
        raise IsolationUnavailable("not on this host", hint="get one")

    monkeypatch.setitem(backends._CHOICES, "namespace", absent)
    with pytest.raises(IsolationUnavailable, match="not on this host"):
        await AgentOs.create()


# ---- where it is wanted: hosts that forbid namespaces ----

ATTEMPT = """
import asyncio
from agentos.machine.machine import AgentOs

async def main():
    async with AgentOs(isolation="landlock") as vm:
        print((await vm.exec("setsid sleep 1000 & cat /etc/shadow ../../*; echo hello")).stdout)

asyncio.run(main())
"""


def test_a_host_that_forbids_user_namespaces() -> None:
    wrapper = Path(__file__).parents[1] / "data" / "in_user_namespace.py"
    setup = "echo 0 > /proc/sys/user/max_user_namespaces"
    command = [sys.executable, str(wrapper), setup, sys.executable, "-c", ATTEMPT]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "hello\n\n"


async def test_a_container_that_forbids_namespaces() -> None:
    """Such as a machine of ours."""
    env = {"PYTHONPATH": "/home/agentos/lib", "AGENTOS_DATA_DIR": "/tmp/d"}
    async with AgentOs(env=env) as vm:
        await vm.mkdir("lib")
        await vm.upload(Path(agentos.__file__ or "").parent, "lib/agentos")
        done = await vm.exec(["python3", "-c", ATTEMPT], check=True)
        assert done.stdout == "hello\n\n"
        assert [p.executable for p in await vm.processes()] == []
