"""Variables that are told to a session and to nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from agentos.hub.sessions.models import NewSession, Renewal


def revealed(env: Mapping[str, SecretStr]) -> dict[str, str]:
    """Return variables as a session takes them."""
    return {name: value.get_secret_value() for name, value in env.items()}


def with_env(wanted: NewSession | Renewal) -> dict[str, Any]:
    """Return a request as it is sent, the one place where variables are shown."""
    said = wanted.model_dump(mode="json", exclude_defaults=True, exclude={"env"})
    return {**said, "env": revealed(wanted.env)} if wanted.env else said
