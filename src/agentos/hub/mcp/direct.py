"""A call of a tool, answered where its request is read: most requests are one.

For a request without a session the SDK makes a transport, two tasks and eight streams, which cost
more than the call itself does. What is known to be plain needs none of them; whatever else there
is about a request, and each that is refused, is the SDK's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
from mcp.server.connection import Connection
from mcp.server.runner import ServerRunner
from mcp.server.streamable_http import check_accept_headers
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp.shared.jsonrpc_dispatcher import handler_exception_to_error_data
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.transport_context import TransportContext
from mcp_types import (
    DEFAULT_NEGOTIATED_VERSION,
    ErrorData,
    JSONRPCRequest,
    RequestId,
    jsonrpc_message_adapter,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import ValidationError
from pydantic_core import from_json, to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from agentos.hub.mcp.server import HubServer

_METHOD = "tools/call"
_TRANSPORT = TransportContext(kind="streamable-http", can_send_request=False)


class DirectCalls:
    """Answers calls of tools.

    Args:
        server: What answers.
        security: The names by which it may be asked for.
    """

    def __init__(self, server: HubServer, security: TransportSecuritySettings) -> None:
        self._security = TransportSecurityMiddleware(security)
        # Calls share them, for nothing of a call is kept in a connection that has no handshake.
        self._runners = {
            version: ServerRunner(
                server.lowlevel, Connection.from_envelope(version, None, None), lifespan_state={}
            )
            for version in HANDSHAKE_PROTOCOL_VERSIONS
        }

    async def answer(self, scope: Scope, body: bytes) -> Response | None:
        """Answer a request.

        Args:
            scope: As ASGI has it.
            body: All of it.

        Returns:
            The answer; None if the request is not plain.
        """
        called = _call(body)
        if called is None:
            return None
        request = Request(scope)
        version = request.headers.get(MCP_PROTOCOL_VERSION_HEADER, DEFAULT_NEGOTIATED_VERSION)
        runner = self._runners.get(version)
        if runner is None or not check_accept_headers(request)[0]:
            return None
        if await self._security.validate_request(request, is_post=True):
            return None
        said: dict[str, Any] = {"jsonrpc": "2.0", "id": called.id}
        try:
            context = _Dispatch(called.id, ServerMessageMetadata(request_context=request))
            said["result"] = await runner.on_request(context, called.method, called.params)
        except (MCPError, ValidationError) as raised:
            error = handler_exception_to_error_data(raised)
            assert isinstance(error, ErrorData)
            said["error"] = error.model_dump(exclude_unset=True, by_alias=True)
        return Response(to_json(said), media_type="application/json")


def _call(body: bytes) -> JSONRPCRequest | None:
    """Return the call that a body is, None if it is anything else."""
    if f'"{_METHOD}"'.encode() not in body:
        return None
    try:
        message = jsonrpc_message_adapter.validate_python(from_json(body), by_name=False)
    except ValueError:  # of JSON, or of pydantic
        return None
    if isinstance(message, JSONRPCRequest) and message.method == _METHOD:
        return message
    return None


@dataclass
class _Dispatch:
    """What the SDK asks of the way a request came by: here nothing goes back but the answer."""

    request_id: RequestId
    message_metadata: ServerMessageMetadata
    transport: TransportContext = _TRANSPORT
    can_send_request: bool = False
    cancel_requested: anyio.Event = field(default_factory=anyio.Event)

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        raise NoBackChannelError(method)

    async def notify(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> None:
        """Nothing but the answer fits into one."""

    async def progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        """The same."""
