"""Asking the registries, through their own clients and by package name only.

So the user's own mirrors, proxies, certificates and credentials hold, and no
registry is named here.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from agentos.errors import ChecksumMismatch, RegistryUnreachable, SoftwareError
from agentos.software.catalog import Artifact, NpmTree, Package
from agentos.software.client import Reply, run
from agentos.software.staging import Staging

_PIP_UNREACHABLE = re.compile(
    r"Retrying \(Retry|Could not fetch URL|connection error|HTTP error 5\d\d"
    r"|ConnectionError|ProtocolError|ProxyError|SSLError|Read timed out"
    r"|IncompleteRead|incomplete-download"
)
_PIP_BULLET = "\N{MULTIPLICATION SIGN} "  # begins the one-line summary of pip's longer errors
_NPM_UNREACHABLE = re.compile(
    r"ECONN\w+|ENOTFOUND|EAI_\w+|E(RR_SOCKET_)?TIMEDOUT|ERR_SOCKET\w*|E(HOST|NET)UNREACH|EPROTO"
    r"|EPIPE|ERR_SSL\w*|ERR_TLS\w*|\w*CERT\w*|UNABLE_TO_\w+|E5\d\d|E407"
)
_DISK_FULL = re.compile(r"ENOSPC|EDQUOT|\[Errno (28|122)\]")

# npm's own pauses, 10 s and 60 s, are too long to learn that a network is down.
_NPM_PATIENCE = {
    "npm_config_fetch_retries": "3",
    "npm_config_fetch_retry_factor": "3",
    "npm_config_fetch_retry_mintimeout": "1000",
    "npm_config_fetch_retry_maxtimeout": "5000",
}


class DiskFull(Exception):
    """A client found no room for its files."""


async def download(
    package: Package,
    artifact: Artifact,
    staging: Staging,
    node: Path | None,
    tick: Callable[[], None],
) -> Path:
    """Fetch an artifact into the staging directory.

    Args:
        package: What it belongs to, for messages.
        artifact: The archive to fetch.
        staging: Where it goes, with all that the client writes on the way.
        node: The layer of Node, which npm needs.
        tick: Called while it arrives.

    Returns:
        The archive; its checksum is not yet verified.

    Raises:
        RegistryUnreachable: The client could not reach its registry.
        ChecksumMismatch: The client itself found a wrong checksum.
        SoftwareError: The registry refused, or has no such package or version.
        DiskFull: There was no room.
    """
    if artifact.client == "apt":
        from agentos.software import debian

        return await debian.download(package, artifact, staging, tick)
    arrived = staging.directory("download")
    env = os.environ | {"TMPDIR": str(staging.directory("tmp"))}
    if artifact.client == "pip":
        reply = await _pip(artifact, arrived, staging, env, tick)
        if reply.code:
            raise pip_error(package, artifact, reply)
    else:
        words = ["pack", artifact.requirement, "--pack-destination", str(arrived)]
        reply = await npm(words, staging.path, staging, env, node, tick)
        if reply.code:
            raise npm_error(package, artifact, reply)
    [archive] = arrived.iterdir()
    return archive


async def install_tree(
    package: Package,
    tree: NpmTree,
    project: Path,
    staging: Staging,
    node: Path | None,
    tick: Callable[[], None],
) -> None:
    """Let npm install what a directory's `package.json` and lock name, and run none of it.

    Args:
        package: What it belongs to, for messages.
        tree: What is installed.
        project: The directory.
        staging: Where npm writes on the way.
        node: The layer of Node, which npm needs.
        tick: Called while it arrives.

    Raises:
        RegistryUnreachable: npm could not reach its registry.
        ChecksumMismatch: A package is not the one that the lock pins.
        SoftwareError: The registry refused, or has no such package or version.
        DiskFull: There was no room.
    """
    env = os.environ | {"TMPDIR": str(staging.directory("tmp"))}
    words = ["ci" if tree.lock else "install", "--omit=dev", "--no-audit", "--no-fund"]
    reply = await npm(words, project, staging, env, node, tick)
    if reply.code:
        raise npm_error(package, tree, reply)


async def _pip(
    artifact: Artifact,
    arrived: Path,
    staging: Staging,
    env: dict[str, str],
    tick: Callable[[], None],
) -> Reply:
    assert artifact.integrity, "the registry itself is not trusted"
    algorithm, digest = artifact.integrity.split("-", 1)
    wanted = staging.path / "requirements.txt"
    # The hash makes pip choose the right one among several files of the same version.
    wanted.write_text(
        f"{artifact.requirement} --hash={algorithm}:{base64.b64decode(digest).hex()}\n"
    )
    return await run(
        [
            *(sys.executable, "-m", "pip", "download"),
            *("--no-deps", "--only-binary=:all:", "--require-hashes", "-r", str(wanted)),
            *("-d", str(arrived), "--no-cache-dir", "--progress-bar=off"),
            "--disable-pip-version-check",
        ],
        staging,
        env | {"PIP_QUIET": "1"},
        tick,
    )


async def npm(
    words: Sequence[str],
    project: Path,
    staging: Staging,
    env: dict[str, str],
    node: Path | None,
    tick: Callable[[], None] = lambda: None,
) -> Reply:
    """Run npm, which reports failures in JSON and runs no script of any package."""
    if node is None:
        raise SoftwareError("npm packages need node, which the catalog does not require first")
    given = {name.lower() for name in env}
    env |= {name: value for name, value in _NPM_PATIENCE.items() if name not in given}
    # As programs of the distribution do: a company's own certificates are usually there.
    env.setdefault("NODE_USE_SYSTEM_CA", "1")
    env["PATH"] = f"{node / 'bin'}:{env.get('PATH', os.defpath)}"
    settings = await _host_npm_settings(staging)
    return await run(
        [
            *(str(node / "bin/node"), str(node / "lib/node_modules/npm/bin/npm-cli.js")),
            *words,
            *("--json", "--loglevel=error", "--no-update-notifier", "--ignore-scripts"),
            *("--cache", str(staging.path / "cache"), "--prefix", str(project)),
            *(("--globalconfig", settings) if settings else ()),
        ],
        staging,
        env,
        tick,
    )


async def _host_npm_settings(staging: Staging) -> str | None:
    """Find the configuration file that the administrator gave the host's own npm."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    cache = str(staging.path / "cache")
    reply = await run([npm, "config", "get", "globalconfig", "--cache", cache], staging, os.environ)
    return reply.stdout if reply.code == 0 and os.path.isfile(reply.stdout) else None


