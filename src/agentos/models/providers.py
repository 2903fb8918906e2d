"""Model providers: where they are, what they speak, how they are told who calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from agentos.errors import ConfigInvalid
from agentos.models.credentials import EnvKey, GivenKey, KeySource
from agentos.models.upstream import Wire

KeyHeader = Literal["authorization", "x-api-key", "api-key"]
REHEARSAL = "rehearsal"


@dataclass(frozen=True)
class Provider:
    """A model provider that the gateway can ask.

    Args:
        name: What routes call it: the part of `provider/model` before the slash.
        base_url: Calls go to `{base_url}/responses`, `/chat/completions` or `/messages`.
        key: Where its key comes from, or the key itself; None if it takes none.
        speaks: The protocols it has.
        key_header: The header that carries the key; `authorization` carries it as a bearer token.
        headers: Sent with each call, such as those that Azure wants.
        query: Added to the query of each call, such as Azure's `api-version`.
        connect_timeout: How long connecting may take, in seconds.
        timeout: How long it may be silent, before the first byte and between two, in seconds.
        retries: How often a call is tried again after 429, 5xx or no answer, as long as
            nothing of an answer has reached the agent.

    Raises:
        ConfigInvalid: The name or the base URL is none.

    Example:
        `Provider("local", "http://127.0.0.1:8000/v1", speaks=[Wire.CHAT])`
    """

    name: str
    base_url: str
    key: KeySource | str | None = field(default=None, repr=False)
    speaks: Sequence[Wire] = (Wire.RESPONSES, Wire.CHAT)
    key_header: KeyHeader = "authorization"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict)
    connect_timeout: float = 10.0
    timeout: float = 300.0
    retries: int = 2

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name:
            raise ConfigInvalid(
                f"{self.name!r} cannot name a provider", hint="take a word without a slash"
            )
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigInvalid(
                f"the base URL of the provider {self.name!r} is {self.base_url!r}",
                hint="write https://host/path",
            )
        object.__setattr__(self, "speaks", tuple(Wire(wire) for wire in self.speaks))

    @property
    def key_source(self) -> KeySource | None:
        """Where its key comes from."""
        return GivenKey(self.key) if isinstance(self.key, str) else self.key


def known_providers() -> dict[str, Provider]:
    """Return the providers that need no configuration but a key in its usual variable."""
    known = (
        Provider("openai", "https://api.openai.com/v1", EnvKey("OPENAI_API_KEY")),
        Provider(
            "anthropic",
            "https://api.anthropic.com/v1",
            EnvKey("ANTHROPIC_API_KEY"),
            speaks=(Wire.MESSAGES, Wire.CHAT),
            key_header="x-api-key",
        ),
        Provider(
            "openrouter",
            "https://openrouter.ai/api/v1",
            EnvKey("OPENROUTER_API_KEY"),
            speaks=(Wire.RESPONSES, Wire.CHAT, Wire.MESSAGES),
        ),
    )
    return {provider.name: provider for provider in known}
