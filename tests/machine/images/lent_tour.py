"""What an ordinary user does with ids that are lent: `lent_tour.py SCENE [ARGUMENT]`.

A program of its own, as the user has no test framework. It prints a line when all was as it
should be.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from agentos import AgentOs, MachineError, Mount
from agentos.config import data_dir
from agentos.machine.archive import export, import_
from agentos.machine.changes import diff_of_snapshot
from agentos.machine.images.debian import build_image
from agentos.machine.images.importing import import_image
from agentos.machine.isolation.probe import probe
from agentos.machine.layers.store import LayerStore

OWNERS = "stat -c '%u:%g %a %n' / /srv /srv/upper /srv/private /srv/private/inner"
SEEN = (
    "0:0 755 /\n33:44 755 /srv\n33:44 755 /srv/upper\n"
    "0:0 700 /srv/private\n0:0 600 /srv/private/inner\n"
)
ODD = b"root/new", "root/ö".encode(), b"root/\xff"


async def refusal(call: Awaitable[object]) -> MachineError:
    try:
        await call
    except MachineError as error:
        return error
    raise AssertionError("nothing was refused")


def layers() -> list[str]:
    return sorted(path.name for path in (data_dir() / "layers").glob("l*"))


async def as_root(vm: AgentOs, script: str | bytes) -> str:
    return (await vm.exec(["sh", "-c", script], user="root", check=True)).stdout


async def images(packed: str) -> None:
    """Owners of files stay what they are, wherever the files go."""
    await import_image("mine", Path(packed))
    async with AgentOs(image="mine") as vm:
        assert await as_root(vm, OWNERS + "; id -u") == SEEN + "0\n"
        assert (await vm.exec("id -u; cat /srv/private/inner")).stdout == "1000\n"
        await vm.write_file("kept", "k")
        paths = b" ".join(b"/" + path for path in ODD)
        await as_root(vm, b"mkdir -m 700 /root; touch " + paths + b"; chown 33:33 " + paths)
        await vm.snapshot("later")
        (branch,) = await vm.fork()
        async with branch:
            assert await as_root(branch, "stat -c %u:%g /root/new") == "33:33\n"
            assert await as_root(branch, OWNERS) == SEEN
        assert await as_root(vm, OWNERS) == SEEN
        diff = await vm.diff()
        added = {os.fsencode(change.path) for change in diff.changes}
        assert added == {b"home/agentos/kept", b"root", *ODD}, diff.text()
        assert not any(change.new and change.new.unread for change in diff.changes)
    assert "A srv/private/inner\n" in diff_of_snapshot("later").text()
    await export("later", Path("later.tar"))
    await import_("again", Path("later.tar"))
    os.unlink("later.tar")
    for name in ("later", "again"):
        async with AgentOs(image=name) as vm:
            assert await as_root(vm, OWNERS + " /root/new") == SEEN + "33:33 644 /root/new\n"
            assert await vm.read_text("kept") == "k"
            assert await as_root(vm, "stat -c %u:%g ~agentos ~agentos/kept") == "1000:1000\n" * 2


async def host() -> None:
    """On the host's programs a root is asked for; files of before are there all the same."""
    async with AgentOs() as vm:
        error = await refusal(vm.exec("id", user="root"))
        assert (error.code, error.hint) == ("no_root_inside", "make it with AgentOs(root=True)")
        await vm.write_file("kept", "k")
        await vm.snapshot("plain")
    async with AgentOs(image="plain", root=True) as vm:
        assert (
            await as_root(vm, "id -u; cat ~agentos/kept; stat -c %u ~agentos/kept") == "0\nk1000\n"
        )
        await as_root(vm, "touch /tmp/theirs; chown 33:33 /tmp/theirs")
        await vm.exec("mkdir closed closed/inner", check=True)
        await as_root(vm, "touch ~agentos/closed/inner/roots; chmod 0 ~agentos/closed")
        drop = "setpriv --reuid=33 --regid=33 --clear-groups sh -c 'id -u; echo x > /tmp/theirs'"
        assert await as_root(vm, drop) == "33\n"
        await vm.snapshot("wider")
    async with AgentOs(image="wider") as vm:
        assert await as_root(vm, "stat -c %u:%g:%s /tmp/theirs ~agentos/kept") == (
            "33:33:2\n1000:1000:1\n"
        )
    findings = {finding.name: finding async for finding in probe()}
    assert findings["root inside"].ok, findings["root inside"]


async def mounts() -> None:
    """What the machine's user writes is the caller's outside; memory belongs to all its ids."""
    own = Path("shared")
    own.mkdir()
    (own / "before").write_text("b")
    given = [
        Mount.host(own, "shared", read_only=False),
        Mount.tmpfs("/scratch"),
        Mount.secret("/run/secret", "s"),
    ]
    async with AgentOs(root=True, mounts=given) as vm:
        await vm.write_file("shared/new", "n")
        seen = await vm.exec("stat -c %u:%g shared shared/before shared/new; cat /run/secret")
        assert seen.stdout == "1000:1000\n" * 3 + "s"
        script = "touch /scratch/x && chown 33:44 /scratch/x && stat -c %u:%g /scratch /scratch/x"
        assert await as_root(vm, script) == "1000:1000\n33:44\n"
        (branch,) = await vm.fork()
        async with branch:
            assert (await branch.exec("cat shared/before")).stdout == "b"
        assert await as_root(vm, "stat -c %u:%g /scratch/x") == "33:44\n"
    status = os.stat(own / "new")
    assert (status.st_uid, status.st_gid) == (os.geteuid(), os.getegid())
    for path in (own / "new", own / "before", own):
        path.rmdir() if path.is_dir() else path.unlink()


