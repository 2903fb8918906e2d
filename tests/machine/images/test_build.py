"""Images built of the distribution's packages, and packages installed in them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.conftest import Footprint
from tests.machine.images.conftest import needs_ids

from agentos import AgentOs, MachineError
from agentos.machine.images.debian import _place, build_image
from agentos.machine.layers.store import LayerStore

needs_mmdebstrap = pytest.mark.skipif(
    shutil.which("mmdebstrap") is None or (os.geteuid() != 0 and not shutil.which("newuidmap")),
    reason="needs: sudo apt-get install mmdebstrap (and uidmap, for ordinary users)",
)
_URI = re.compile(r"\bhttps?://([^/\s\]]+)")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with an image `dev`, built by the command."""
    data = tmp_path_factory.mktemp("built") / "data"
    words = ["image", "build", "dev", "--packages", "gcc,libc6-dev,python3-pip,hostname"]
    subprocess.run(
        [sys.executable, "-m", "agentos", *words],
        env={**os.environ, "AGENTOS_DATA_DIR": str(data)},
        check=True,
        timeout=240,
    )
    return data


@pytest.fixture
async def dev(built: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AgentOs]:
    """A machine of the built image, with a way to the package sources that it names."""
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(built))
    async with AgentOs(image="dev", env={"DEBIAN_FRONTEND": "noninteractive"}) as vm:
        sources = await vm.exec("cat /etc/apt/sources.list /etc/apt/sources.list.d/*")
        named = [line for line in sources.stdout.splitlines() if not line.startswith("#")]
        for host in set(_URI.findall("\n".join(named))):
            await vm.network.allow(host)
        yield vm


def wheel(directory: Path) -> Path:
    """A small wheel, as from a package registry."""
    path = directory / "greeting-1.0-py3-none-any.whl"
    about = "greeting-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("greeting.py", "def main():\n    print('hello from pip')\n")
        archive.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{about}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{about}/entry_points.txt", "[console_scripts]\ngreet = greeting:main\n")
        archive.writestr(f"{about}/RECORD", "")
    return path


@needs_mmdebstrap
@needs_ids
async def test_packages_are_installed_as_root(dev: AgentOs) -> None:
    await dev.exec("apt-get update", user="root", check=True, timeout=120)
    await dev.exec("apt-get install -y hello", user="root", check=True, timeout=120)
    assert (await dev.exec("hello")).stdout == "Hello, world!\n"
    assert (await dev.exec("dpkg --audit", check=True)).stdout == ""
    await dev.exec("apt-get remove -y hello", user="root", check=True, timeout=120)
    assert (await dev.exec("hello")).exit_code == 127
    refused = await dev.exec("apt-get install -y hello")
    assert "are you root?" in refused.stderr


@needs_mmdebstrap
@needs_ids
async def test_pip_installs_as_root(dev: AgentOs, tmp_path: Path) -> None:
    await dev.upload(wheel(tmp_path), "/tmp/greeting-1.0-py3-none-any.whl")
    install = "pip install --break-system-packages --no-index /tmp/greeting-1.0-py3-none-any.whl"
    await dev.exec(install, user="root", check=True)
    assert (await dev.exec("greet")).stdout == "hello from pip\n"


@needs_mmdebstrap
async def test_programs_are_compiled(dev: AgentOs) -> None:
    await dev.write_file("x.c", '#include <stdio.h>\nint main(void) { puts("built"); }\n')
    assert (await dev.exec("gcc -Wall -o x x.c && ./x", check=True)).stdout == "built\n"


@needs_mmdebstrap
async def test_the_machine_is_the_image_and_not_the_host(dev: AgentOs) -> None:
    assert (await dev.exec("id -un; hostname")).stdout == "agentos\nagentos\n"
    mounts = (await dev.exec("cat /proc/mounts")).stdout.splitlines()
    assert {m.split()[1] for m in mounts if m.startswith("/dev/")} <= {"/opt/agentos"}


