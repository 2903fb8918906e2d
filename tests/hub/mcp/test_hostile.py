"""What is no proper request is refused, whatever it is; the hub goes on."""

from __future__ import annotations

import json

import httpx2
import pytest
from tests.hub.mcp.conftest import ListeningHub, StartHub

from agentos.hub.settings import HubSettings

CALL = {"name": "read_portfolio_file", "arguments": {"name": "identity"}}
BODIES = [
    b"",
    b"null",
    b"7",
    b"[]",
    b"{}",
    b"{",
    b"\xff\xfe",
    b"\x00",
    b"[" * 50_000,
    b'{"a":' * 20_000,
    b'{"jsonrpc":"2.0"}',
    b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":null,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":{},"method":"ping"}',
    b'{"jsonrpc":"2.0","id":1,"method":7}',
    b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}',
    b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}',
    b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":null}}',
    b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\\ud800"}}',
    b'{"jsonrpc":"2.0","id":1,"method":"no/such"}',
    b'{"jsonrpc":"2.0","method":"notifications/cancelled"}',
    b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":[]}}',
    b'[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]',
    b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"clientInfo":"me"}}',
    json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": CALL | {"_meta": 1}}
    ).encode(),
    b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b',"method":"ping"}',
]


@pytest.mark.parametrize("version", ["2025-06-18", "2026-07-28", "1999-01-01", "\x7f"])
async def test_no_body_is_an_error_of_the_hub(hub: ListeningHub, version: str) -> None:
    headers = {
        "authorization": f"Bearer {hub.hub.tokens.user()}",
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": version,
    }
    async with httpx2.AsyncClient(timeout=60) as http:
        for body in BODIES:
            answer = await http.post(hub.url, content=body, headers=headers)
            assert answer.status_code < 500, (body[:80], answer.text)
    answer = await hub.post({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": CALL})
    assert "Ada likes tea." in answer.text


async def test_a_client_name_is_nothing_but_a_name(hub: ListeningHub) -> None:
    who = {"name": "a\r\nset-cookie: x=1\r\n~~é" * 50, "version": ["1"]}
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": who}
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    answer = await hub.post(hello)
    assert "set-cookie" not in answer.headers
    assert answer.status_code < 500
    params["clientInfo"] = {**who, "version": "1"}
    answer = await hub.post(hello)
    session = answer.headers["mcp-session-id"]
    assert session.isascii()
    assert session.isprintable()
    assert len(session) < 200


async def test_a_request_beyond_the_bound_is_refused(start_hub: StartHub) -> None:
    async with start_hub(HubSettings(max_body_bytes=2000)) as hub:
        params = {"name": "search_portfolio", "arguments": {"query": "x" * 3000}}
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        assert (await hub.post(call)).status_code == 413
