"""The Responses API of a provider, without what only a translated one could read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agentos.models.translation.reasoning import MARK
from agentos.models.upstream import Upstream, UpstreamRequest, UpstreamResponse

_MARK = MARK.encode()


class NativeResponses:
    """Ask a provider that has the Responses API, after others that do not, or before them.

    It refuses reasoning that it has not sealed itself, so that of others stays behind. All other
    calls pass as they are.

    Args:
        inner: The provider.
    """

    def __init__(self, inner: Upstream) -> None:
        self._inner = inner

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Send a call; see `Upstream`."""
        items = request.parsed.get("input")
        if _MARK in request.body and isinstance(items, list):
            kept = [item for item in items if not _is_foreign(item)]
            parsed = {**request.parsed, "input": kept}
            request = request.with_body(json.dumps(parsed).encode(), parsed)
        return await self._inner.send(request)


def _is_foreign(item: object) -> bool:
    said: Mapping[str, Any] = item if isinstance(item, dict) else {}
    return said.get("type") == "reasoning" and str(said.get("encrypted_content")).startswith(MARK)
