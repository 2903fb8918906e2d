"""What a command asks a running hub, with no more than a command has time for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agentos.errors import AgentOsError
from agentos.hub.auth.token_file import read_token
from agentos.hub.lifecycle.running import Running

_PATIENCE = 2.0


def answers(running: Running) -> bool:
    """Whether a hub answers at all."""
    try:
        connection = _connect(running, _PATIENCE)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        finally:
            connection.close()
    except (OSError, HTTPException):
        return False


def get(running: Running, state: Path, path: str, *, timeout: float = _PATIENCE) -> dict[str, Any]:
    """Ask a hub for something, as the user; see `post`."""
    return _ask(running, state, "GET", path, None, timeout)


def post(
    running: Running,
    state: Path,
    path: str,
    *,
    timeout: float,
    body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Ask a hub to do something, as the user.

    Args:
        running: The hub.
        state: The state directory, with the token.
        path: The route.
        body: What it is told.
        timeout: Seconds until the answer must have come.

    Returns:
        The answer.

    Raises:
        AgentOsError: The hub refuses, or does not answer.
    """
    return _ask(running, state, "POST", path, json.dumps(body or {}).encode(), timeout)


def _ask(
    running: Running, state: Path, method: str, path: str, body: bytes | None, timeout: float
) -> dict[str, Any]:
    headers = {
        "authorization": f"Bearer {read_token(state / 'token')}",
        "content-type": "application/json",
    }
    connection = _connect(running, timeout)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        said: dict[str, Any] = json.loads(response.read())
    except (OSError, HTTPException, ValueError) as error:
        raise AgentOsError(
            f"the hub at {running.url} does not answer: {error}",
            code="hub_silent",
            hint="`agentos down` and `agentos up` start it anew; `agentos logs` may tell why",
        ) from error
    finally:
        connection.close()
    if response.status >= 400:
        refused = said["error"]
        raise AgentOsError(refused["message"], code=refused["code"], hint=refused["hint"])
    return said


def _connect(running: Running, timeout: float) -> HTTPConnection:
    place = urlsplit(running.url)
    host, port = place.hostname or "", place.port
    if not running.tls_certificate:
        return HTTPConnection(host, port, timeout=timeout)
    import ssl

    # The certificate itself is what we trust: it need not name the loopback address.
    context = ssl.create_default_context(cafile=running.tls_certificate)
    context.check_hostname = False
    return HTTPSConnection(host, port, timeout=timeout, context=context)
