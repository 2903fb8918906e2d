"""The image that machines start from: the host's programs without its secrets."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentos.errors import MachineError
from agentos.machine.layers.host_image import ETC_TAKEN, HIDDEN, SYSTEM_DIRECTORIES, host_image
from agentos.machine.machine import AgentOs

SECRETS = (
    "etc/shadow",
    "etc/gshadow",
    "etc/passwd-",
    "etc/ssh/ssh_host_ed25519_key",
    "etc/ssl/private/server.key",
    "etc/pki/tls/private/server.key",
    "etc/environment",
    "etc/gitconfig",
    "etc/pip.conf",
    "etc/npmrc",
    "etc/machine-id",
    "etc/apt/auth.conf",
    "etc/docker/key.json",
    "etc/kubernetes/admin.conf",
    "etc/wireguard/wg0.conf",
    "etc/NetworkManager/system-connections/wifi",
    "etc/profile.d/token.sh",
    "root/.ssh/id_ed25519",
    "home/u/.aws/credentials",
    "home/u/.npmrc",
    "var/lib/cloud/user-data",
    "srv/secret",
    "opt/secret",
)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A host with programs, certificates, and secrets in many places."""
    root = tmp_path / "host"
    for directory in ("usr/bin", "usr/lib", "usr/etc", "usr/local/etc", "lib32", "etc/ssl/certs"):
        (root / directory).mkdir(parents=True)
    (root / "bin").symlink_to("usr/bin")
    for name in SECRETS:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("SECRET")
        (root / name).chmod(0o644)  # careless, and yet not taken
    certs = root / "etc/ssl/certs"
    (certs / "ca.pem").write_text("public certificate")
    (certs / "unreadable.pem").write_text("SECRET")
    (certs / "unreadable.pem").chmod(0o640)
    (certs / "closed").mkdir()
    (certs / "closed/inner.pem").write_text("SECRET")
    (certs / "closed").chmod(0o750)
    (certs / "link.pem").symlink_to(root / "etc/shadow")
    os.mkfifo(certs / "pipe")
    (root / "etc/services").write_text("http 80/tcp\n")
    (root / "etc/profile").symlink_to("shadow")
    return root


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def locks() -> Iterator[list[int]]:
    """Locks of images, to be closed."""
    held: list[int] = []
    yield held
    for lock in held:
        os.close(lock)


def test_no_secret_is_in_the_image(host: Path, locks: list[int]) -> None:
    image = host_image(host)
    locks.append(image.lock)
    (layer,) = image.lowers
    files = [path for path in layer.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in files if "SECRET" in path.read_text()] == []
    names = {str(path.relative_to(layer)) for path in layer.rglob("*")}
    assert names.isdisjoint(SECRETS)
    assert (layer / "etc/ssl/certs/ca.pem").read_text() == "public certificate"
    assert (layer / "etc/services").read_text() == "http 80/tcp\n"
    certs = {path.name for path in (layer / "etc/ssl/certs").iterdir()}
    assert certs == {"ca.pem", "link.pem"}
    assert (layer / "etc/ssl/certs/link.pem").is_symlink()
    assert (layer / "etc/profile").readlink() == Path("shadow")
    assert "agentos:x:1000" in (layer / "etc/passwd").read_text()


def test_programs_are_bound_and_links_stay_links(host: Path, locks: list[int]) -> None:
    image = host_image(host)
    locks.append(image.lock)
    assert image.binds == ((host / "usr", "/usr"), (host / "lib32", "/lib32"))
    assert (image.lowers[0] / "bin").readlink() == Path("usr/bin")
    assert image.hidden == ("/usr/etc", "/usr/local/etc")


