from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agentos.errors import SoftwareError
from agentos.software import Package, ensure, installed, remove, software_dir

if TYPE_CHECKING:
    from tests.software.conftest import Files, Registry

TOOL: Files = {
    "tool/bin/run": (b"#!/bin/sh\necho ran\n", 0o755),
    "tool/share/text": (b"text" * 50_000, 0o600),
}


class Recorder:
    def __init__(self) -> None:
        self.calls: list[tuple[str, object]] = []

    def started(self, name: str, version: str, total_bytes: int) -> None:
        self.calls.append(("started", (name, version, total_bytes)))

    def advanced(self, bytes_so_far: int) -> None:
        self.calls.append(("advanced", bytes_so_far))

    def finished(self) -> None:
        self.calls.append(("finished", None))


def no_staging(data: Path) -> bool:
    return list((data / "software-staging").glob("install-*")) == []


def output_of(*command: Path) -> bytes:
    return subprocess.run(command, capture_output=True, check=True).stdout


async def test_a_package_from_pip_is_installed(registry: Registry, data: Path) -> None:
    package = registry.pip_package("tool", TOOL, links={"bin/alias": "run"})
    [layer] = await ensure(["tool"], catalog={"tool": package})
    assert layer.path == data / "software/tool/1.0"
    assert layer.size == sum(len(content) for content, _ in TOOL.values())
    for program in ("run", "alias"):
        assert output_of(layer.path / "bin" / program) == b"ran\n"
    manifest = json.loads((layer.path / "agentos-package.json").read_text())
    assert manifest["source"] == "pip:tool==1.0"
    assert manifest["integrity"] == package.artifacts[0].integrity
    assert installed() == [layer]
    assert no_staging(data)


async def test_every_user_may_read_a_layer_and_nobody_may_write(
    registry: Registry, data: Path
) -> None:
    package = registry.pip_package("tool", TOOL)
    before = os.umask(0o077)
    try:
        [layer] = await ensure(["tool"], catalog={"tool": package})
    finally:
        os.umask(before)
    paths = [software_dir(), layer.path.parent, layer.path, *layer.path.rglob("*")]
    modes = {str(path.relative_to(data)): oct(stat.S_IMODE(path.stat().st_mode)) for path in paths}
    assert modes == {
        "software": "0o755",
        "software/tool": "0o755",
        "software/tool/1.0": "0o755",
        "software/tool/1.0/agentos-package.json": "0o444",
        "software/tool/1.0/bin": "0o755",
        "software/tool/1.0/bin/run": "0o555",
        "software/tool/1.0/share": "0o755",
        "software/tool/1.0/share/text": "0o444",
    }
    assert stat.S_IMODE((data / "software-staging").stat().st_mode) == 0o700


async def test_what_is_installed_is_not_fetched_again(registry: Registry) -> None:
    catalog = {"tool": registry.pip_package("tool", TOOL)}
    first = await ensure(["tool"], catalog=catalog)
    assert await ensure(["tool", "tool"], catalog=catalog) == first
    assert len(registry.downloads) == 1


async def test_a_package_from_npm_is_installed(
    registry: Registry, node: Package, data: Path
) -> None:
    files: Files = {"package/dist/index.js": (b"console.log('adapter')", 0o644)}
    adapter = registry.npm_package("adapter", files, requires=("node",))
    layers = await ensure(["adapter"], catalog={"adapter": adapter, "node": node})
    assert [layer.name for layer in layers] == ["node", "adapter"]
    said = output_of(layers[0].path / "bin/node", layers[1].path / "dist/index.js")
    assert said == b"adapter\n"
    assert no_staging(data)


async def test_npm_reads_the_users_own_configuration(
    registry: Registry, node: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("npm_config_registry")
    (tmp_path / "home/.npmrc").write_text(f"registry={registry.url}\n")
    adapter = registry.npm_package("adapter", {"package/index.js": (b"", 0o644)})
    assert await ensure(["adapter"], catalog={"adapter": adapter, "node": node})


async def test_npm_reads_the_configuration_of_the_hosts_npm(
    registry: Registry, node: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("npm_config_registry")
    settings = tmp_path / "etc-npmrc"
    settings.write_text(f"registry={registry.url}\n")
    npm = tmp_path / "bin/npm"
    npm.parent.mkdir()
    npm.write_text(f'#!/bin/sh\n[ "$1 $2 $3" = "config get globalconfig" ] && echo {settings}\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:{os.environ['PATH']}")
    adapter = registry.npm_package("adapter", {"package/index.js": (b"", 0o644)})
    assert await ensure(["adapter"], catalog={"adapter": adapter, "node": node})


async def test_progress_is_reported_in_bytes(registry: Registry) -> None:
    noise: Files = {"tool/noise": (os.urandom(4_000_000), 0o644)}
    package = registry.pip_package("tool", noise)
    size = package.artifacts[0].size
    registry.hold.clear()

    class HalfWay(Recorder):
        def advanced(self, bytes_so_far: int) -> None:
            super().advanced(bytes_so_far)
            if bytes_so_far > size // 4:
                registry.hold.set()

    progress = HalfWay()
    await ensure(["tool"], progress=progress, catalog={"tool": package})
    assert progress.calls[0] == ("started", ("tool", "1.0", size))
    assert progress.calls[-2:] == [("advanced", size), ("finished", None)]
    middle = [count for verb, count in progress.calls if verb == "advanced"]
    assert any(size // 4 < count < size for count in middle if isinstance(count, int))


async def test_two_tasks_at_once_install_once(registry: Registry, data: Path) -> None:
    catalog = {"tool": registry.pip_package("tool", TOOL)}
    one, two = await asyncio.gather(
        ensure(["tool"], catalog=catalog), ensure(["tool"], catalog=catalog)
    )
    assert one == two
    assert len(registry.downloads) == 1
    assert no_staging(data)


async def test_a_damaged_layer_is_installed_anew(registry: Registry, data: Path) -> None:
    catalog = {"tool": registry.pip_package("tool", TOOL)}
    [layer] = await ensure(["tool"], catalog=catalog)
    (layer.path / "agentos-package.json").chmod(0o644)
    (layer.path / "agentos-package.json").write_text("")
    assert installed() == []
    assert await ensure(["tool"], catalog=catalog) == [layer]
    assert len(registry.downloads) == 2
    assert no_staging(data)


async def test_a_removed_package_is_gone_but_open_files_hold(
    registry: Registry, data: Path
) -> None:
    catalog = {"tool": registry.pip_package("tool", TOOL)}
    [layer] = await ensure(["tool"], catalog=catalog)
    with (layer.path / "share/text").open("rb") as file:
        assert remove("tool", "1.0") == [layer]
        assert file.read(4) == b"text"
    assert not layer.path.exists()
    assert installed() == []
    assert no_staging(data)
    assert await ensure(["tool"], catalog=catalog) == [layer]


@pytest.mark.parametrize("name", ["tool", "..", "../../etc", ""])
def test_removing_what_is_not_installed_is_an_error(data: Path, name: str) -> None:
    with pytest.raises(SoftwareError, match="not installed") as caught:
        remove(name)
    assert caught.value.code == "software_not_installed"
