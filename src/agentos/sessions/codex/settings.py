"""Settings of one thread, in the form that Codex lays over its configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentos.agents.definition import McpServer


def overrides(settings: Mapping[str, Any], mcp_servers: Mapping[str, McpServer]) -> dict[str, Any]:
    """Return settings by their dotted paths, so that each replaces only itself.

    Args:
        settings: As in `config.toml`.
        mcp_servers: MCP servers beside those of the configuration.
    """
    flat = dict(_flat(settings))
    for name, server in mcp_servers.items():
        flat |= {f"mcp_servers.{name}": _table(server)}
    return flat


def _flat(settings: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        place = f"{path}{name}"
        if isinstance(value, Mapping) and value and not any("." in key for key in value):
            yield from _flat(value, f"{place}.")
        else:
            yield place, value


def _table(server: McpServer) -> dict[str, Any]:
    patience = {} if server.timeout is None else {"tool_timeout_sec": server.timeout}
    if server.url is not None:
        return {"url": server.url, "http_headers": dict(server.headers), **patience}
    started = {"command": server.command, "args": list(server.args), "env": dict(server.env)}
    return started | patience
