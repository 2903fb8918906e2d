"""Who wants to know when the portfolio changes, and telling them."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
)

from agentos.errors import AgentOsError
from agentos.hub.background import background

if TYPE_CHECKING:
    from agentos.hub.mcp.host_services import HostServices

_MOST_SESSIONS = 1000
_MOST_URIS = 100
_MOST_WAITING = 100
#: Seconds until a portfolio that is not there is looked for again.
_PAUSE = 5.0


class PortfolioChanges(InMemorySubscriptionBus):
    """Pass changes on to every stream that is open.

    Clients of the newest protocol ask for a stream of their own, which the SDK serves. Those of
    the earlier ones subscribe by name and listen on a GET stream, which belongs to the same
    session; what they subscribed to is forgotten with this process, and they ask again.
    """

    def __init__(self) -> None:
        super().__init__()
        self._uris: OrderedDict[str, set[str]] = OrderedDict()

    def watch(self, session: str, uri: str) -> None:
        """Tell a session of changes to a resource from now on."""
        uris = self._uris.setdefault(session, set())
        self._uris.move_to_end(session)
        if len(uris) < _MOST_URIS:
            uris.add(uri)
        if len(self._uris) > _MOST_SESSIONS:
            self._uris.popitem(last=False)

    def unwatch(self, session: str, uri: str) -> None:
        """Tell it no more."""
        self._uris.get(session, set()).discard(uri)

    async def of(self, session: str) -> AsyncGenerator[str]:
        """Yield the JSON-RPC notifications for a session, until the reader leaves.

        One that does not read misses what is beyond the most that waits for it.
        """
        waiting: asyncio.Queue[str] = asyncio.Queue(_MOST_WAITING)

        def deliver(event: ServerEvent) -> None:
            told = self._told(session, event)
            if told is not None and not waiting.full():
                waiting.put_nowait(told)

        stop = self.subscribe(deliver)
        try:
            while True:
                yield await waiting.get()
        finally:
            stop()

    def _told(self, session: str, event: ServerEvent) -> str | None:
        if isinstance(event, ResourcesListChanged):
            return _notification("notifications/resources/list_changed")
        if isinstance(event, ResourceUpdated) and event.uri in self._uris.get(session, ()):
            return _notification("notifications/resources/updated", uri=event.uri)
        return None


def _notification(method: str, **params: Any) -> str:
    message = {"jsonrpc": "2.0", "method": method} | ({"params": params} if params else {})
    return json.dumps(message, separators=(",", ":"))


def tell_changes(
    host: HostServices, changes: PortfolioChanges
) -> AbstractAsyncContextManager[None]:
    """Watch the portfolio of this host for as long as this lasts, and tell who listens."""
    return background(_watch(host, changes))


async def _watch(host: HostServices, changes: PortfolioChanges) -> None:
    while True:
        try:
            async for some in host.whole_portfolio().changes():
                if any(change.kind != "changed" for change in some):
                    await changes.publish(ResourcesListChanged())
                for change in some:
                    await changes.publish(ResourceUpdated(change.uri))
        except (FileNotFoundError, AgentOsError):
            await asyncio.sleep(_PAUSE)  # there is no home now; whoever reads it is told
