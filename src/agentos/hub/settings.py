"""What `agentos.toml` says of the hub, as its parts take it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from agentos.config import expanded
from agentos.errors import ConfigInvalid
from agentos.home.projects import Project


@dataclass(frozen=True)
class Repository:
    """A git repository that the git tools may touch.

    Attributes:
        path: Its working directory, absolute.
        protected: Branches, as globs, that are never pushed.
        push_approval: Whether a person has to approve each push.
        max_file_bytes: Larger files hold up a commit.
    """

    path: Path
    protected: tuple[str, ...] = ("main", "master", "release/*")
    push_approval: bool = False
    max_file_bytes: int = 5_000_000


@dataclass(frozen=True)
class Action:
    """A project action: a command that a tool may run, by name.

    Attributes:
        name: As `compile`, `package`, `install`.
        directory: Where it runs, absolute.
        command: Its argument vector; empty for the built-in install of a .vsix.
        timeout: Seconds until it is ended.
        artefact: A glob, relative to the directory, of what it makes.
    """

    name: str
    directory: Path
    command: tuple[str, ...]
    timeout: float = 600.0
    artefact: str | None = None


@dataclass(frozen=True)
class HubSettings:
    """The hub's part of `agentos.toml`.

    Attributes:
        host, port: Where it listens; port 0 takes any free one.
        tls_certificate, tls_key: Both are needed to listen beyond loopback.
        allowed_hosts, allowed_origins: Names besides the loopback's own.
        max_body_bytes: The largest request.
        requests_per_minute: Of one token; the default is about what one core can answer.
        fs_roots: What the file tools see; `$AGENTOS_FS_ROOTS` (separated as PATH is) goes first.
        repositories, actions, projects: What is registered.
        retention_days: How long requests are remembered.
        otlp_endpoint: Where traces go; `$OTEL_EXPORTER_OTLP_ENDPOINT` otherwise.
        editor: The command that opens a file in a window, for the dashboard; empty for none.
        stale_after_days: When a portfolio file that calls itself evolving is not to be relied on.
    """

    host: str = "127.0.0.1"
    port: int = 3000
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    max_body_bytes: int = 10_000_000
    requests_per_minute: int = 60_000
    fs_roots: tuple[Path, ...] = ()
    repositories: tuple[Repository, ...] = ()
    actions: tuple[Action, ...] = ()
    projects: tuple[Project, ...] = ()
    retention_days: float = 30.0
    otlp_endpoint: str | None = None
    editor: tuple[str, ...] = ()
    stale_after_days: float = 60.0


def load_hub_settings(path: Path | None = None) -> HubSettings:
    """Read what `agentos.toml` says of the hub.

    Args:
        path: The file; by default `agentos.toml` of the AgentOS home. It need not be there.

    Raises:
        ConfigInvalid: It cannot be read, or `$AGENTOS_FS_ROOTS` has a relative path; the message
            names the file, the line and the key.
    """
    from agentos.settings.document import read_document
    from agentos.settings.hub_tables import hub_settings

    settings = hub_settings(read_document(path))
    roots = _environment_roots()
    return replace(settings, fs_roots=roots) if roots else settings


def _environment_roots() -> tuple[Path, ...]:
    named = os.environ.get("AGENTOS_FS_ROOTS", "").split(os.pathsep)
    roots = tuple(expanded(root) for root in named if root)
    for root in roots:
        if not root.is_absolute():
            raise ConfigInvalid(
                f"$AGENTOS_FS_ROOTS names {str(root)!r}, which is not absolute",
                hint=f"write whole paths with {os.pathsep!r} between them",
            )
    return roots
