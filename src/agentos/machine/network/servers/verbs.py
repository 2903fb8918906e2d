"""The verbs of a machine that reach the servers inside it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agentos.machine.files import MachineNotStarted

if TYPE_CHECKING:
    import httpx2
    from websockets.asyncio.client import ClientConnection

    from agentos.machine.network.doors import Inside
    from agentos.machine.network.servers.forward import Forward
    from agentos.machine.network.servers.listening import PortEvent
    from agentos.machine.network.servers.preview import Preview

#: Seconds that `fetch` waits for a server to say something.
FETCH_SECONDS = 60.0


class ServerVerbs:
    """HTTP, WebSockets and ports of servers inside a machine.

    Nothing of this needs the network policy, which is about the way out.
    """

    _openings: list[Callable[[], Awaitable[None]]]

    @property
    def _inside(self) -> Inside:
        raise MachineNotStarted

    async def fetch(
        self,
        port: int,
        path: str = "/",
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: str | bytes | None = None,
        timeout: float | None = FETCH_SECONDS,
    ) -> httpx2.Response:
        """Send one HTTP request to a server inside the machine and read its whole answer.

        Args:
            port: The server's TCP port.
            path: Path and query.
            method: The HTTP method.
            headers: Sent with it; `Host` is `localhost` and the port unless given.
            body: What is sent.
            timeout: Seconds to wait for the server, each time that it is waited for.

        Returns:
            The answer, whatever its status: `.status_code`, `.headers`, `.text`, `.json()`.

        Raises:
            httpx2.ConnectError: Nothing listens there.
            httpx2.TransportError: The server broke off, or said nothing for too long.
            MachineError: The machine has ended.
        """
        async with self.http(port, timeout=timeout) as client:
            return await client.request(method, path, headers=headers, content=body)

    def http(self, port: int, *, timeout: float | None = FETCH_SECONDS) -> httpx2.AsyncClient:
        """Make an HTTP client for one server inside the machine, to stream or to ask often.

        Args:
            port: The server's TCP port.
            timeout: Seconds to wait for the server, each time that it is waited for.

        Returns:
            A client of httpx2, best used with `async with`; its base URL is the server.

        Example:
            ```python
            async with vm.http(8080) as client, client.stream("GET", "/events") as answer:
                async for line in answer.aiter_lines():
                    print(line)
            ```
        """
        import httpx2

        from agentos.machine.network.servers.transport import MachineTransport

        return httpx2.AsyncClient(
            transport=MachineTransport(self._inside, port),
            base_url=f"http://localhost:{port}",
            timeout=timeout,
            trust_env=False,
        )

    async def websocket(
        self,
        port: int,
        path: str = "/",
        *,
        headers: Mapping[str, str] | None = None,
        subprotocols: Sequence[str] = (),
        **options: Any,
    ) -> ClientConnection:
        """Open a WebSocket to a server inside the machine.

        Args:
            port: The server's TCP port.
            path: Path and query.
            headers: Sent with the request.
            subprotocols: What the client speaks, the best first.
            options: Further ones of `websockets`' own `connect`, such as `max_size`.

        Returns:
            A connection of `websockets`, best used with `async with`: `send`, `recv`, `async for`.

        Raises:
            ConnectionRefusedError: Nothing listens there.
            websockets.exceptions.InvalidHandshake: The server speaks something else.
            MachineError: The machine has ended.
        """
        from agentos.machine.network.servers.websocket import open_websocket

        words = (headers or {}).items()
        return await open_websocket(
            self._inside, port, path, headers=words, subprotocols=subprotocols, **options
        )

    async def forward(self, port: int, *, host: str = "127.0.0.1", local_port: int = 0) -> Forward:
        """Lead a port of this host into the machine, for any program and protocol over TCP.

        Args:
            port: The server's TCP port; it need not listen yet.
            host: Address of this host to listen on; every user and page of this host can use it.
            local_port: The port here; 0 is any free one.

        Returns:
            The forward: `.address` is where it listens; it ends with `close` or the machine.

        Raises:
            OSError: The port here is taken.
        """
        from agentos.machine.network.servers.forward import Forward, listen

        forward = Forward(self._inside, port, listen(host, local_port))
        self._openings.append(forward.close)
        return forward

    async def preview_url(self, port: int, ttl: float = 3600.0) -> Preview:
        """Make an address for a browser on this host that shows a server inside the machine.

        Args:
            port: The server's TCP port; it need not listen yet.
            ttl: For how many seconds it holds.

        Returns:
            The preview: `.url` is the address, signed; it ends with `revoke`, the machine, or time.
        """
        from agentos.machine.network.servers.preview import Preview

        preview = await Preview.open(self._inside, port, ttl)
        self._openings.append(preview.revoke)
        return preview

    def ports(self) -> AsyncIterator[PortEvent]:
        """Tell which ports servers inside listen on, and when one opens or closes.

        Returns:
            An endless asynchronous iterator of `PortEvent`; it begins with those that are open.

        Example:
            ```python
            async for event in vm.ports():
                print(event.type, event.port)
                break
            ```
        """
        from agentos.machine.network.servers.listening import port_events

        return port_events(self._inside)
