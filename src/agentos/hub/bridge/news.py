"""What the hub tells unasked: that the portfolio changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from agentos.hub.bridge.door import HubDown
from agentos.hub.bridge.exchange import Address, Answer, Broken, NotSent
from agentos.hub.bridge.message import ClientMessage

#: Seconds between two looks for a hub that is down; nobody starts it for news.
_PAUSE = 1.0
_OK = 200
_LIST_CHANGED = b'{"jsonrpc":"2.0","method":"notifications/resources/list_changed"}'


class News:
    """Follows the hub's stream of changes for one client, across restarts of the hub.

    Args:
        where: Tells where the hub is; None if it is down.
        listen: Opens the stream.
        post: Sends a request again whose answer nobody waits for.
        send: Takes each message for the client.
    """

    def __init__(
        self,
        where: Callable[[], Address | None],
        listen: Callable[[Address], AbstractAsyncContextManager[Answer]],
        post: Callable[[bytes], Awaitable[None]],
        send: Callable[[bytes], Awaitable[None]],
    ) -> None:
        self._where = where
        self._listen = listen
        self._post = post
        self._send = send
        self._begun = asyncio.Event()
        self._subscriptions: dict[str, bytes] = {}

    def begin(self) -> None:
        """Listen from now on: the client is ready."""
        self._begun.set()

    def note(self, message: ClientMessage) -> None:
        """Remember what the client subscribed to, which the next hub does not know."""
        uri = str(message.params.get("uri"))
        if message.method == "resources/subscribe":
            self._subscriptions[uri] = message.body
        else:
            self._subscriptions.pop(uri, None)

    async def follow(self) -> None:
        """Pass news on until cancelled."""
        await self._begun.wait()
        missed = False
        while True:
            try:
                address = self._where()
                if address is not None:
                    await self._pass_on(address, missed=missed)
            except (NotSent, Broken, HubDown):
                pass  # it ended or restarts: look for it again
            missed = True
            await asyncio.sleep(_PAUSE)

    async def _pass_on(self, address: Address, *, missed: bool) -> None:
        async with self._listen(address) as answer:
            if answer.status != _OK:
                return
            if missed:
                for body in list(self._subscriptions.values()):
                    await self._post(body)
                await self._tell_all()
            async for message in answer.messages:
                await self._send(message)

    async def _tell_all(self) -> None:
        """Whatever the client has may have changed meanwhile."""
        await self._send(_LIST_CHANGED)
        for uri in self._subscriptions:
            changed = {"method": "notifications/resources/updated", "params": {"uri": uri}}
            await self._send(json.dumps({"jsonrpc": "2.0", **changed}).encode())
