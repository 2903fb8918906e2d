"""Prices from a server, which is here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agentos.errors import ConfigInvalid, RegistryUnreachable
from agentos.usage.price_refresh import refresh_prices
from agentos.usage.price_table import fetched_list, known_prices
from agentos.usage.prices import Price

MONDAY = datetime(2026, 5, 4, 15, tzinfo=UTC)
TUESDAY = datetime(2026, 5, 5, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(tmp_path / "data"))


class Server:
    """Answers each request with the same."""

    def __init__(self) -> None:
        self.body = b""
        self.status = "200 OK"
        self.url = ""

    def models(self, *models: tuple[str, str, str]) -> None:
        pricing = [
            {"id": name, "pricing": {"prompt": prompt, "completion": completion}}
            for name, prompt, completion in models
        ]
        self.body = json.dumps({"data": pricing}).encode()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {self.status}\r\nContent-Length: {len(self.body)}\r\n"
        writer.write(head.encode() + b"Connection: close\r\n\r\n" + self.body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    answers = Server()
    listening = await asyncio.start_server(answers.answer, "127.0.0.1", 0)
    async with listening:
        answers.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/models"
        yield answers


async def test_openrouters_models_are_prices_for_a_million(server: Server) -> None:
    server.models(("qwen/coder", "0.00000022", "0.00000095"), ("openrouter/auto", "-1", "-1"))
    done = await refresh_prices(server.url)
    assert (done.prices, done.changed) == (1, ("openrouter/qwen/coder",))
    assert known_prices().of("openrouter", "qwen/coder") == Price(0.22, 0.95)
    assert known_prices().of("openrouter", "openrouter/auto") is None
    assert known_prices().of("openai", "gpt-5.5") is not None  # the bundled ones stay


async def test_what_was_used_before_a_price_changed_costs_what_it_did(server: Server) -> None:
    server.models(("a/b", "0.000002", "0.000004"))
    await refresh_prices(server.url, now=MONDAY)
    server.models(("a/b", "0.000001", "0.000004"))
    done = await refresh_prices(server.url, now=TUESDAY)
    assert done.changed == ("openrouter/a/b",)
    prices = known_prices()
    then, now = (prices.of("openrouter", "a/b", at.timestamp()) for at in (MONDAY, TUESDAY))
    assert (then, now) == (Price(2, 4), Price(1, 4))
    again = await refresh_prices(server.url, now=TUESDAY)
    assert again.changed == ()
    assert known_prices().of("openrouter", "a/b", MONDAY.timestamp()) == Price(2, 4)


async def test_a_list_in_the_form_of_the_bundled_one_is_taken(server: Server) -> None:
    entry = {"source": "https://example.com", "periods": [{"input": 1, "output": 2}]}
    server.body = json.dumps({"prices": {"mine/model": entry}}).encode()
    await refresh_prices(server.url)
    assert known_prices().of("mine", "model") == Price(1, 2)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"data": 3}', b'{"data": []}', b'{"data": [{"id": "a"}]}']
)
async def test_what_is_no_list_leaves_the_prices_of_before(server: Server, body: bytes) -> None:
    server.models(("a/b", "0.000002", "0.000004"))
    await refresh_prices(server.url)
    before = fetched_list().read_bytes()
    server.body = body
    with pytest.raises(ConfigInvalid, match=server.url):
        await refresh_prices(server.url)
    assert fetched_list().read_bytes() == before
    assert [path.name for path in fetched_list().parent.iterdir()] == ["prices.json"]


async def test_a_server_that_fails_leaves_the_prices_of_before(server: Server) -> None:
    server.status = "503 Service Unavailable"
    with pytest.raises(RegistryUnreachable, match="503"):
        await refresh_prices(server.url)
    with pytest.raises(RegistryUnreachable, match="no prices came"):
        await refresh_prices("http://127.0.0.1:1/models")
    assert not fetched_list().exists()
