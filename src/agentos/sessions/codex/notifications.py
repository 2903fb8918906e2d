"""What Codex tells by itself, in ACP's words."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from agentos.sessions.codex.items import Items
from agentos.sessions.codex.mcp_servers import ServersStarting
from agentos.sessions.codex.messages import Turn, TurnError, TurnPlanUpdatedNotification
from agentos.sessions.codex.usage import TokenCount
from agentos.sessions.connection import Ear


class Notifications:
    """Pass on what is said in a thread.

    Args:
        ear: Who hears it.
        items: What the turns consist of.
        tokens: Counts what they use.
        servers: The MCP servers that start.
        on_turn_completed: Given each turn that has ended.
    """

    def __init__(
        self,
        ear: Ear,
        items: Items,
        tokens: TokenCount,
        servers: ServersStarting,
        on_turn_completed: Callable[[Turn], None],
    ) -> None:
        self._ear = ear
        self._tokens = tokens
        self._hearers: Mapping[str, Callable[[Any], Awaitable[None] | None]] = {
            "item/started": lambda p: items.on_started(p["item"]),
            "item/completed": lambda p: items.on_completed(p["item"]),
            "item/agentMessage/delta": lambda p: items.on_text(p["itemId"], p["delta"]),
            "item/plan/delta": lambda p: items.on_text(p["itemId"], p["delta"]),
            "item/reasoning/summaryTextDelta": lambda p: items.on_thought(
                p["itemId"], p["summaryIndex"], p["delta"]
            ),
            "item/reasoning/textDelta": lambda p: items.on_thought(
                p["itemId"], p["contentIndex"], p["delta"]
            ),
            "item/commandExecution/outputDelta": lambda p: items.on_output(p["itemId"], p["delta"]),
            "turn/plan/updated": lambda p: items.on_plan(cast("TurnPlanUpdatedNotification", p)),
            "turn/completed": lambda p: on_turn_completed(p["turn"]),
            "thread/tokenUsage/updated": self._on_tokens,
            "thread/name/updated": self._on_name,
            "mcpServer/startupStatus/updated": servers.on_status,
            "error": lambda p: ear.warn(words_of(p["error"])) if p["willRetry"] else None,
            "warning": lambda p: ear.warn(p["message"]),
            "guardianWarning": lambda p: ear.warn(p["message"]),
            "configWarning": lambda p: ear.warn(_sentences(p["summary"], p.get("details"))),
            "deprecationNotice": lambda p: ear.warn(_sentences(p["summary"], p.get("details"))),
        }

    async def hear(self, method: str, params: Mapping[str, Any]) -> None:
        """Hear one; those that nobody needs are dropped.

        Raises:
            KeyError, TypeError, AttributeError: It lacks something.
        """
        hear = self._hearers.get(method)
        if hear is not None and (heard := hear(params)) is not None:
            await heard

    def _on_tokens(self, params: Mapping[str, Any]) -> None:
        usage = params["tokenUsage"]
        self._tokens.hear(usage)
        size, used = usage.get("modelContextWindow"), usage["last"]["totalTokens"]
        self._ear.update({"sessionUpdate": "usage_update", "used": used, "size": size})

    def _on_name(self, params: Mapping[str, Any]) -> None:
        self._ear.update({"sessionUpdate": "session_info_update", "title": params["threadName"]})


def words_of(error: TurnError) -> str:
    """Return what went wrong; a provider's own words are often JSON within."""
    message = error["message"]
    try:
        message = str(json.loads(message)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        pass  # they are words
    return _sentences(message, error.get("additionalDetails"))


def _sentences(summary: str, details: str | None) -> str:
    return f"{summary}: {details}" if details else summary