async def built() -> None:
    """The distribution's own tools work as root inside."""
    await build_image("dev", ["hostname"])
    async with AgentOs(image="dev", env={"DEBIAN_FRONTEND": "noninteractive"}) as vm:
        sources = (await vm.exec("cat /etc/apt/sources.list /etc/apt/sources.list.d/*")).stdout
        for name in set(re.findall(r"^[^#]*\bhttps?://([^/\s\]]+)", sources, re.MULTILINE)):
            await vm.network.allow(name)
        await as_root(vm, "apt-get update && apt-get install -y hello")
        assert (await vm.exec("hello")).stdout == "Hello, world!\n"
        assert (await vm.exec("dpkg --audit", check=True)).stdout == ""
        assert await as_root(vm, "su -s /bin/sh www-data -c id") == (
            "uid=33(www-data) gid=33(www-data) groups=33(www-data)\n"
        )
        await vm.snapshot("later")
    async with AgentOs(image="later") as vm:
        assert (await vm.exec("hello; hostname")).stdout == "Hello, world!\nagentos\n"
        assert await as_root(vm, "stat -c %U:%a /var/cache/apt/archives/partial") == "_apt:700\n"


async def cancelled() -> None:
    """A build that is given up leaves nothing, whoever's files it made."""
    staging = Path("staging").absolute()
    staging.mkdir()
    staging.chmod(0o711)
    tempfile.tempdir = str(staging)
    building = asyncio.create_task(build_image("name"))
    while not list(staging.glob("*/mmdebstrap.*/var/lib/dpkg")):
        assert not building.done(), building.exception()
        await asyncio.sleep(0.01)
    building.cancel()
    await asyncio.wait([building])
    assert building.cancelled()
    staging.rmdir()


async def keep(packed: str) -> None:
    """Leave an image there, for the scenes that follow."""
    await import_image("mine", Path(packed))


async def other_range() -> None:
    """An image of ids that are not lent any more says so, and which they are."""
    error = await refusal(AgentOs.create(image="mine"))
    assert error.code == "id_range_changed"
    assert "mine" in error.message
    assert "sudo usermod --add-subuids 300000-365534 --add-subgids 300000-365534" in str(error)
    assert (await refusal(export("mine", Path("mine.tar")))).code == "id_range_changed"
    store = LayerStore()
    store.remove("mine")
    stuck = await refusal(asyncio.to_thread(store.collect))
    assert stuck.code == "layer_stuck"
    assert f"sudo rm -rf {data_dir()}" in str(stuck)


async def other_user() -> None:
    """Another user's image is no image of ours, even where its store can be read."""
    error = await refusal(AgentOs.create(image="mine"))
    assert error.code == "not_yours", error


async def refused(words: str) -> None:
    """Where nothing is lent, who asks for a root is told what would help."""
    for call in (AgentOs.create(root=True), build_image("name")):
        error = await refusal(call)
        assert error.code == "no_id_range", error
        assert words in str(error), error
    async with AgentOs() as vm:
        error = await refusal(vm.exec("id", user="root"))
        assert error.code == "no_root_inside"
        assert words in str(error), error
    findings = {finding.name: finding async for finding in probe()}
    assert (findings["root inside"].ok, findings["root inside"].required) == (False, False)
    assert words in f"{findings['root inside'].detail} {findings['root inside'].remedy}"


async def one_id(packed: str, words: str) -> None:
    """An image is imported all the same, and all of it belongs to the one user."""
    await import_image("mine", Path(packed))
    async with AgentOs(image="mine") as vm:
        assert (await vm.exec("id -u; cat /srv/private/inner")).stdout == "1000\ni"
        assert (await refusal(vm.exec("id", user="root"))).code == "no_root_inside"
    error = await refusal(AgentOs.create(root=True))
    assert error.code == "no_id_range"
    assert words in error.message, error


SCENES: dict[str, Callable[..., Awaitable[None]]] = {
    scene.__name__: scene
    for scene in (
        images,
        host,
        mounts,
        built,
        cancelled,
        keep,
        other_range,
        other_user,
        refused,
        one_id,
    )
}
LEAVE_IT = ("keep", "other_range", "other_user")


async def main(scene: str, *arguments: str) -> None:
    await SCENES[scene](*arguments)
    if scene not in LEAVE_IT:
        for snapshot in LayerStore().snapshots():
            LayerStore().remove(snapshot.name)
        LayerStore().collect()
        assert layers() == [], layers()
    sys.stdout.write(f"{scene} as user {os.geteuid()}\n")


asyncio.run(main(*sys.argv[1:]))
