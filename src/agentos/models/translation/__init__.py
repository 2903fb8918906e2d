"""The Responses API, answered by a provider that only has Chat Completions."""

from agentos.models.translation.native import NativeResponses
from agentos.models.translation.upstream import ResponsesOverChat

__all__ = ["NativeResponses", "ResponsesOverChat"]
