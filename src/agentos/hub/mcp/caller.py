"""Who calls a tool: the token's principal, the client's name, the request."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from mcp_types import CLIENT_INFO_META_KEY
from starlette.requests import Request

from agentos.hub.scopes import Principal
from agentos.hub.telemetry.clients import client_name

#: In the ASGI scope's `state`: whose token it was, by the guard before this application.
PRINCIPAL = "principal"
#: In the same place: the session id that the answer to `initialize` gives out.
NEW_SESSION = "mcp_session"
SESSION_HEADER = "mcp-session-id"
_UNFIT = re.compile(r"[^\w./+-]+", re.ASCII)


@dataclass(frozen=True)
class Caller:
    """Who makes a request.

    Attributes:
        principal: The holder of its token.
        client: The client's name, as far as it tells.
        session: Its session id; empty if it has none.
    """

    principal: Principal
    client: str
    session: str

    @classmethod
    def of(cls, request: Request, meta: Mapping[str, Any] | None) -> Caller:
        """Tell who makes a request.

        Args:
            request: The HTTP request.
            meta: The `_meta` of the JSON-RPC request.
        """
        session = request.headers.get(SESSION_HEADER, "")
        said = (meta or {}).get(CLIENT_INFO_META_KEY)
        client = _named(said) if isinstance(said, Mapping) else session.rpartition("~")[0]
        client = client or request.headers.get("user-agent", "")
        principal: Principal = request.scope["state"][PRINCIPAL]
        return cls(principal, client_name(client, principal.name), session)


_current: ContextVar[Caller] = ContextVar("caller")


@contextmanager
def calling(caller: Caller) -> Iterator[None]:
    """Have what runs here know who calls."""
    token = _current.set(caller)
    try:
        yield
    finally:
        _current.reset(token)


def current_caller() -> Caller:
    """Tell who calls the tool that runs now."""
    return _current.get()


def session_for(client: object) -> str:
    """Make a session id that tells the client's name.

    The server keeps nothing of it: whatever a client sends later is its name, also after a
    restart, and clients that count on a session id have one.
    """
    name = _named(client) if isinstance(client, Mapping) else ""
    return f"{name or 'unknown'}~{secrets.token_hex(8)}"


def _named(client: Mapping[str, Any]) -> str:
    parts = (str(client.get(key) or "") for key in ("name", "version"))
    return "/".join(_UNFIT.sub("-", part)[:60] for part in parts if part)
