"""WebSockets to a server inside the machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from agentos.machine.network.doors import Inside
from agentos.machine.network.servers import dial


async def open_websocket(
    inside: Inside,
    port: int,
    path: str,
    *,
    headers: Iterable[tuple[str, str]] = (),
    subprotocols: Sequence[str] = (),
    origin: str | None = None,
    **options: Any,
) -> ClientConnection:
    """Open a WebSocket to a port inside the machine.

    Args:
        inside: Opens the socket.
        port: The server's TCP port.
        path: Path and query.
        headers: Sent with the request.
        subprotocols: What the client speaks, the best first.
        origin: The origin of the page, if there is one.
        options: Further ones of `websockets`' own `connect`.

    Raises:
        ConnectionRefusedError: Nothing listens there.
        websockets.exceptions.InvalidHandshake: The server speaks something else.
        MachineError: The machine has ended.
    """
    sock = await dial.connect(inside, port)
    try:
        return await connect(
            f"ws://localhost:{port}{path}",
            sock=sock,
            additional_headers=list(headers),
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            origin=None if origin is None else Origin(origin),
            proxy=None,
            **options,
        )
    except BaseException:
        sock.close()
        raise
