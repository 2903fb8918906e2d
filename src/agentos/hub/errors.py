"""How the hub says no: one shape for every error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agentos.errors import (
    AgentNotFound,
    AgentOsError,
    AuthenticationRequired,
    BudgetExceeded,
    ConfigInvalid,
    SessionNotFound,
    StoreError,
    SyncConflict,
)

#: Of an error that a part raises; whatever else it raises on purpose is the request's fault.
_STATUS: tuple[tuple[type[AgentOsError], int], ...] = (
    (AgentNotFound, 404),
    (SessionNotFound, 404),
    (SyncConflict, 409),
    (BudgetExceeded, 402),
    (AuthenticationRequired, 403),
    (ConfigInvalid, 422),
    (StoreError, 503),
)


class Refused(AgentOsError):
    """A request that the hub does not serve.

    Args:
        status: The HTTP status of the answer.
        headers: Further headers of the answer.
    """

    default_code = "refused"

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint, retryable=status in (429, 503))
        self.status = status
        self.headers = dict(headers or {})


def hub_closing() -> Refused:
    """Say that the hub begins nothing any more."""
    return Refused(503, "hub_closing", "the hub is about to end")


def status_of(error: AgentOsError) -> int:
    """Return the HTTP status that tells of an error."""
    if isinstance(error, Refused):
        return error.status
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 400)


def error_body(code: str, message: str, hint: str | None = None) -> dict[str, Any]:
    """Word an error as every answer of the hub does."""
    return {"error": {"code": code, "message": message, "hint": hint}}


def error_bytes(error: AgentOsError) -> bytes:
    """Word an error for an answer that no framework makes."""
    return json.dumps(error_body(error.code, error.message, error.hint)).encode()
