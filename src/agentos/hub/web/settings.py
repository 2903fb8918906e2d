"""What the hub was told by `agentos.toml`, and who may ask it: for the settings page."""

from __future__ import annotations

import shlex
import time
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from agentos.hub.auth.needs import needs
from agentos.hub.auth.token_table import Token
from agentos.hub.hub import Hub
from agentos.hub.scopes import Principal, Scope
from agentos.hub.tagged import tagged

Owner = Annotated[Principal, needs(Scope.ALL)]


class TokenInfo(BaseModel):
    """A token that was handed out; nothing here opens anything."""

    id: str
    name: str
    scopes: list[Scope]
    created: datetime
    expires: datetime | None
    expired: bool
    session: str | None

    @classmethod
    def of(cls, token: Token) -> TokenInfo:
        expires = token.expires
        return cls(
            id=token.id,
            name=token.name,
            scopes=sorted(token.scopes),
            created=datetime.fromtimestamp(token.created, UTC),
            expires=None if expires is None else datetime.fromtimestamp(expires, UTC),
            expired=expires is not None and expires <= time.time(),
            session=token.session,
        )


class TokenList(BaseModel):
    """Tokens beside the user's own, the newest first."""

    tokens: list[TokenInfo]
    scopes: list[Scope]


class RepositoryInfo(BaseModel):
    """A repository that the git tools may touch."""

    path: str
    found: bool
    protected: list[str]
    push_approval: bool
    max_file_bytes: int


class ActionInfo(BaseModel):
    """A command that a tool may run."""

    name: str
    directory: str
    command: list[str]
    timeout: float
    artefact: str | None


class ProjectInfo(BaseModel):
    """A project, and the portfolio files that it sees."""

    name: str
    path: str
    portfolio: list[str]


class RootInfo(BaseModel):
    """A directory that the file tools see."""

    path: str
    found: bool


class SettingsInfo(BaseModel):
    """The hub's settings."""

    home: str
    state: str
    host: str
    port: int
    tls: bool
    allowed_hosts: list[str]
    allowed_origins: list[str]
    max_body_bytes: int
    requests_per_minute: int
    retention_days: float
    stale_after_days: float
    otlp_endpoint: str | None
    editor: str | None
    roots: list[RootInfo]
    repositories: list[RepositoryInfo]
    actions: list[ActionInfo]
    projects: list[ProjectInfo]


def router(hub: Hub) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(prefix="/api/v1", tags=["settings"])

    @routes.get("/settings", response_model=SettingsInfo)
    async def settings(request: Request, owner: Owner) -> Response:
        """Tell what `agentos.toml` says of the hub."""
        return tagged(request, _settings(hub))

    @routes.get("/tokens", response_model=TokenList)
    async def tokens(request: Request, owner: Owner) -> Response:
        """List the tokens beside the user's own."""
        found = [TokenInfo.of(token) for token in reversed(hub.tokens.list())]
        return tagged(request, TokenList(tokens=found, scopes=list(Scope)))

    return routes


def _settings(hub: Hub) -> SettingsInfo:
    said = hub.settings
    return SettingsInfo(
        home=str(hub.home),
        state=str(hub.state),
        host=said.host,
        port=said.port,
        tls=said.tls_certificate is not None,
        allowed_hosts=list(said.allowed_hosts),
        allowed_origins=list(said.allowed_origins),
        max_body_bytes=said.max_body_bytes,
        requests_per_minute=said.requests_per_minute,
        retention_days=said.retention_days,
        stale_after_days=said.stale_after_days,
        otlp_endpoint=said.otlp_endpoint,
        editor=shlex.join(said.editor) or None,
        roots=[RootInfo(path=str(root), found=root.is_dir()) for root in said.fs_roots],
        repositories=[
            RepositoryInfo(
                path=str(one.path),
                found=one.path.is_dir(),
                protected=list(one.protected),
                push_approval=one.push_approval,
                max_file_bytes=one.max_file_bytes,
            )
            for one in said.repositories
        ],
        actions=[
            ActionInfo(
                name=one.name,
                directory=str(one.directory),
                command=list(one.command),
                timeout=one.timeout,
                artefact=one.artefact,
            )
            for one in said.actions
        ],
        projects=[
            ProjectInfo(name=one.name, path=str(one.path), portfolio=list(one.portfolio))
            for one in said.projects
        ],
    )
