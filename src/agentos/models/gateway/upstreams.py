"""The upstreams of a gateway: one for each provider, made when first asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

from agentos.models.http_upstream import HttpUpstream
from agentos.models.providers import REHEARSAL, Provider
from agentos.models.routes import Target
from agentos.models.upstream import Upstream, UpstreamRequest, UpstreamResponse, Wire

#: Puts something between the gateway and a provider, such as a cassette.
Around = Callable[[Provider, Upstream], Upstream]


#: Makes one that is asked in a protocol of one that speaks another.
Translation = Callable[[Upstream], Upstream]


def _responses_over_chat(inner: Upstream) -> Upstream:
    from agentos.models.translation import ResponsesOverChat

    return ResponsesOverChat(inner)


def _responses(inner: Upstream) -> Upstream:
    from agentos.models.translation import NativeResponses

    return NativeResponses(inner)


#: By the protocol that is asked in, and the one that is spoken.
TRANSLATIONS: dict[tuple[Wire, Wire], Translation] = {
    (Wire.RESPONSES, Wire.RESPONSES): _responses,
    (Wire.RESPONSES, Wire.CHAT): _responses_over_chat,
}


class Upstreams:
    """Find who answers for a target.

    Args:
        providers: By name.
        around: Puts something between the gateway and each provider.
        translations: By the protocol that is asked in, and the one that is spoken.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        around: Around | None = None,
        translations: Mapping[tuple[Wire, Wire], Translation] = TRANSLATIONS,
    ) -> None:
        self._providers = providers
        self._around = around
        self._translations = translations
        self._made: dict[str, Upstream] = {}
        self._resources = AsyncExitStack()

    def retries(self, target: Target) -> int:
        """How often a target's provider is asked again."""
        return 0 if target.provider == REHEARSAL else self._providers[target.provider].retries

    def tells_cost(self, target: Target) -> bool:
        """Whether a target's provider tells the cost of a call in its answer, or has none."""
        return target.provider in (REHEARSAL, "openrouter")

    def for_wire(self, target: Target, wire: Wire) -> Upstream | None:
        """Find who answers calls in a protocol; None if the provider does not speak it."""
        if target.provider == REHEARSAL:
            return self._rehearsal()
        provider = self._providers[target.provider]
        upstream = self._http(provider)
        native = wire is Wire.MODELS or wire in provider.speaks
        for spoken in (wire,) if native else provider.speaks:
            if translation := self._translations.get((wire, spoken)):
                return translation(upstream)
        return upstream if native else None

    async def close(self) -> None:
        """Close all connections."""
        self._made.clear()
        await self._resources.aclose()

    def _http(self, provider: Provider) -> Upstream:
        made = self._made.get(provider.name)
        if made is None:
            http = HttpUpstream(provider)
            self._resources.push_async_callback(http.close)
            made = self._around(provider, http) if self._around else http
            self._made[provider.name] = made
        return made

    def _rehearsal(self) -> Upstream:
        made = self._made.get(REHEARSAL)
        if made is None:
            made = self._made[REHEARSAL] = _Rehearsals(self._resources)
        return made


class _Rehearsals:
    """The rehearsal model as a provider; its models are scenarios, by name or by file."""

    def __init__(self, resources: AsyncExitStack) -> None:
        self._resources = resources
        self._playing: dict[str, Upstream] = {}
        self._starting = asyncio.Lock()

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        async with self._starting:
            upstream = self._playing.get(request.model)
            if upstream is None:
                upstream = self._playing[request.model] = await self._start(request.model)
        return await upstream.send(request)

    async def _start(self, scenario: str) -> Upstream:
        from agentos.models.rehearsal import RehearsalModel

        model = await self._resources.enter_async_context(RehearsalModel(scenario))
        provider = Provider(REHEARSAL, model.base_url, model.api_key, retries=0)
        http = HttpUpstream(provider)
        self._resources.push_async_callback(http.close)
        return http