@needs_mmdebstrap
def test_the_command_lists_and_removes(built: Path) -> None:
    def agentos(*words: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-m", "agentos", *words],
            env={**os.environ, "AGENTOS_DATA_DIR": str(built)},
            capture_output=True,
            text=True,
            check=True,
        )
        return ran.stdout

    assert agentos("image", "list").split()[0] == "dev"
    assert '"dev"' in agentos("image", "list", "--json")


async def test_without_mmdebstrap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError) as caught:
        await build_image("name", ["git"])
    assert caught.value.code == "mmdebstrap_missing"
    assert caught.value.hint
    assert "apt-get install mmdebstrap" in caught.value.hint


@needs_mmdebstrap
async def test_without_sources(tmp_path: Path) -> None:
    with pytest.raises(MachineError) as caught:
        await build_image("name", apt=tmp_path)
    assert caught.value.code == "apt_sources_missing"


@needs_mmdebstrap
@pytest.mark.parametrize("package", ["", "--hook", "a,b", "a b", "A", "-x", "a;b", "a\n"])
async def test_packages_that_are_none(package: str) -> None:
    with pytest.raises(MachineError) as caught:
        await build_image("name", [package])
    assert caught.value.code == "name_invalid"


@pytest.fixture
def staging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where builds have their temporary files."""
    directory = tmp_path / "staging"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


@needs_mmdebstrap
async def test_a_build_that_fails_says_why(tmp_path: Path, data: Path, staging: Path) -> None:
    (tmp_path / "sources.list").write_text(f"deb [trusted=yes] copy:{tmp_path}/none stable main\n")
    held = Footprint.now()
    with pytest.raises(MachineError) as caught:
        await build_image("name", ["git"], apt=tmp_path)
    assert caught.value.code == "image_build_failed"
    assert caught.value.hint
    assert "apt-get" in caught.value.hint
    assert LayerStore().snapshots() == []
    assert list(staging.iterdir()) == []
    assert Footprint.now().grown_since(held) == []


@needs_mmdebstrap
async def test_a_build_that_is_cancelled_leaves_nothing(data: Path, staging: Path) -> None:
    held = Footprint.now()
    building = asyncio.create_task(build_image("name"))
    while not list(staging.glob("*/mmdebstrap.*")):
        assert not building.done()
        await asyncio.sleep(0.01)
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    assert list(staging.iterdir()) == []
    assert Footprint.now().grown_since(held) == []


def _builders(staging: Path) -> list[Path]:
    """The processes of the host that have something mounted there, as far as they see it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is about to
            if f"{staging}/" in (process / "mountinfo").read_text():
                found.append(process)
    return found


@needs_mmdebstrap
@pytest.mark.skipif(os.geteuid() != 0, reason="only what root mounts could stay")
def test_a_build_that_is_killed_leaves_neither_mounts_nor_processes(
    data: Path, staging: Path
) -> None:
    before = Path("/proc/mounts").read_text()
    words = [sys.executable, "-m", "agentos", "image", "build", "dev"]
    with subprocess.Popen(words, env={**os.environ, "TMPDIR": str(staging)}) as building:
        while not _builders(staging):
            assert building.poll() is None, "it ended before it mounted anything"
            time.sleep(0.01)
        assert str(staging) not in Path("/proc/mounts").read_text()
        building.kill()
    while _builders(staging):
        time.sleep(0.01)
    while any(f"{staging}/".encode() in line for line in _command_lines()):
        time.sleep(0.01)
    assert Path("/proc/mounts").read_text() == before
    assert list(staging.iterdir()) != []
    with _place() as place, _place() as other:  # the next builds take away what lies there
        assert sorted(map(str, staging.iterdir())) == sorted([place, other])
    assert list(staging.iterdir()) == []


def _command_lines() -> Iterator[bytes]:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            yield (process / "cmdline").read_bytes()
