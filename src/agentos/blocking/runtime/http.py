"""An HTTP client of httpx2 that blocks, over one of the event loop's."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2

from agentos.blocking.runtime.iteration import Iteration
from agentos.blocking.runtime.portal import Portal


def blocking_client(portal: Portal, client: httpx2.AsyncClient) -> httpx2.Client:
    """Return a client that sends what it is asked for with an asynchronous one."""
    return httpx2.Client(
        transport=_Transport(portal, client),
        base_url=client.base_url,
        timeout=client.timeout,
        trust_env=False,
    )


class _Transport(httpx2.BaseTransport):
    def __init__(self, portal: Portal, client: httpx2.AsyncClient) -> None:
        self._portal = portal
        self._client = client

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        sent = httpx2.Request(
            request.method,
            request.url,
            headers=request.headers,
            content=request.read(),
            extensions=request.extensions,
        )
        answer = self._portal.run(self._client.send(sent, stream=True))
        return httpx2.Response(
            answer.status_code,
            headers=answer.headers,
            stream=_Body(self._portal, answer),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        self._portal.finish(self._client.aclose())


class _Body(httpx2.SyncByteStream):
    def __init__(self, portal: Portal, answer: httpx2.Response) -> None:
        self._portal = portal
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return Iteration(self._portal, self._answer.aiter_raw())

    def close(self) -> None:
        self._portal.finish(self._answer.aclose())
