"""Images of several layers: OCI layouts, and what `docker save` writes."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.machine.images.conftest import Entry, Layout, digest_of, here, tar_of, tar_tree

from agentos import AgentOs, ChecksumMismatch, MachineError
from agentos.machine.images.importing import import_image
from agentos.machine.layers.store import LayerStore

Pack = Callable[[Path, list[bytes], dict[str, Any]], Path]


def as_layout(tmp_path: Path, layers: list[bytes], config: dict[str, Any]) -> Path:
    layout = Layout(tmp_path / "layout")
    return layout.index(layout.image(layers, **config))


def as_layout_tar(tmp_path: Path, layers: list[bytes], config: dict[str, Any]) -> Path:
    packed = tar_tree(as_layout(tmp_path, layers, config), tmp_path / "layout.tar")
    compressed = tmp_path / "layout.tar.gz"
    compressed.write_bytes(gzip.compress(packed.read_bytes(), 1))
    return compressed


def as_docker_save(tmp_path: Path, layers: list[bytes], config: dict[str, Any]) -> Path:
    root = tmp_path / "saved"
    root.mkdir()
    names = []
    for number, layer in enumerate(layers):
        (root / f"{number}").mkdir()
        (root / f"{number}/layer.tar").write_bytes(layer)
        names.append(f"{number}/layer.tar")
    document = {"config": config, "rootfs": {"diff_ids": [digest_of(la) for la in layers]}}
    (root / "config.json").write_text(json.dumps(document))
    manifest = [{"Config": "config.json", "RepoTags": ["mine:latest"], "Layers": names}]
    (root / "manifest.json").write_text(json.dumps(manifest))
    return tar_tree(root, tmp_path / "saved.tar")


def layer_directories(data: Path) -> list[str]:
    return sorted(path.name for path in (data / "layers").glob("l*"))


@pytest.mark.parametrize("pack", [as_layout, as_layout_tar, as_docker_save])
async def test_layers_lie_on_one_another(tmp_path: Path, programs: list[Entry], pack: Pack) -> None:
    below = tar_of(
        *programs,
        *(Entry("srv"), Entry("srv/gone", b"x"), Entry("srv/stays", b"old"), Entry("srv/dir")),
        *(Entry("srv/dir/below", b"x"), Entry("srv/emptied"), Entry("srv/emptied/below", b"x")),
        *(Entry("srv/again"), Entry("srv/again/below", b"x"), Entry("srv/link", link="dir")),
    )
    above = tar_of(
        *(Entry("srv/.wh.gone", b""), Entry("srv/stays", b"new"), Entry("srv/.wh.dir", b"")),
        *(Entry("srv/emptied/.wh..wh..opq", b""), Entry("srv/emptied/above", b"x")),
        *(Entry("srv/.wh.again", b""), Entry("srv/again"), Entry("srv/again/above", b"x")),
        *(Entry("srv/.wh.link", b""), Entry("srv/.wh..wh.aufs", b"x"), Entry("srv/link", b"file")),
    )
    await import_image("mine", pack(tmp_path, [below, above], {}))
    async with AgentOs(image="mine") as vm:
        assert await vm.listdir("/srv") == ["again", "emptied", "link", "stays"]
        assert await vm.read_text("/srv/stays") == "new"
        assert await vm.listdir("/srv/emptied") == ["above"]
        assert await vm.listdir("/srv/again") == ["above"]
        assert await vm.read_text("/srv/link") == "file"


@pytest.mark.parametrize("pack", [as_layout, as_docker_save])
async def test_settings_of_the_image(tmp_path: Path, programs: list[Entry], pack: Pack) -> None:
    config = {
        "Env": ["PATH=/tools:/bin", "GREETING=hello", "LANG=C", "HOME=/root"],
        "User": "web",
        "WorkingDir": "/srv/app",
    }
    layer = tar_of(*programs, Entry("srv"), Entry("srv/app"), Entry("srv/app/file", b"here"))
    image = await import_image("mine", pack(tmp_path, [layer], config))
    assert image.config
    assert image.config.user == "web"
    async with AgentOs(image="mine", env={"LANG": "C.UTF-8"}) as vm:
        shown = await vm.exec("cat file; echo; echo $PATH $GREETING $LANG $HOME; id -un")
        assert shown.stdout == "here\n/tools:/bin hello C.UTF-8 /home/agentos\nagentos\n"
        assert (await vm.exec("echo $PWD", cwd="/")).stdout == "/\n"
        assert (await vm.exec("echo $GREETING", env={"GREETING": "bye"})).stdout == "bye\n"
        assert set(await vm.listdir("/home")) == {"agentos"}


async def test_working_directory_that_is_not_there(tmp_path: Path, programs: list[Entry]) -> None:
    layout = as_layout(tmp_path, [tar_of(*programs)], {"WorkingDir": "/srv/app"})
    await import_image("mine", layout)
    async with AgentOs(image="mine") as vm:
        assert (await vm.exec("echo $PWD")).stdout == "/home/agentos\n"


async def test_directories_that_a_layer_does_not_repeat(
    tmp_path: Path, programs: list[Entry]
) -> None:
    below = tar_of(*programs, Entry("srv", mode=0o711), Entry("srv/closed", mode=0o750))
    above = tar_of(Entry("srv/closed/file", b"x"), Entry("srv/.wh.none", b""), Entry("new/x", b""))
    await import_image("mine", as_layout(tmp_path, [below, above], {}))
    async with AgentOs(image="mine") as vm:
        modes = [(await vm.stat(path)).mode & 0o7777 for path in ("/srv", "/srv/closed", "/new")]
        assert modes == [0o711, 0o750, 0o755]


async def test_links_of_a_layer_below_are_followed_within_the_root(
    tmp_path: Path, programs: list[Entry]
) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    links = [Entry("merged", link="srv/real"), Entry("far", link=f"../..{trap}")]
    below = tar_of(*programs, Entry("srv"), Entry("srv/real"), *links)
    above = tar_of(Entry("merged/file", b"through"), Entry("far/file", b"within"))
    await import_image("mine", as_layout(tmp_path, [below, above], {}))
    async with AgentOs(image="mine") as vm:
        assert await vm.readlink("/merged") == "srv/real"
        assert await vm.read_text("/srv/real/file") == "through"
        assert await vm.read_text(f"{trap}/file") == "within"
    assert list(trap.iterdir()) == []


async def test_links_in_a_circle(tmp_path: Path, data: Path) -> None:
    below = tar_of(Entry("a", link="b"), Entry("b", link="a"))
    with pytest.raises(MachineError) as caught:
        await import_image("mine", as_layout(tmp_path, [below, tar_of(Entry("a/x", b""))], {}))
    assert caught.value.code == "archive_unsafe"
    assert layer_directories(data) == []


async def test_a_layer_that_was_changed_is_refused(tmp_path: Path, data: Path) -> None:
    layout = Layout(tmp_path / "layout")
    manifest = layout.image([tar_of(Entry("a")), tar_of(Entry("b", b"x"))])
    layers = json.loads(layout.path(manifest["digest"]).read_bytes())["layers"]
    layout.path(layers[1]["digest"]).write_bytes(gzip.compress(tar_of(Entry("c", b"x"))))
    with pytest.raises(ChecksumMismatch):
        await import_image("mine", layout.index(manifest))
    assert layer_directories(data) == []
    assert LayerStore().snapshots() == []


@pytest.mark.parametrize("which", ["manifest", "config"])
async def test_a_document_that_was_changed_is_refused(tmp_path: Path, which: str) -> None:
    layout = Layout(tmp_path / "layout")
    manifest = layout.image([tar_of(Entry("a"))])
    path = layout.path(manifest["digest"])
    path = (
        path
        if which == "manifest"
        else layout.path(json.loads(path.read_bytes())["config"]["digest"])
    )
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ChecksumMismatch):
        await import_image("mine", layout.index(manifest))


async def test_contents_have_to_be_what_the_settings_say(tmp_path: Path, data: Path) -> None:
    layout = Layout(tmp_path / "layout")
    layer = layout.blob(gzip.compress(tar_of(Entry("a"))))
    document = {"rootfs": {"diff_ids": [digest_of(b"something else")]}}
    manifest = layout.blob({"config": layout.blob(document), "layers": [layer]})
    with pytest.raises(ChecksumMismatch):
        await import_image("mine", layout.index(manifest))
    assert layer_directories(data) == []


async def test_the_image_for_this_machine_is_taken(tmp_path: Path, programs: list[Entry]) -> None:
    layout = Layout(tmp_path / "layout")
    ours = layout.image([tar_of(*programs, Entry("ours", b""))]) | {"platform": here()}
    other = {"os": "linux", "architecture": "s390x"}
    theirs = layout.image([tar_of(Entry("theirs", b""))]) | {"platform": other}
    attestation = {"platform": {"os": "unknown", "architecture": "unknown"}, **layout.blob({})}
    nested = layout.blob({"manifests": [theirs, attestation, ours]})
    await import_image("mine", layout.index(nested))
    async with AgentOs(image="mine") as vm:
        assert await vm.exists("/ours")


@pytest.mark.parametrize("count", [0, 2])
async def test_a_layout_holds_one_image(tmp_path: Path, count: int) -> None:
    layout = Layout(tmp_path / "layout")
    images = [layout.image([tar_of(Entry(f"{n}", b""))]) for n in range(count)]
    with pytest.raises(MachineError, match=f"{count} images"):
        await import_image("mine", layout.index(*images))


@pytest.mark.parametrize(
    "index",
    [
        "",
        "[]",
        "{}",
        '{"manifests": [{"digest": "sha256:../../../etc/passwd"}]}',
        '{"manifests": [{"digest": "md5:00"}]}',
        '{"manifests": [{"digest": "sha256:' + "0" * 64 + '"}]}',
        '{"manifests": 7}',
        '{"manifests": [7]}',
        "[" * 100_000,
        b"\xff".decode("latin-1"),
    ],
)
async def test_layouts_that_are_none(tmp_path: Path, data: Path, index: str) -> None:
    layout = Layout(tmp_path / "layout")
    (layout.root / "index.json").write_text(index)
    with pytest.raises(MachineError) as caught:
        await import_image("mine", layout.root)
    assert caught.value.code == "archive_invalid"
    assert layer_directories(data) == []


async def test_a_layer_that_is_hostile(tmp_path: Path, data: Path) -> None:
    layers = [tar_of(Entry("usr")), tar_of(Entry("../evil", b"x"))]
    with pytest.raises(MachineError) as caught:
        await import_image("mine", as_docker_save(tmp_path, layers, {}))
    assert caught.value.code == "archive_unsafe"
    assert layer_directories(data) == []
    assert not os.path.exists(data / "layers" / "evil")
