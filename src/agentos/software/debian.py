"""Fetching Debian packages through apt, also from another release than the host's own.

The host's configured mirror serves all releases: its address is read from apt's sources, and
apt itself verifies what comes by Debian's signatures.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from agentos.errors import RegistryUnreachable, SoftwareError
from agentos.software.catalog import Artifact, Package
from agentos.software.client import Reply, run
from agentos.software.staging import Staging

_UNREACHABLE = re.compile(
    r"Could not (resolve|connect)|Failed to fetch|Connection (failed|timed out)"
)
_TARGET = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
#: Debian's own keys, of the package that every Debian has; without the file apt's own hold.
_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


async def download(
    package: Package, artifact: Artifact, staging: Staging, tick: Callable[[], None]
) -> Path:
    """Fetch a Debian package and return its files as a tar.

    Args:
        package: What it belongs to, for messages.
        artifact: The package, and the release that has it.
        staging: Where everything goes: the host's own apt stays as it is.
        tick: Called while it arrives.

    Raises:
        RegistryUnreachable: apt could not reach the mirror.
        SoftwareError: This is no Debian, or the release does not have it.
    """
    apt, dpkg = _program("apt-get", package), _program("dpkg-deb", package)
    mirror = await _mirror(apt, package, staging)
    options = _options(staging, mirror, artifact)
    arrived = staging.directory("download")
    for words in (["update"], ["download", artifact.requirement]):
        reply = await run([apt, *options, *words], staging, _environment(), tick)
        if reply.code or (words == ["update"] and _UNREACHABLE.search(reply.stderr)):
            raise _error(package, artifact, reply)
    [deb] = staging.path.glob("*.deb")
    files = arrived / f"{package.name}.tar"
    script = 'exec "$1" --fsys-tarfile "$2" > "$3"'
    words = ["/bin/sh", "-c", script, "sh", dpkg, str(deb), str(files)]
    reply = await run(words, staging, _environment(), tick)
    if reply.code:
        raise _error(package, artifact, reply)
    return files


def _program(name: str, package: Package) -> str:
    if found := shutil.which(name):
        return found
    raise SoftwareError(
        f"{package} is fetched by {name}, which is not here",
        code="software_unsupported",
        hint=f"install {package.name} in your distribution's way; it is found on PATH",
    )


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C.UTF-8"}


async def _mirror(apt: str, package: Package, staging: Staging) -> str:
    """Find out where the host's own release comes from."""
    words = [apt, "indextargets", "--format", _TARGET, "Created-By: Packages"]
    reply = await run(words, staging, _environment())
    release = platform.freedesktop_os_release()
    own = ["main", release.get("VERSION_CODENAME")] if release.get("ID") == "debian" else []
    for line in reply.stdout.splitlines():
        address, name, component = line.split("|")
        if [component, name] == own:
            return address
    raise SoftwareError(
        f"apt's sources here have no release of Debian to fetch {package} by",
        code="software_unsupported",
        hint=f"install {package.name} in your distribution's way; it is found on PATH",
    )


def _options(staging: Staging, mirror: str, artifact: Artifact) -> Sequence[str]:
    """Let apt keep all that it reads and writes in the staging directory."""
    sources = staging.path / "sources.list"
    keys = f"[signed-by={_KEYS}] " if _KEYS.exists() else ""
    sources.write_text(f"deb {keys}{mirror} {artifact.release} main\n")
    (staging.directory("lists") / "partial").mkdir()
    settings = {
        "Dir::Etc::sourcelist": str(sources),
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": str(staging.path / "lists"),
        "Dir::Cache": str(staging.directory("cache")),
        "APT::Sandbox::User": "root",  # nobody else may enter
    }
    return ["-q", *(word for name, value in settings.items() for word in ("-o", f"{name}={value}"))]


def _error(package: Package, artifact: Artifact, reply: Reply) -> SoftwareError:
    lines = [line for line in reply.stderr.splitlines() if line[:2] in ("E:", "W:")]
    said = lines[-1][2:].strip() if lines else f"exit code {reply.code}"
    if _UNREACHABLE.search(reply.stderr):
        return RegistryUnreachable(
            f"apt's mirror did not deliver {artifact.requirement}: {said}",
            hint="check the network, and apt's sources and proxy: apt-get update",
            retryable=True,
        )
    return SoftwareError(
        f"apt could not fetch {artifact.requirement} for {package}: {said}",
        hint=f"see whether your mirror has Debian's release {artifact.release}",
    )
