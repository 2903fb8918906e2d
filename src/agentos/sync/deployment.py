"""What is to be deployed here: each client that is asked for, found and worked out."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from agentos.config import expanded
from agentos.errors import SyncError
from agentos.home.replacing import replace_file
from agentos.sync.client import Client, Places
from agentos.sync.clients import CLIENTS
from agentos.sync.desired import Desired
from agentos.sync.loading import load_source
from agentos.sync.settings import load_sync_settings
from agentos.sync.source import Source


@dataclass(frozen=True)
class Deployment:
    """One client: where its files are, and what is to stand in them."""

    client: Client
    places: Places
    desired: Desired


def deployments(
    home: Path,
    names: Iterable[str] | None,
    *,
    versions: Path,
    env: Mapping[str, str] = os.environ,
) -> list[Deployment]:
    """Work out what clients are to have.

    Args:
        home: The AgentOS home.
        names: The clients; by default those that `agentos.toml` names.
        versions: The file that remembers what versions are installed.
        env: Says where clients keep their files.

    Raises:
        SyncError: There is no client of a name.
        ConfigInvalid: A file of the AgentOS home is wrong.
    """
    settings = load_sync_settings(home / "agentos.toml")
    chosen = [client_named(name) for name in names or settings.clients]
    source = load_source(home, env=env)
    known = _Versions.load(versions)
    found = [_deployment(each, source, settings.directories, known, env) for each in chosen]
    known.save()
    return found


def places_of(
    home: Path, name: str, *, versions: Path, env: Mapping[str, str] = os.environ
) -> tuple[Client, Places]:
    """Find a client, and where its files are.

    Args:
        home, versions, env: As of `deployments`.
        name: The client.

    Raises:
        SyncError: There is no client of that name.
        ConfigInvalid: `agentos.toml` is wrong.
    """
    client, known = client_named(name), _Versions.load(versions)
    directories = load_sync_settings(home / "agentos.toml").directories
    places = _places(client, directories, known, env)
    known.save()
    return client, places


def client_named(name: str) -> Client:
    """Return a client.

    Raises:
        SyncError: There is none of this name.
    """
    try:
        return CLIENTS[name]
    except KeyError:
        hint = f"there are {', '.join(CLIENTS)}"
        raise SyncError(f"there is no client {name!r}", code="no_client", hint=hint) from None


def _deployment(
    client: Client,
    source: Source,
    directories: Mapping[str, str],
    versions: _Versions,
    env: Mapping[str, str],
) -> Deployment:
    places = _places(client, directories, versions, env)
    return Deployment(client, places, client.desired(source, places))


def _places(
    client: Client, directories: Mapping[str, str], versions: _Versions, env: Mapping[str, str]
) -> Places:
    places = client.places(env)
    if client.name in directories:
        places = replace(places, directory=expanded(directories[client.name]))
    program = shutil.which(client.program, path=env.get("PATH")) if client.program else None
    if program:
        places = replace(places, version=versions.of(client, Path(os.path.realpath(program))))
    return places


class _Versions:
    """Versions of installed programs, each asked again only when its file is another."""

    def __init__(self, path: Path, known: dict[str, list[object]]) -> None:
        self._path = path
        self._known = known
        self._is_new = False

    @classmethod
    def load(cls, path: Path) -> _Versions:
        try:
            known = json.loads(path.read_bytes())
        except (FileNotFoundError, ValueError):
            known = {}
        return cls(path, known if isinstance(known, dict) else {})

    def of(self, client: Client, program: Path) -> str | None:
        found = program.stat()
        stamp = [found.st_ino, found.st_size, found.st_mtime_ns]
        remembered = self._known.get(str(program))
        if remembered and remembered[:-1] == stamp:
            version = remembered[-1]
            return version if isinstance(version, str) else None
        version = client.probe(program)
        self._known[str(program)] = [*stamp, version]
        self._is_new = True
        return version

    def save(self) -> None:
        if self._is_new:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._path, json.dumps(self._known).encode(), mode=0o600)