def test_the_lists_name_nothing_that_holds_secrets() -> None:
    """Whoever adds a name here has to think of these."""
    tops = {name.split("/")[0] for name in ETC_TAKEN}
    assert tops.isdisjoint({"shadow", "gshadow", "ssh", "environment", "pip.conf", "npmrc", "apt"})
    assert tops.isdisjoint({"gitconfig", "machine-id", "sudoers", "profile.d", "NetworkManager"})
    assert {"ssl", "pki", "pki/tls", "ssl/private"}.isdisjoint(ETC_TAKEN)
    assert set(HIDDEN) == {"/usr/etc", "/usr/local/etc"}
    roots = {name.split("/")[0] for name in SYSTEM_DIRECTORIES}
    assert roots.isdisjoint(
        {"etc", "home", "root", "var", "opt", "srv", "run", "mnt", "boot", "sys"}
    )


def test_it_is_made_once_and_again_when_etc_changes(host: Path, locks: list[int]) -> None:
    first, again = host_image(host), host_image(host)
    locks += [first.lock, again.lock]
    assert first.lowers == again.lowers
    (host / "etc/services").write_text("http 80/tcp\nhttps 443/tcp\n")
    changed = host_image(host)
    locks.append(changed.lock)
    assert changed.lowers != first.lowers
    assert "https" in (changed.lowers[0] / "etc/services").read_text()


def test_an_unused_image_goes_and_a_used_one_stays(host: Path, locks: list[int]) -> None:
    used = host_image(host)
    locks.append(used.lock)
    (host / "etc/services").write_text("1")
    unused = host_image(host)
    os.close(unused.lock)
    (host / "etc/services").write_text("22")
    newest = host_image(host)
    locks.append(newest.lock)
    images = newest.lowers[0].parent
    assert set(images.iterdir()) == {used.lowers[0], newest.lowers[0]}


def test_a_build_that_fails_leaves_nothing(
    host: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(MachineError, match=r"no space is left in .*images"):
        host_image(host)
    assert list((data / "images").iterdir()) == []


BUILDER = """
import sys
from pathlib import Path
from agentos.machine.layers.host_image import host_image

print("ready", flush=True)
sys.stdin.readline()
print(host_image(Path(sys.argv[1])).lowers[0])
"""


def test_several_processes_build_it_at_once(host: Path, data: Path) -> None:
    with contextlib.ExitStack() as running:
        builders = [
            running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", BUILDER, str(host)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(3)
        ]
        for builder in builders:
            assert builder.stdout is not None
            assert builder.stdout.readline() == "ready\n"
        outputs = []
        for builder in builders:
            assert builder.stdin is not None
            builder.stdin.write("go\n")
            builder.stdin.flush()
        for builder in builders:
            outputs.append(builder.communicate()[0].strip())
            assert builder.returncode == 0
    assert {str(path) for path in (data / "images").iterdir()} == set(outputs)
    assert len(set(outputs)) == 1


async def test_the_real_image_holds_no_secret() -> None:
    """Searched from inside, by name, everywhere but in the documentation and libraries."""
    names = "shadow gshadow id_rsa id_ed25519 .npmrc .netrc .pypirc .aws .docker .ssh .gnupg"
    names += " .git-credentials pip.conf npmrc ssh_host_* machine-id sudoers"
    tests = " -o ".join(f"-name '{name}'" for name in names.split())
    async with AgentOs() as vm:
        found = await vm.exec(
            r"find / \( -path /proc -o -path /usr/share -o -path /usr/lib \) -prune -o"
            rf" \( {tests} \) -print"
        )
        assert found.stdout == "", found.stderr
        for path in ("/root", "/srv", "/mnt", "/boot", "/run/docker.sock", "/var/run"):
            assert not await vm.exists(path)
        assert await vm.listdir("/home") == ["agentos"]
        assert await vm.listdir("/usr/local/etc") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="what one user owns, that user's machine may read")
async def test_a_strict_umask_does_not_make_the_image_unreadable() -> None:
    before = os.umask(0o077)
    try:
        async with AgentOs() as vm:
            assert (await vm.exec("cat /etc/passwd; ls /var/lib /opt/agentos")).exit_code == 0
    finally:
        os.umask(before)
