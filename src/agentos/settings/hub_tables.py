"""The hub's tables: what it listens to, what it may touch, what it runs, for which projects."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field

from agentos.errors import ConfigInvalid
from agentos.home.projects import Project
from agentos.settings.table import Area, Table

if TYPE_CHECKING:
    from agentos.hub.settings import Action, HubSettings, Repository
    from agentos.settings.document import Document

#: What the actions of an extension do that says nothing of them; an empty one is built in.
DEFAULT_COMMANDS = {
    "compile": ("npm", "run", "compile"),
    "package": ("npm", "run", "package"),
    "install": (),
}
DEFAULT_ARTEFACT = "*.vsix"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def _words(said: object) -> object:
    return shlex.split(said) if isinstance(said, str) else said


def _name(said: str) -> str:
    if not _NAME.fullmatch(said):
        raise ValueError("a name has letters, digits, dots, dashes and underscores")
    return said


Said = Annotated[str, Field(min_length=1)]
Name = Annotated[str, BeforeValidator(_name)]
Command = Annotated[list[str], BeforeValidator(_words), Field(min_length=1)]


class TlsTable(Table):
    certificate: Said
    key: Said


class HubTable(Table):
    host: Said = "127.0.0.1"
    port: int = Field(default=3000, ge=0, le=65535)
    tls: TlsTable | None = None
    allowed_hosts: list[Said] = Field(default_factory=list)
    allowed_origins: list[Said] = Field(default_factory=list)
    max_body_bytes: int = Field(default=10_000_000, ge=1024)
    requests_per_minute: int = Field(default=60_000, ge=1)
    retention_days: float = Field(default=30.0, gt=0)
    otlp_endpoint: Said | None = None
    editor: Command | None = None


class FsTable(Table):
    roots: list[Said] = Field(default_factory=list)


class PortfolioTable(Table):
    stale_after_days: float = Field(default=60.0, gt=0)


class RepositoryTable(Table):
    path: Said
    protected: list[Said] = Field(default_factory=lambda: ["main", "master", "release/*"])
    push_approval: bool = False
    max_file_bytes: int = Field(default=5_000_000, ge=1)

    def repository(self, document: Document) -> Repository:
        from agentos.hub.settings import Repository

        return Repository(
            document.place(self.path),
            tuple(self.protected),
            self.push_approval,
            self.max_file_bytes,
        )


class ExtensionTable(Table):
    directory: Said


class ActionTable(Table):
    name: Name
    directory: Said | None = None
    command: Command | None = None
    timeout: float = Field(default=600.0, gt=0)
    artefact: Said | None = None

    def action(self, document: Document, extension: ExtensionTable | None) -> Action:
        from agentos.hub.settings import Action

        directory = self.directory or (extension.directory if extension else None)
        if directory is None:
            raise ConfigInvalid(
                "directory is missing", hint="add it, or an [extension] with a directory"
            )
        if self.command is None and self.name not in DEFAULT_COMMANDS:
            raise ConfigInvalid(
                "command is missing", hint=f"only {', '.join(DEFAULT_COMMANDS)} need none"
            )
        command = DEFAULT_COMMANDS[self.name] if self.command is None else tuple(self.command)
        artefact = self.artefact or (
            DEFAULT_ARTEFACT if self.name in ("package", "install") else None
        )
        return Action(self.name, document.place(directory), command, self.timeout, artefact)


class ProjectTable(Table):
    name: Name
    path: Said
    portfolio: list[Said] = Field(default_factory=list)

    def project(self, document: Document) -> Project:
        return Project(self.name, document.place(self.path), tuple(self.portfolio))


class HubArea(Table):
    hub: HubTable = HubTable()
    fs: FsTable = FsTable()
    portfolio: PortfolioTable = PortfolioTable()
    repositories: list[RepositoryTable] = Field(default_factory=list)
    extension: ExtensionTable | None = None
    actions: list[ActionTable] = Field(default_factory=list)
    projects: list[ProjectTable] = Field(default_factory=list)


def hub_settings(document: Document) -> HubSettings:
    """Return what a document says of the hub."""
    from agentos.hub.settings import HubSettings

    said = document.tables(HubArea)
    tls = said.hub.tls
    return HubSettings(
        host=said.hub.host,
        port=said.hub.port,
        tls_certificate=_tls_path(document, tls.certificate, "certificate") if tls else None,
        tls_key=_tls_path(document, tls.key, "key") if tls else None,
        allowed_hosts=tuple(said.hub.allowed_hosts),
        allowed_origins=tuple(said.hub.allowed_origins),
        max_body_bytes=said.hub.max_body_bytes,
        requests_per_minute=said.hub.requests_per_minute,
        fs_roots=_roots(document, said.fs),
        repositories=_repositories(document, said),
        actions=_actions(document, said),
        projects=_projects(document, said),
        retention_days=said.hub.retention_days,
        otlp_endpoint=said.hub.otlp_endpoint,
        editor=tuple(said.hub.editor or ()),
        stale_after_days=said.portfolio.stale_after_days,
    )


def _tls_path(document: Document, said: str, key: str) -> Path:
    with document.at("hub", "tls", key):
        return document.place(said)


def _roots(document: Document, fs: FsTable) -> tuple[Path, ...]:
    roots = []
    for number, root in enumerate(fs.roots):
        with document.at("fs", "roots", number):
            roots.append(document.place(root))
    return tuple(roots)


def _repositories(document: Document, said: HubArea) -> tuple[Repository, ...]:
    found: dict[Path, Repository] = {}
    for number, table in enumerate(said.repositories):
        with document.at("repositories", number, "path"):
            repository = table.repository(document)
            if repository.path in found:
                raise ConfigInvalid("this repository is registered twice", hint="drop one of them")
        found[repository.path] = repository
    return tuple(found.values())


def _actions(document: Document, said: HubArea) -> tuple[Action, ...]:
    found: dict[tuple[str, Path], Action] = {}
    for number, table in enumerate(said.actions):
        with document.at("actions", number):
            action = table.action(document, said.extension)
            if (action.name, action.directory) in found:
                raise ConfigInvalid(
                    f"{action.name} is declared twice for this directory", hint="rename one of them"
                )
        found[action.name, action.directory] = action
    for default in _defaults(document, said.extension):
        found.setdefault((default.name, default.directory), default)
    return tuple(found.values())


def _defaults(document: Document, extension: ExtensionTable | None) -> Iterator[Action]:
    for name in DEFAULT_COMMANDS if extension else ():
        with document.at("extension", "directory"):
            yield ActionTable(name=name).action(document, extension)


def _projects(document: Document, said: HubArea) -> tuple[Project, ...]:
    found: dict[str, Project] = {}
    for number, table in enumerate(said.projects):
        with document.at("projects", number, "name"):
            if table.name in found:
                raise ConfigInvalid("two projects have this name", hint="rename one of them")
        with document.at("projects", number, "path"):
            found[table.name] = table.project(document)
    return tuple(found.values())


AREA = Area(HubArea, hub_settings)