def pip_error(package: Package, artifact: Artifact, reply: Reply) -> Exception:
    """Say why pip failed."""
    if _DISK_FULL.search(reply.stderr):
        return DiskFull()
    if got := re.search(r"Got\s+([0-9a-f]{64,128})", reply.stderr):
        algorithm = (artifact.integrity or "sha256").split("-", 1)[0]
        digest = base64.b64encode(bytes.fromhex(got[1])).decode()
        return mismatch(package, artifact, f"{algorithm}-{digest}")
    said = _last_error(reply.stderr)
    if _PIP_UNREACHABLE.search(reply.stderr):
        broken = re.search(r"connection broken by '(.+?)':", reply.stderr)
        said = broken[1] if broken else said
        return RegistryUnreachable(
            f"pip's package index did not deliver {artifact.requirement}: {said}",
            hint="check the network, and pip's index, proxy and certificates: "
            f"{sys.executable} -m pip config list",
            retryable=True,
        )
    return SoftwareError(
        f"pip could not fetch {artifact.requirement} for {package}: {said}",
        hint=f"see whether pip's index has it: {sys.executable} -m pip config list",
    )


def npm_error(package: Package, artifact: Artifact | NpmTree, reply: Reply) -> Exception:
    """Say why npm failed."""
    code, said = _npm_words(reply)
    if _DISK_FULL.fullmatch(code) or _DISK_FULL.search(said):
        return DiskFull()
    if code == "EINTEGRITY":
        got = re.search(r"but got (sha\d+-\S+?)\.?\s", said + " ")
        return mismatch(package, artifact, got[1] if got else said)
    if _NPM_UNREACHABLE.fullmatch(code):
        return RegistryUnreachable(
            f"npm's registry did not deliver {artifact.requirement}: {said}",
            hint="check the network, and npm's registry, proxy and cafile settings: "
            "~/.npmrc and npm_config_* variables",
            retryable=True,
        )
    return SoftwareError(
        f"npm could not fetch {artifact.requirement} for {package}: {said}",
        hint="see whether npm's registry has it, and the credentials in ~/.npmrc",
    )


def _npm_words(reply: Reply) -> tuple[str, str]:
    """Read npm's error code and summary."""
    try:
        error = json.loads(reply.stdout)["error"]
        return str(error["code"]), str(error["summary"])
    except (ValueError, KeyError, TypeError):  # it failed before it could say so in JSON
        return "", _last_error(reply.stderr)


def _last_error(stderr: str) -> str:
    lines = stderr.splitlines() or ["it ended without a word"]
    errors = [line for line in lines if "error" in line.lower() or line.startswith(_PIP_BULLET)]
    return (errors or lines)[-1].removeprefix("ERROR: ").removeprefix(_PIP_BULLET)


def mismatch(package: Package, artifact: Artifact | NpmTree, found: str) -> ChecksumMismatch:
    """Say that an archive is not the pinned one."""
    return ChecksumMismatch(
        f"{package}: {artifact.requirement} has the wrong checksum: "
        f"expected {artifact.integrity}, found {found}",
        hint=f"nothing was installed; a mirror that {artifact.client} uses may serve another file",
    )
