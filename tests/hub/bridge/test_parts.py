"""The small parts of the bridge: messages, their headers, events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from agentos.hub.bridge.events import messages_of
from agentos.hub.bridge.message import ClientMessage

META = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}


def _message(method: str, **params: object) -> ClientMessage:
    said = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    message = ClientMessage.read(json.dumps(said).encode())
    assert message is not None
    return message


def test_an_earlier_message_has_no_headers_of_its_own() -> None:
    assert _message("tools/call", name="agentOS_fs_read").headers() == {}


@pytest.mark.parametrize(
    ("uri", "header"),
    [
        ("portfolio://identity", "portfolio://identity"),
        ("portfolio://müsli", "=?base64?cG9ydGZvbGlvOi8vbcO8c2xp?="),
        (" spaced", "=?base64?IHNwYWNlZA==?="),
        ("a\r\nb: c", "=?base64?YQ0KYjogYw==?="),
    ],
)
def test_a_current_message_says_in_headers_what_it_is_about(uri: str, header: str) -> None:
    assert _message("resources/read", uri=uri, **META).headers() == {
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "resources/read",
        "mcp-name": header,
    }


@pytest.mark.parametrize("line", [b"{", b"[]", b"7", b"\xff", b"[" * 100_000])
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        ClientMessage.read(line)


def test_an_answer_of_the_client_goes_nowhere() -> None:
    assert ClientMessage.read(b'{"jsonrpc":"2.0","id":1,"result":{}}') is None


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
async def test_events_are_read_however_they_are_cut(size: int) -> None:
    stream = b': hello\r\n\r\nevent: message\r\ndata: {"a":1}\r\n\r\ndata: x\ndata: y\n\nid: 1\n\n'

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(stream), size):
            yield stream[at : at + size]

    assert [message async for message in messages_of(chunks())] == [b'{"a":1}', b"x\ny"]
