"""The tables of sync: whom it deploys to, how they reach the hub, and the roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from agentos.errors import ConfigInvalid
from agentos.settings.table import Area, Table, Url
from agentos.sync.settings import HubAccess

if TYPE_CHECKING:
    from agentos.settings.document import Document
    from agentos.sync.settings import SyncSettings


def _client(said: str) -> str:
    from agentos.sync.clients import CLIENTS

    if said not in CLIENTS:
        raise ValueError(f"there is no such client; there are {', '.join(sorted(CLIENTS))}")
    return said


def _profile(said: str) -> str:
    from agentos.sync.settings import PROFILE_NAME

    if not PROFILE_NAME.fullmatch(said):
        raise ValueError("the name of a profile has letters, digits, _ and -, 64 at most")
    return said


Client = Annotated[str, AfterValidator(_client)]
Said = Annotated[str, Field(min_length=1)]


class SyncTable(Table):
    clients: list[Client] = Field(default_factory=lambda: ["codex", "claude", "cursor"])
    hub: HubAccess = "stdio"
    directories: dict[Client, Said] = Field(default_factory=dict)


class ProfileTable(Table):
    model: Said | None = None
    provider: Said | None = None
    base_url: Url | None = None
    env_key: Said | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    enabled: bool = True


class SyncArea(Table):
    sync: SyncTable = SyncTable()
    profiles: dict[Annotated[str, AfterValidator(_profile)], ProfileTable] = Field(
        default_factory=dict
    )


def sync_settings(document: Document) -> SyncSettings:
    """Return what a document says of sync and profiles."""
    from agentos.sync.settings import lacks, settings_of

    for name, table in document.tables(SyncArea).profiles.items():
        with document.at("profiles", name):
            if missing := lacks(name, table.model_dump(exclude_none=True)):
                raise ConfigInvalid(
                    f"{missing} is missing",
                    hint="only profiles over openrouter need no base_url and env_key",
                )
    return settings_of(document.values)


AREA = Area(SyncArea, sync_settings)
