from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources

import pytest

from agentos.errors import SoftwareError
from agentos.software import CATALOG, Artifact, NpmTree, Platform, resolve
from agentos.software.catalog import with_requirements

_LENGTHS = {"sha256": 32, "sha512": 64}


@pytest.mark.parametrize("name", sorted(CATALOG))
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("libc", ["glibc", "musl"])
def test_every_package_is_pinned_for_every_platform(name: str, machine: str, libc: str) -> None:
    package = CATALOG[name]
    artifact = package.artifact_for(Platform(machine, libc))
    if artifact.integrity is None:
        assert (artifact.client, artifact.release) == ("apt", "trixie")
    else:
        algorithm, digest = artifact.integrity.split("-", 1)
        assert len(base64.b64decode(digest, validate=True)) == _LENGTHS[algorithm]
    assert package.version in artifact.requirement
    assert 0 < artifact.size < artifact.unpacked
    assert artifact.keep if isinstance(artifact, Artifact) else artifact.lock
    assert artifact.client != "npm" or "node" in package.requires


@pytest.mark.parametrize("name", ["claude-agent-acp", "pi"])
def test_a_lock_pins_every_package_and_names_no_registry(name: str) -> None:
    [tree] = CATALOG[name].artifacts
    assert isinstance(tree, NpmTree)
    data = resources.files("agentos.software").joinpath("locks", str(tree.lock)).read_bytes()
    digest = base64.b64encode(hashlib.sha512(data).digest()).decode()
    assert tree.integrity == f"sha512-{digest}"
    root, *packages = json.loads(data)["packages"].values()
    name, _, version = tree.requirement.rpartition("@")
    assert root["dependencies"][name] == version
    assert all(package["integrity"].startswith("sha512-") for package in packages)
    assert not any("resolved" in package for package in packages)


def test_no_two_builds_share_a_checksum() -> None:
    pins = [a.integrity for package in CATALOG.values() for a in package.artifacts if a.integrity]
    assert len(set(pins)) == len(pins)


def test_codex_brings_what_it_requires_first() -> None:
    names = [package.name for package in with_requirements(["codex-acp", "node"], CATALOG)]
    assert names == ["node", "codex", "codex-acp"]


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(SoftwareError, match="'codx'") as caught:
        resolve("codx")
    assert caught.value.code == "software_unknown"
    assert "codex, codex-acp, gemini-cli, node" in str(caught.value.hint)


def test_an_unsupported_processor_is_named() -> None:
    with pytest.raises(SoftwareError, match="riscv64") as caught:
        resolve("codex").artifact_for(Platform("riscv64", "glibc"))
    assert caught.value.code == "software_unsupported"
    assert "x86_64" in str(caught.value.hint)


def test_this_host_is_recognized() -> None:
    assert Platform.current().libc in ("glibc", "musl")
    assert Platform.current().machine
