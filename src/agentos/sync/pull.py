"""Bring what stands in a client's files into the AgentOS home, for people to look at."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from agentos.errors import SecretsFound, SyncError
from agentos.home.allowed_secrets import allowed_secrets
from agentos.secret_scan import scan_bytes
from agentos.sync.client import Collected
from agentos.sync.formats import Malformed, language
from agentos.sync.formats.section import find
from agentos.sync.source import PULLED
from agentos.sync.state import Record
from agentos.sync.target import Target
from agentos.sync.text import Text
from agentos.sync.values import ABSENT, look_up, put

if TYPE_CHECKING:
    from agentos.sync.deployment import Deployment
    from agentos.sync.run import Sync


@dataclass(frozen=True)
class Pulled:
    """What a pull brings of one client.

    Attributes:
        client: Its name.
        folder: Where it goes.
        files: By their place there.
    """

    client: str
    folder: Path
    files: Mapping[PurePosixPath, bytes]


def read_clients(deployed: Iterable[Deployment], sync: Sync, home: Path) -> list[Pulled]:
    """Read what a pull brings of clients; nothing is changed.

    Raises:
        SecretsFound: It holds a secret.
        SyncError: A file cannot be read.
    """
    found = []
    state = sync.state
    for each in deployed:
        name = each.client.name
        files = collect(each.client.collect(each.places), state.of(name), sync.files)
        folder = home / "clients" / name / PULLED
        check_secrets(files, folder, home)
        found.append(Pulled(name, folder, files))
    return found


def collect(
    collected: Collected, records: Mapping[Path, Record], files: Target
) -> dict[PurePosixPath, bytes]:
    """Read what a pull brings: the managed parts of shared files, memories, skills.

    Raises:
        SyncError: A file cannot be read.
    """
    found: dict[PurePosixPath, bytes] = {}
    for path, record in records.items():
        managed = _managed(path, record, files)
        if managed:
            found[PurePosixPath("managed", path.name)] = managed
    for name, root in collected.trees.items():
        for path in files.walk(root, collected.without):
            state = files.look(path)
            if state is not None:
                place = PurePosixPath(name, path.relative_to(root).as_posix())
                found[place] = state.content
    return found


def check_secrets(found: Mapping[PurePosixPath, bytes], folder: Path, home: Path) -> None:
    """Refuse what holds a secret.

    Raises:
        SecretsFound: It does; nothing was written.
    """
    allow = allowed_secrets(home)
    relative = folder.relative_to(home)
    findings = tuple(
        str(finding)
        for place, content in found.items()
        for finding in scan_bytes(content, str(relative / place), allow=allow).findings
    )
    if findings:
        raise SecretsFound(
            f"what would be pulled holds secrets: {'; '.join(findings[:10])}",
            findings=findings,
            hint="nothing was pulled; take them out of the client's files, or allow them",
        )


def replace_folder(folder: Path, found: Mapping[PurePosixPath, bytes]) -> None:
    """Make a folder hold these files and no others, all at once.

    Raises:
        SyncError: It cannot be written; what was there is there.
    """
    token = secrets.token_hex(4)
    fresh, old = (folder.with_name(f".{folder.name}.{token}.{each}") for each in ("new", "old"))
    try:
        for place, content in found.items():
            path = fresh / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        fresh.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            os.rename(folder, old)
        os.rename(fresh, folder)
    except OSError as error:
        if old.exists() and not folder.exists():
            os.rename(old, folder)
        raise SyncError(f"{folder} cannot be written: {error}", path=str(folder)) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _managed(path: Path, record: Record, files: Target) -> bytes:
    """Return what stands in our keys, or our sections, of a file."""
    state = files.look(path)
    if state is None or not (record.keys or record.sections):
        return b""
    try:
        text = Text.decode(state.content)
        if record.keys:
            return _keys(language(record.format).read(text.text), record)
    except Malformed as error:
        message = f"{path}:{error.line}: {error}"
        raise SyncError(message, code="malformed", path=str(path), line=error.line) from error
    sections = (find(text.text, name, [known.value]) for name, known in record.sections.items())
    return "\n\n".join(each.inner for each in sections if each).encode() + b"\n"


def _keys(there: dict[str, Any], record: Record) -> bytes:
    tree: dict[str, Any] = {}
    for key in record.keys:
        value = look_up(there, key)
        if value is not ABSENT:
            put(tree, key, value)
    if record.format != "toml":
        return (json.dumps(tree, indent=2, ensure_ascii=False) + "\n").encode()
    import tomlkit

    return tomlkit.dumps(tree).encode()
