"""What a session needs to know of a model provider."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class ModelProvider(Protocol):
    """A server that speaks the OpenAI Responses API.

    Attributes:
        base_url: Where it is reached from the host, for example `http://127.0.0.1:8080/v1`;
            calls go to `{base_url}/responses`.
        api_key: The bearer token it expects, or None when it expects none.
        model: The model to ask for when the user names none, or None for the agent's default.
    """

    @property
    def base_url(self) -> str: ...

    @property
    def api_key(self) -> str | None: ...

    @property
    def model(self) -> str | None: ...
