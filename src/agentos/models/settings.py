"""What `agentos.toml` says of models: providers, routes, budgets, prices."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentos.config import home_dir
from agentos.errors import ConfigInvalid
from agentos.models.budgets import Budget
from agentos.models.credentials import CommandKey, EnvKey, KeyringKey, KeySource
from agentos.models.providers import Provider, known_providers
from agentos.models.upstream import Wire
from agentos.usage.prices import Price

FILE = "agentos.toml"
_WIRES = {"responses": Wire.RESPONSES, "chat": Wire.CHAT, "messages": Wire.MESSAGES}


@dataclass(frozen=True)
class ModelSettings:
    """The models part of `agentos.toml`.

    Attributes:
        providers: The providers that it configures.
        default: The route of sessions that name none.
        aliases: Routes by names of the user's.
        fallbacks: Other routes for a route.
        budgets: What may be spent.
        prices: By `provider/model`.
    """

    providers: tuple[Provider, ...] = ()
    default: str | None = None
    aliases: dict[str, str] = field(default_factory=dict)
    fallbacks: dict[str, list[str]] = field(default_factory=dict)
    budgets: tuple[Budget, ...] = ()
    prices: dict[str, Price] = field(default_factory=dict)

    @property
    def configured(self) -> bool:
        """Whether the host has a provider for sessions that bring no credentials."""
        return self.default is not None


def load_settings(path: Path | None = None) -> ModelSettings:
    """Read the settings.

    Args:
        path: The file; by default `agentos.toml` of the AgentOS home. It need not be there.

    Raises:
        ConfigInvalid: It cannot be read; the message names the file and the place in it.
    """
    path = path or home_dir() / FILE
    try:
        said = tomllib.loads(path.read_text())
    except FileNotFoundError:
        return ModelSettings()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigInvalid(f"{path} is not valid TOML: {error}") from error
    ours = {name: said[name] for name in _File.model_fields if name in said}
    try:
        return _File.model_validate(ours).settings()
    except ValidationError as error:
        raise ConfigInvalid(f"{path}: {_first(error)}", hint=_hint(error)) from error
    except ConfigInvalid as error:
        raise ConfigInvalid(f"{path}: {error.message}", hint=error.hint) from error


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Key(_Table):
    env: str | None = None
    command: list[str] | None = None
    keyring: str | None = None

    def source(self, provider: str) -> KeySource:
        given = [v for v in (self.env, self.command, self.keyring) if v]
        if len(given) != 1:
            raise ConfigInvalid(
                f"providers.{provider}.key names {len(given)} places for the key",
                hint='one of { env = "..." }, { command = [...] }, { keyring = "service/user" }',
            )
        if self.env:
            return EnvKey(self.env)
        if self.command:
            return CommandKey(tuple(self.command))
        service, _, user = (self.keyring or "").partition("/")
        return KeyringKey(service, user or provider)


class _Provider(_Table):
    base_url: str | None = None
    key: _Key | None = None
    speaks: list[Literal["responses", "chat", "messages"]] | None = None
    key_header: Literal["authorization", "x-api-key", "api-key"] | None = None
    headers: dict[str, str] | None = None
    query: dict[str, str] | None = None
    connect_timeout: float | None = Field(None, gt=0)
    timeout: float | None = Field(None, gt=0)
    retries: int | None = Field(None, ge=0, le=10)

    def provider(self, name: str) -> Provider:
        given: dict[str, Any] = self.model_dump(exclude_none=True, exclude={"key", "speaks"})
        if self.key:
            given["key"] = self.key.source(name)
        if self.speaks:
            given["speaks"] = tuple(_WIRES[wire] for wire in self.speaks)
        known = known_providers().get(name)
        if known:
            return replace(known, **given)
        if "base_url" not in given:
            names = ", ".join(known_providers())
            raise ConfigInvalid(
                f"providers.{name} has no base_url", hint=f"only these need none: {names}"
            )
        return Provider(name, **given)


class _Models(_Table):
    default: str | None = None
    aliases: dict[str, str] = {}
    fallbacks: dict[str, list[str]] = {}


class _Budget(_Table):
    money: float | None = None
    tokens: int | None = None
    per: Literal["session", "profile", "day"] = "session"
    profile: str | None = None
    calls_per_minute: float | None = None
    tokens_per_minute: float | None = None


class _Price(_Table):
    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached_input: float | None = Field(None, ge=0)
    cache_write: float | None = Field(None, ge=0)


class _File(_Table):
    models: _Models = _Models()
    providers: dict[str, _Provider] = {}
    budgets: list[_Budget] = []
    prices: dict[str, _Price] = {}

    def settings(self) -> ModelSettings:
        providers = tuple(table.provider(name) for name, table in self.providers.items())
        return ModelSettings(
            providers=providers,
            default=self.models.default or (providers[0].name if providers else None),
            aliases=self.models.aliases,
            fallbacks=self.models.fallbacks,
            budgets=tuple(Budget(**budget.model_dump()) for budget in self.budgets),
            prices={name: Price(**price.model_dump()) for name, price in self.prices.items()},
        )


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg'][0].lower()}{first['msg'][1:]}"


def _hint(error: ValidationError) -> str | None:
    first = error.errors()[0]
    if first["loc"][-1:] == ("key",):
        # A key in a file is a key in backups and repositories.
        return 'a key itself has no place here: write key = { env = "NAME" }'
    if first["type"] == "extra_forbidden":
        return "there is no such setting; see docs/models.md"
    return None
