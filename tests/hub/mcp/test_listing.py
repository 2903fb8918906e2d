"""What a client is offered: names, schemas, hints, and only what its token may use."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from tests.hub.mcp.conftest import ERAS, Era, ListeningHub

from agentos.hub.scopes import Scope

NAMES = {
    "list_portfolio_files",
    "read_portfolio_file",
    "search_portfolio",
    "propose_portfolio_change",
    "agentOS_git_status",
    "agentOS_git_diff",
    "agentOS_git_commit",
    "agentOS_git_push",
    "agentOS_fs_list",
    "agentOS_fs_read",
    "agentOS_fs_search",
    "agentOS_fs_write",
    "agentOS_fs_replace",
    "agentOS_ext_compile",
    "agentOS_ext_package",
    "agentOS_ext_install",
    "agentOS_log_command",
}
CHANGING = {
    "propose_portfolio_change": (False, False),
    "agentOS_git_commit": (False, False),
    "agentOS_git_push": (False, True),
    "agentOS_fs_write": (True, True),
    "agentOS_fs_replace": (True, False),
    "agentOS_ext_compile": (False, True),
    "agentOS_ext_package": (False, True),
    "agentOS_ext_install": (False, True),
    "agentOS_log_command": (False, False),
}
#: Tokenizers of today's models make one token of 4.1 bytes of it: 2,500 tokens are 10,250.
MOST_BYTES = 9_800


async def _list(hub: ListeningHub, token: str | None = None) -> list[dict[str, Any]]:
    response = await hub.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, token=token)
    tools: list[dict[str, Any]] = response.json()["result"]["tools"]
    return tools


@pytest.mark.parametrize("era", ERAS)
async def test_all_tools_with_schemas_of_both_sides(hub: ListeningHub, era: Era) -> None:
    async with hub.client(era) as client:
        tools = (await client.list_tools()).tools
    assert {tool.name for tool in tools} == NAMES
    for tool in tools:
        assert tool.description
        assert tool.input_schema["type"] == "object"
        assert tool.output_schema is not None
        assert tool.output_schema["properties"]


async def test_hints_tell_what_a_tool_changes(hub: ListeningHub) -> None:
    for tool in await _list(hub):
        hints = tool["annotations"]
        if tool["name"] in CHANGING:
            destructive, idempotent = CHANGING[tool["name"]]
            assert hints["readOnlyHint"] is False
            assert hints["destructiveHint"] is destructive
            assert hints.get("idempotentHint", False) is idempotent
        else:
            assert hints == {"readOnlyHint": True}


async def test_the_whole_list_is_cheap_to_read(hub: ListeningHub) -> None:
    listed = json.dumps({"tools": await _list(hub)}, separators=(",", ":"))
    assert len(listed.encode()) <= MOST_BYTES


async def test_a_token_sees_and_calls_only_what_it_may(hub: ListeningHub) -> None:
    token = hub.token(Scope.FS_READ, Scope.GIT_READ)
    seen = {tool["name"] for tool in await _list(hub, token)}
    assert seen == {
        *("agentOS_fs_list", "agentOS_fs_read", "agentOS_fs_search"),
        *("agentOS_git_status", "agentOS_git_diff"),
    }
    async with hub.client(token=token) as client:
        refused = await client.call_tool("read_portfolio_file", {"name": "identity"})
    assert refused.is_error
    assert "scope_missing" in str(refused.content)
    assert "Ada" not in str(refused.content)


async def test_a_token_without_the_portfolio_reads_no_resource(hub: ListeningHub) -> None:
    token = hub.token(Scope.FS_READ)
    for method, params in (
        ("resources/list", {}),
        ("resources/read", {"uri": "portfolio://identity"}),
        ("resources/subscribe", {"uri": "portfolio://identity"}),
    ):
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        response = await hub.post(message, token=token)
        assert response.json()["error"]["data"]["code"] == "scope_missing"
        assert "Ada" not in response.text
    headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
    async with httpx2.AsyncClient() as http:
        assert (await http.get(hub.url, headers=headers)).status_code == 405
