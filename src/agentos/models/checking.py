"""Whether a provider can be reached and takes its key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agentos.errors import AgentOsError
from agentos.models.http_upstream import HttpUpstream
from agentos.models.providers import Provider
from agentos.models.upstream import UpstreamFailed, UpstreamRequest, Wire

State = Literal["ok", "no_key", "refused", "unreachable"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of a provider.

    Attributes:
        provider: Its name.
        state: `no_key`: there is none to send; `refused`: it does not take it.
        detail: In words.
    """

    provider: str
    state: State
    detail: str


async def check(provider: Provider) -> Finding:
    """Ask a provider for its list of models, which costs nothing."""
    upstream = HttpUpstream(provider)
    request = UpstreamRequest(Wire.MODELS, "models", "", b"", {})
    try:
        answer = await upstream.send(request)
    except UpstreamFailed as failed:
        return Finding(provider.name, "unreachable", failed.reason)
    except AgentOsError as error:
        return Finding(provider.name, "no_key", str(error))
    else:
        await answer.close()
        if answer.status in (401, 403):
            detail = f"it refuses the key (HTTP {answer.status})"
            return Finding(provider.name, "refused", detail)
        # Not every provider has a list of models; one that says so has answered all the same.
        return Finding(provider.name, "ok", f"it answers (HTTP {answer.status})")
    finally:
        await upstream.close()
