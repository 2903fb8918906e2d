"""A provider over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import httpx2

from agentos.models.providers import Provider
from agentos.models.upstream import UpstreamFailed, UpstreamRequest, UpstreamResponse

_HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding")
)
_IDLE_CONNECTIONS = 64
#: Anthropic answers nobody who names no version; a client that does has its own.
_ANTHROPIC_VERSION = "2023-06-01"
_IDLE_SECONDS = 30.0


class HttpUpstream:
    """Ask a provider over HTTP, with its key, on connections that are kept.

    Args:
        provider: Whom to ask.
    """

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._key = provider.key_source
        self._query = urlencode(dict(provider.query))
        self._urls: dict[str, httpx2.URL] = {}
        self._client: httpx2.AsyncClient | None = None

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Send a call; see `Upstream`.

        Raises:
            UpstreamFailed: There is no answer.
            AuthenticationRequired: The provider's key is not there.
        """
        client = self._connected()
        sent = {"content-length": str(len(request.body))} if request.body else {}
        if self.provider.key_header == "x-api-key":
            sent["anthropic-version"] = _ANTHROPIC_VERSION
        sent |= {**request.headers, **self.provider.headers, **(await self._credentials())}
        try:
            outgoing = client.build_request(
                request.method,
                self._url(request),
                headers=sent,
                content=_once(request.body) if request.body else None,
            )
            answer = await client.send(outgoing, stream=True)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise _failed(self.provider, error) from error
        if answer.status_code == 401 and self._key is not None:
            self._key.forget()
        kept = [(n.lower(), v) for n, v in answer.headers.items() if n.lower() not in _HOP_BY_HOP]
        return UpstreamResponse(answer.status_code, kept, self._body(answer), answer.aclose)

    def _url(self, request: UpstreamRequest) -> httpx2.URL:
        # Reading a URL takes a tenth of the whole call; nearly all go to the same few.
        known = self._urls.get(request.path) if not request.query else None
        if known is not None:
            return known
        place = f"{self.provider.base_url.rstrip('/')}/{request.path}"
        query = "&".join(filter(None, (request.query, self._query)))
        url = httpx2.URL(f"{place}?{query}" if query else place)
        if not request.query and request.path == request.wire:
            self._urls[request.path] = url
        return url

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _body(self, answer: httpx2.Response) -> AsyncIterator[bytes]:
        try:
            async for chunk in answer.aiter_raw():
                yield chunk
        except httpx2.HTTPError as error:
            raise _failed(self.provider, error) from error

    async def _credentials(self) -> dict[str, str]:
        if self._key is None:
            return {}
        key = await self._key.read()
        header = self.provider.key_header
        return {header: f"Bearer {key}" if header == "authorization" else key}

    def _connected(self) -> httpx2.AsyncClient:
        if self._client is None:
            silence = httpx2.Timeout(
                self.provider.timeout, connect=self.provider.connect_timeout, pool=None
            )
            limits = httpx2.Limits(
                max_connections=None,
                max_keepalive_connections=_IDLE_CONNECTIONS,
                keepalive_expiry=_IDLE_SECONDS,
            )
            self._client = httpx2.AsyncClient(timeout=silence, limits=limits)
            # The client's own words must not stand in for what the agent sends.
            self._client.headers = httpx2.Headers({"accept-encoding": "identity"})
        return self._client


async def _once(body: bytes) -> AsyncIterator[bytes]:
    """Give a body away: the client keeps what it sends as long as it hears the answer."""
    yield body


def _failed(provider: Provider, error: Exception) -> UpstreamFailed:
    name = provider.name
    if isinstance(error, httpx2.ConnectTimeout):
        took = f"{provider.connect_timeout:g} s"
        return UpstreamFailed(f"{name} could not be reached within {took}", status=504)
    if isinstance(error, httpx2.TimeoutException):
        return UpstreamFailed(f"{name} was silent for {provider.timeout:g} s", status=504)
    if isinstance(error, httpx2.ConnectError):
        return UpstreamFailed(f"{name} could not be reached: {error}")
    if isinstance(error, httpx2.RemoteProtocolError):
        return UpstreamFailed(f"{name} broke off, or its answer is not HTTP: {error}")
    return UpstreamFailed(f"{name} failed: {error or type(error).__name__}")
