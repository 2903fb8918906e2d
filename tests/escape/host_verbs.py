"""Out of a machine through the host: its own verbs, on what a hostile program has laid out."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import stat
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.escape.world import SECRET, World

from agentos.errors import MachineError
from agentos.machine.isolation.namespace import NamespaceMachine
from agentos.machine.layers.host_image import host_image
from agentos.machine.machine import AgentOs

Trial = Callable[[AgentOs, World], Awaitable[str]]


async def outcome(attempt: Awaitable[object]) -> str:
    """The kind of error that a verb raised, or what it gave."""
    try:
        return repr(await attempt)
    except OSError as error:
        return type(error).__name__


async def reads_through_links(vm: AgentOs, world: World) -> str:
    await vm.exec("ln -s $SECRET_PATH v1; ln -s /proc/self/root$SECRET_PATH v2", env=world.hints)
    await vm.exec("ln -s ../../../../../..$SECRET_PATH v3; ln -s /proc/1/cwd v4", env=world.hints)
    paths = ["v1", "v2", "v3", f"v4{world.secret}", str(world.secret)]
    return " ".join([await outcome(vm.read_file(path)) for path in paths])


async def reads_through_magic_links(vm: AgentOs, world: World) -> str:
    places = ["/proc/self/root", "/proc/1/root", "/proc/self/cwd", "/proc/1/cwd", "/proc/self/fd/3"]
    places += ["/proc/self/fd/4", "/proc/1/fd/3", "/dev/fd/3", "/proc/thread-self/root"]
    return " ".join([await outcome(vm.read_file(f"{p}{world.secret}")) for p in places])


async def reads_what_init_hides(vm: AgentOs, world: World) -> str:
    names = ["environ", "mem", "auxv", "fd/3", "exe", "map_files"]
    return " ".join([await outcome(vm.read_file(f"/proc/self/{name}")) for name in names])


async def writes_through_links(vm: AgentOs, world: World) -> str:
    target = world.place / "inner" / "made"
    await vm.symlink(str(target), "w1")
    await vm.symlink(f"/proc/self/root{target}", "w2")
    await vm.symlink(str(world.place), "w3")
    tries = [vm.write_file(path, "x") for path in ("w1", "w2", "w3/made", str(world.secret))]
    return " ".join([await outcome(attempt) for attempt in tries])


async def makes_and_moves_through_links(vm: AgentOs, world: World) -> str:
    await vm.symlink(str(world.place / "inner"), "p1")
    await vm.write_file("mine", "x")
    tries = [
        vm.mkdir("p1/made"),
        vm.move("mine", "p1/moved"),
        vm.move("p1/kept", "taken"),
        vm.symlink("x", "p1/link"),
        vm.chmod("p1/kept", 0o777),
        vm.remove("p1/kept"),
        vm.listdir("p1"),
    ]
    return " ".join([await outcome(attempt) for attempt in tries])


async def reads_while_links_are_swapped(vm: AgentOs, world: World) -> str:
    """A directory that is now itself, now a link to the host's place."""
    swap = (
        "mkdir -p r/a; echo mine > r/a/secret; ln -sfn /proc/self/root$PLACE r/b\n"
        "python3 - <<'E'\n"
        "import ctypes\nlibc = ctypes.CDLL(None)\nprint('on', flush=True)\n"
        "while True: libc.renameat2(-100, b'r/a', -100, b'r/b', 2)\nE"
    )
    seen = set()
    env = {"PLACE": str(world.place)}
    async with await vm.spawn(swap, env=env, contain=True) as process:
        assert process.stdout is not None
        await process.stdout.readline()
        for _ in range(300):
            seen.add(await outcome(vm.read_file("r/a/secret")))
            seen.add(await outcome(vm.listdir("r/a")))
            seen.add(await outcome(vm.write_file("r/a/written", "x")))
    odd = seen - {r"b'mine\n'", "FileNotFoundError", "OSError", "None", "PermissionError"}
    return "leaked" if any(SECRET in text or "kept" in text for text in odd) else "nothing"


async def removes_while_links_are_swapped(vm: AgentOs, world: World) -> str:
    swap = (
        "python3 - <<'E'\n"
        "import ctypes, os\nlibc = ctypes.CDLL(None)\n"
        "os.makedirs('x/d', exist_ok=True)\n"
        "for n in range(200): open(f'x/d/{n}', 'w').close()\n"
        "os.symlink(os.path.abspath('kept'), 'x/l')\nprint('on', flush=True)\n"
        "while True: libc.renameat2(-100, b'x/d', -100, b'x/l', 2)\nE"
    )
    await vm.mkdir("kept")
    await vm.write_file("kept/file", "x")
    async with await vm.spawn(swap, contain=True) as process:
        assert process.stdout is not None
        await process.stdout.readline()
        for _ in range(20):
            await outcome(vm.remove("x", recursive=True))
    return repr(await vm.listdir("kept"))


