"""Policies for a purpose, as lists of entries."""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

from agentos.config import data_dir
from agentos.errors import ConfigInvalid
from agentos.machine.network.policy import Preset

#: Where well-known agents find their models and sign in.
_AGENT_HOSTS = (
    "api.openai.com:443",
    "auth.openai.com:443",
    "chatgpt.com:443",
    "api.anthropic.com:443",
    "console.anthropic.com:443",
    "generativelanguage.googleapis.com:443",
    "cloudcode-pa.googleapis.com:443",
    "oauth2.googleapis.com:443",
    "openrouter.ai:443",
)
_APT = Path("/etc/apt")
_CLIENT_SECONDS = 30
_PORTS = {"http": 80, "https": 443, "ftp": 21}


def entries_of(preset: Preset) -> list[str]:
    """List the entries of a preset; those of `"packages"` are read from this host now.

    Raises:
        ConfigInvalid: There is no such preset.
    """
    if preset not in get_args(Preset):
        raise ConfigInvalid(
            f"there is no network preset {preset!r}",
            hint="use one of " + ", ".join(get_args(Preset)),
        )
    if preset == "agents":
        return list(_AGENT_HOSTS)
    if preset == "packages":
        urls = [*_pip_urls(), *_npm_urls(), *apt_urls(_APT)]
        return sorted({entry for url in urls if (entry := _entry(url))})
    return []


def apt_urls(directory: Path) -> Iterator[str]:
    """Yield the archives that apt fetches from.

    Args:
        directory: Where its sources are configured.
    """
    lists = [directory / "sources.list", *sorted(directory.glob("sources.list.d/*.list"))]
    for path in filter(Path.is_file, lists):
        for line in path.read_text(errors="replace").splitlines():
            words = line.split("#")[0].replace("[", " [ ").replace("]", " ] ").split()
            if words[:1] in (["deb"], ["deb-src"]):
                start = words.index("]") + 1 if "[" in words[:2] and "]" in words else 1
                yield from words[start : start + 1]
    for path in sorted(directory.glob("sources.list.d/*.sources")):
        for stanza in path.read_text(errors="replace").split("\n\n"):
            yield from _deb822_urls(stanza)


def _deb822_urls(stanza: str) -> Iterator[str]:
    """The `URIs` of one stanza, which may go on over lines that are indented."""
    lines = [line for line in stanza.splitlines() if not line.startswith("#")]
    fields: dict[str, str] = {}
    name = ""
    for line in lines:
        if line[:1].isspace():
            fields[name] = f"{fields.get(name, '')} {line}"
        else:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value
    if fields.get("enabled", "yes").strip().lower() not in ("no", "false", "0"):
        yield from fields.get("uris", "").split()


def _pip_urls() -> Iterator[str]:
    """The indexes of pip, by its own reading of its files and variables."""
    from pip._internal.configuration import Configuration
    from pip._internal.models.index import PyPI

    configuration = Configuration(isolated=False)
    configuration.load()
    settings = [
        value
        for name, value in _flat(configuration.items())
        if name.rpartition(".")[2] in ("index-url", "extra-index-url", "find-links")
    ]
    yield from " ".join(settings).split()
    names = {name.rpartition(".")[2] for name, _ in _flat(configuration.items())}
    if "index-url" not in names:
        yield PyPI.url
        yield f"https://{PyPI.file_storage_domain}"


def _flat(items: Iterable[tuple[str, object]]) -> Iterator[tuple[str, str]]:
    """Settings by name; newer versions of pip group them by file."""
    for name, value in items:
        if isinstance(value, dict):
            yield from _flat(value.items())
        else:
            yield name, str(value)


def _npm_urls() -> Iterator[str]:
    """The registries of npm, by its own reading of its files and variables."""
    npm = shutil.which("npm") or _our_npm()
    if npm is None:
        return
    path = f"{Path(npm).parent}:{os.environ.get('PATH', os.defpath)}"
    listed = subprocess.run(
        [npm, "config", "ls", "--json"],
        env=os.environ | {"PATH": path},
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=_CLIENT_SECONDS,
        text=True,
    )
    if listed.returncode:
        raise ConfigInvalid(
            "npm cannot read its own configuration", hint=listed.stderr.strip()[-500:] or None
        )
    for name, value in json.loads(listed.stdout).items():
        if (name == "registry" or name.endswith(":registry")) and isinstance(value, str):
            yield value


def _our_npm() -> str | None:
    """The npm that machines get, where the host has none of its own."""
    found = sorted((data_dir() / "software" / "node").glob("*/bin/npm"))
    return str(found[-1]) if found else None


def _entry(url: str) -> str | None:
    """The entry for a URL; None for one that is no host's, or this host's own loopback."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme.rpartition("+")[2])
    except ValueError:
        return None
    host = parts.hostname
    if not host or port is None or _is_loopback(host):
        return None
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
