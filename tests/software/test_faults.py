from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agentos.errors import ChecksumMismatch, RegistryUnreachable, SoftwareError
from agentos.software import Catalog, Package, ensure, installed
from agentos.software.archive import Stopped

if TYPE_CHECKING:
    from tests.software.conftest import Files, Registry

SMALL: Files = {"tool/file": (b"content", 0o644)}
NOISE: Files = {"tool/noise": (os.urandom(300_000), 0o644)}
CLOSED = "http://127.0.0.1:9"

INSTALLER = """
import asyncio, pickle, sys
from pathlib import Path
from agentos.software import ensure
catalog = pickle.loads(Path(sys.argv[1]).read_bytes())
print("asking", flush=True)
print(asyncio.run(ensure(["tool"], catalog=catalog))[0].path)
"""


def start(catalog: Catalog, tmp_path: Path, *before: str) -> subprocess.Popen[str]:
    """Install `tool` in another process."""
    file = tmp_path / "catalog"
    file.write_bytes(pickle.dumps(catalog))
    return subprocess.Popen(
        [*before, sys.executable, "-c", INSTALLER, str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def pinned(package: Package, **changes: object) -> Package:
    [artifact] = package.artifacts
    return dataclasses.replace(
        package,
        artifacts=(dataclasses.replace(artifact, **changes),),  # type: ignore[arg-type]
    )


def nothing_left(data: Path) -> bool:
    layers = [path for path in (data / "software").glob("*/*") if path.parent.name != "node"]
    return layers == [] and list((data / "software-staging").glob("install-*")) == []


async def test_pips_index_is_unreachable(
    registry: Registry, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = registry.pip_package("tool", SMALL)
    monkeypatch.setenv("PIP_INDEX_URL", f"{CLOSED}/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(RegistryUnreachable, match="refused") as caught:
        await ensure(["tool"], catalog={"tool": package})
    assert caught.value.retryable
    assert "pip config list" in str(caught.value.hint)
    assert nothing_left(data)


async def test_npms_registry_is_unreachable(
    registry: Registry, node: Package, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = registry.npm_package("tool", SMALL)
    monkeypatch.setenv("npm_config_registry", CLOSED)
    with pytest.raises(RegistryUnreachable, match="ECONNREFUSED") as caught:
        await ensure(["tool"], catalog={"tool": package, "node": node})
    assert caught.value.retryable
    assert ".npmrc" in str(caught.value.hint)
    assert nothing_left(data)


@pytest.mark.parametrize("client", ["pip", "npm"])
async def test_the_download_breaks_off(
    registry: Registry, node: Package, data: Path, client: str
) -> None:
    publish = registry.pip_package if client == "pip" else registry.npm_package
    package = publish("tool", NOISE)
    registry.breaks_off = True
    with pytest.raises(RegistryUnreachable, match=r"\b(failed|aborted|ECONNRESET)\b") as caught:
        await ensure(["tool"], catalog={"tool": package, "node": node})
    assert caught.value.retryable
    assert nothing_left(data)
    registry.breaks_off = False
    assert await ensure(["tool"], catalog={"tool": package, "node": node})


@pytest.mark.parametrize("client", ["pip", "npm"])
async def test_the_registry_does_not_have_it(
    registry: Registry, node: Package, data: Path, client: str
) -> None:
    publish = registry.pip_package if client == "pip" else registry.npm_package
    package = publish("tool", SMALL)
    registry.archives.clear()
    with pytest.raises(SoftwareError, match=f"{client} could not fetch tool") as caught:
        await ensure(["tool"], catalog={"tool": package, "node": node})
    assert not isinstance(caught.value, RegistryUnreachable)
    assert nothing_left(data)


@pytest.mark.parametrize("client", ["pip", "npm"])
async def test_what_arrives_is_not_what_was_pinned(
    registry: Registry, node: Package, data: Path, client: str
) -> None:
    publish = registry.pip_package if client == "pip" else registry.npm_package
    honest = publish("tool", SMALL)
    publish("tool", {"tool/file": (b"something else", 0o644)})
    [artifact] = publish("tool", {"tool/file": (b"something else", 0o644)}).artifacts
    with pytest.raises(ChecksumMismatch) as caught:
        await ensure(["tool"], catalog={"tool": honest, "node": node})
    for part in ("tool 1.0", honest.artifacts[0].integrity, artifact.integrity):
        assert part
        assert part in caught.value.message
    assert nothing_left(data)


async def test_npm_itself_finds_the_archive_damaged(
    registry: Registry, node: Package, data: Path
) -> None:
    package = registry.npm_package("tool", SMALL)
    [artifact] = package.artifacts
    registry.metadata_integrity = "sha512-" + "A" * 86 + "=="
    with pytest.raises(ChecksumMismatch) as caught:
        await ensure(["tool"], catalog={"tool": package, "node": node})
    assert f"found {artifact.integrity}" in caught.value.message
    assert nothing_left(data)


async def test_room_is_looked_for_before_the_download(registry: Registry, data: Path) -> None:
    package = pinned(registry.pip_package("tool", SMALL), unpacked=10**18)
    with pytest.raises(SoftwareError, match=r"1,000,000,000,000\.\d MB") as caught:
        await ensure(["tool"], catalog={"tool": package})
    assert caught.value.code == "disk_full"
    assert str(data / "software") in caught.value.message
    assert registry.downloads == []
    assert nothing_left(data)


FULL_DISK = """
import asyncio, json, os, pickle, sys
from pathlib import Path
from agentos.errors import SoftwareError
from agentos.software import ensure, software_dir
catalog = pickle.loads(Path(sys.argv[1]).read_bytes())
data = software_dir().parent
if len(sys.argv) > 2:
    (data / "software/node").mkdir(parents=True)
    (data / "software/node" / catalog["node"].version).symlink_to(sys.argv[2])
try:
    asyncio.run(ensure(["tool"], catalog=catalog))
except SoftwareError as error:
    left = [path.name for path in data.glob("*/*") if path.is_dir() and path.name != "node"]
    print(json.dumps({"code": error.code, "message": error.message, "left": left}))
"""


def install_on_a_small_disk(tmp_path: Path, catalog: Catalog, *layers: str) -> dict[str, object]:
    """Install on a file system of 4 MB that only the installing process sees."""
    (tmp_path / "catalog").write_bytes(pickle.dumps(catalog))
    disk = tmp_path / "data"
    disk.mkdir(exist_ok=True)
    unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    mount = 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"'
    script = [sys.executable, "-c", FULL_DISK, str(tmp_path / "catalog"), *layers]
    done = subprocess.run(
        [*unshare, "sh", "-c", mount, str(disk), *script], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    reply: dict[str, object] = json.loads(done.stdout)
    return reply


@pytest.mark.parametrize("stage", ["pip download", "npm download", "unpacking"])
def test_the_disk_fills_up_on_the_way(
    registry: Registry, real_node: Path, tmp_path: Path, stage: str
) -> None:
    content = bytes(8_000_000) if stage == "unpacking" else os.urandom(6_000_000)
    publish = registry.npm_package if stage == "npm download" else registry.pip_package
    package = publish("tool", {"tool/big": (content, 0o644)}, size=1, unpacked=1)
    catalog = {"tool": package, "node": Package("node", real_node.name, ())}
    reply = install_on_a_small_disk(tmp_path, catalog, str(real_node))
    assert reply["code"] == "disk_full", reply
    assert str(tmp_path / "data/software") in str(reply["message"])
    assert reply["left"] == []


async def test_a_place_that_cannot_be_written_is_named(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = registry.pip_package("tool", SMALL)
    (tmp_path / "file").touch()
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(tmp_path / "file"))
    with pytest.raises(SoftwareError, match="cannot install tool") as caught:
        await ensure(["tool"], catalog={"tool": package})
    assert "AGENTOS_DATA_DIR" in str(caught.value.hint)


async def test_cancelling_leaves_nothing(registry: Registry, data: Path) -> None:
    catalog = {"tool": registry.pip_package("tool", NOISE)}
    registry.hold.clear()
    task = asyncio.create_task(ensure(["tool"], catalog=catalog))
    assert await asyncio.to_thread(registry.arrived.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(registry.gone.wait, 30), "pip is still running"
    assert nothing_left(data)


async def test_cancelling_stops_the_work_in_a_thread(
    registry: Registry, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, ended = threading.Event(), threading.Event()

    def endless(archive: Path, root: Path, keep: Mapping[str, str], stop: threading.Event) -> int:
        (root / "half").touch()
        began.set()
        stop.wait()
        ended.set()
        raise Stopped

    monkeypatch.setattr("agentos.software.archive.unpack", endless)
    task = asyncio.create_task(
        ensure(["tool"], catalog={"tool": registry.pip_package("tool", SMALL)})
    )
    assert await asyncio.to_thread(began.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    assert nothing_left(data)


def test_ctrl_c_leaves_nothing(registry: Registry, data: Path, tmp_path: Path) -> None:
    registry.hold.clear()
    installer = start({"tool": registry.pip_package("tool", NOISE)}, tmp_path)
    assert registry.arrived.wait(30)
    installer.send_signal(signal.SIGINT)
    installer.communicate(timeout=30)
    assert installer.returncode != 0
    assert registry.gone.wait(30), "pip is still running"
    assert nothing_left(data)


async def test_after_kill_9_the_next_install_sweeps(
    registry: Registry, data: Path, tmp_path: Path
) -> None:
    catalog = {"tool": registry.pip_package("tool", NOISE)}
    registry.hold.clear()
    installer = start(catalog, tmp_path)
    assert registry.arrived.wait(30)
    installer.kill()
    installer.communicate(timeout=30)
    assert registry.gone.wait(30), "pip outlived its installer"
    [left] = (data / "software-staging").glob("install-*")
    assert installed() == []
    registry.hold.set()
    await ensure(["tool"], catalog=catalog)
    assert not left.exists()
    assert [layer.name for layer in installed()] == ["tool"]


async def test_a_living_installers_directory_is_not_swept(
    registry: Registry, data: Path, tmp_path: Path
) -> None:
    catalog = {
        "tool": registry.pip_package("tool", NOISE),
        "other": registry.pip_package("other", {"other/file": (b"x", 0o644)}),
    }
    registry.hold.clear()
    installer = start(catalog, tmp_path)
    assert registry.arrived.wait(30)
    registry.arrived.clear()
    other = asyncio.create_task(ensure(["other"], catalog=catalog))
    assert await asyncio.to_thread(registry.arrived.wait, 30)
    assert len(list((data / "software-staging").glob("install-*"))) == 2
    registry.hold.set()
    await other
    _, errors = await asyncio.to_thread(installer.communicate, timeout=30)
    assert installer.returncode == 0, errors
    assert [layer.name for layer in installed()] == ["other", "tool"]


def test_two_processes_at_once_install_once(registry: Registry, data: Path, tmp_path: Path) -> None:
    catalog = {"tool": registry.pip_package("tool", NOISE)}
    registry.hold.clear()
    first = start(catalog, tmp_path)
    assert registry.arrived.wait(30)
    second = start(catalog, tmp_path)
    assert second.stdout is not None
    assert second.stdout.readline() == "asking\n"
    registry.hold.set()
    paths = [process.communicate(timeout=30)[0].split()[-1] for process in (first, second)]
    assert paths == [str(data / "software/tool/1.0")] * 2
    assert len(registry.downloads) == 1