async def forks_while_links_are_swapped(vm: AgentOs, world: World) -> str:
    """By a process that looks ended, and so may not be stopped: what a branch gets to see."""
    lay_out = (
        "import os\n"
        "for n in range(300):\n"
        "    os.makedirs(f'q/{n}/a'); open(f'q/{n}/a/kept', 'w').close()\n"
        "    os.symlink(os.environ['PLACE'], f'q/{n}/b')\n"
    )
    await vm.exec(["python3", "-c", lay_out], env={"PLACE": str(world.place / "inner")}, check=True)
    seen = ""
    async with await vm.spawn("./swap 300; true") as process:
        assert process.stdout is not None
        await process.stdout.readline()
        for _ in range(8):
            try:
                (branch,) = await vm.fork()
            except MachineError:
                continue  # the copy ran into what had gone meanwhile
            try:
                seen += (await branch.exec("cat q/*/*/kept")).stdout
            finally:
                await branch.close()
    await vm.exec("rm -r q")
    return seen


async def starts_from_links(vm: AgentOs, world: World) -> str:
    """An image that has a link where a directory of the host is to appear."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        os.chmod(directory, 0o755)
        layer, made = Path(directory) / "layer", Path(directory) / "made"
        for path in (layer, made):
            path.mkdir()
        made.chmod(0o777)
        (layer / "opt").symlink_to(made)
        image = host_image()
        try:
            evil = dataclasses.replace(image, lowers=(layer, *image.lowers))
            binds = ((Path("/usr/share"), "/opt/agentos/below"),)
            with contextlib.suppress(MachineError):
                machine = await NamespaceMachine.start(lambda: evil, binds=binds)
                await machine.close()
        finally:
            image.close()
        return " ".join(os.listdir(made))


async def downloads_links(vm: AgentOs, world: World) -> str:
    await vm.exec("mkdir -p d/e; ln -s $SECRET_PATH d/link; ln -s / d/e/root", env=world.hints)
    await vm.exec("mkfifo d/pipe; python3 -c 'import socket as s; s.socket(1).bind(\"d/sock\")'")
    with tempfile.TemporaryDirectory(prefix="escape-download-") as directory:
        await outcome(vm.download("d", Path(directory) / "d"))
        found = [Path(top) / name for top, _, names in os.walk(directory) for name in names]
        regular = [p for p in found if stat.S_ISREG(os.lstat(p).st_mode)]
        return " ".join(p.read_text() for p in regular)


async def uploads_through_links(vm: AgentOs, world: World) -> str:
    await vm.symlink(str(world.place / "inner"), "u1")
    await vm.symlink(str(world.secret), "u2")
    tries = [vm.upload("/etc/hostname", "u1/made"), vm.upload("/etc/hostname", "u2")]
    return " ".join([await outcome(attempt) for attempt in tries])


async def works_in_init_s_directories(vm: AgentOs, world: World) -> str:
    places = ["/proc/1/root", "/proc/1/cwd", "/proc/self/fd/3", str(world.place)]
    return " ".join([await outcome(vm.exec("pwd", cwd=place)) for place in places])


async def waits_for_what_never_comes(vm: AgentOs, world: World) -> str:
    await vm.exec("mkfifo never; ln -s /dev/tty tty")
    paths = ["never", "/dev/zero", "/dev/full", "tty", "/dev/ptmx", "/proc/kmsg", "/dev/random"]
    shown = [await outcome(asyncio.wait_for(vm.read_file(path), 20)) for path in paths]
    return " ".join(text for text in shown if text != "b''")


async def descriptors_of_spawned_commands(vm: AgentOs, world: World) -> str:
    listing = ["python3", "-c", "import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))"]
    shown = ""
    for contain in (False, True):
        async with await vm.spawn(listing, contain=contain) as process:
            assert process.stdout is not None
            shown += (await process.stdout.read()).decode()
    async with await vm.terminal(listing) as terminal:
        while chunk := await terminal.read():
            shown += chunk.decode()
    return " ".join(shown.replace("\r", "").splitlines())


_ERRORS = r"(\w+Error ?)+"
#: Name, what the host does, what counts as held.
TRIALS: list[tuple[str, Trial, str]] = [
    ("reading through links", reads_through_links, _ERRORS),
    ("reading through magic links", reads_through_magic_links, _ERRORS),
    ("reading what init hides", reads_what_init_hides, _ERRORS),
    ("writing through links", writes_through_links, _ERRORS),
    ("making and moving through links", makes_and_moves_through_links, _ERRORS),
    ("reading while links are swapped", reads_while_links_are_swapped, "nothing"),
    ("removing while links are swapped", removes_while_links_are_swapped, r"\['file'\]"),
    ("forking while links are swapped", forks_while_links_are_swapped, ""),
    ("starting from links", starts_from_links, ""),
    ("downloading links", downloads_links, ""),
    ("uploading through links", uploads_through_links, _ERRORS),
    ("working in init's directories", works_in_init_s_directories, _ERRORS),
    ("waiting for what never comes", waits_for_what_never_comes, _ERRORS),
    (
        "descriptors of spawned commands",
        descriptors_of_spawned_commands,
        r"(\[0, 1, 2, 3\] ?){3}",
    ),
]
