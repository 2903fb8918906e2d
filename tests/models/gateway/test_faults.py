"""Providers, clients and clocks that misbehave."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import time
from email.utils import format_datetime
from pathlib import Path

import httpx2
import pytest

from agentos.models.gateway import ModelGateway
from agentos.models.gateway.body import MOST_BYTES
from agentos.models.providers import Provider

from .conftest import (
    Answering,
    ScriptedProvider,
    Stage,
    StageMaker,
    answer,
    events,
    session_client,
)


async def ask_raw(s: Stage) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask on a connection of our own, which can be treated badly."""
    reader, writer = await asyncio.open_connection("127.0.0.1", s.client.base_url.port)
    writer.write(_request(s))
    return reader, writer


def _request(s: Stage) -> bytes:
    body = b'{"model":"m"}'
    return (
        b"POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\n"
        b"content-length: %d\r\n\r\n%s" % (s.key.encode(), len(body), body)
    )


def _code(response: httpx2.Response) -> str:
    code: str = response.json()["error"]["code"]
    return code


async def test_a_provider_that_is_down(stage: StageMaker) -> None:
    async with stage() as s:
        s.provider._server.close()
        response = await s.post()
    assert response.status_code == 502
    assert _code(response) == "provider_failed"
    assert "played could not be reached" in response.json()["error"]["message"]
    call = s.gateway.calls[-1]
    assert (call.status, call.tokens, call.price) == (502, None, None)


async def test_a_provider_that_is_silent(stage: StageMaker) -> None:
    async def script(answering: Answering) -> None:
        await answering.client_gone()

    async with stage(script, provider={"timeout": 0.05}) as s:
        response = await s.post()
    assert response.status_code == 504
    assert "silent" in response.json()["error"]["message"]


@pytest.mark.parametrize("how", ["silent", "closed"])
async def test_a_stream_that_breaks_off_breaks_off_for_the_agent(
    stage: StageMaker, how: str
) -> None:
    async def script(answering: Answering) -> None:
        await answering.stream_head()
        if how == "closed":
            answering.writer.transport.abort()
        await answering.client_gone()

    about = {"timeout": 0.05 if how == "silent" else 20, "retries": 3}
    async with stage(script, provider=about) as s:
        got = b""
        async with s.client.stream("POST", "responses", json={"model": "m"}) as response:
            with pytest.raises(httpx2.RemoteProtocolError):  # noqa: PT012
                async for piece in response.aiter_raw():
                    got += piece
        assert got == b"data: half\n\n"
        assert len(s.provider.asked) == 1, "what has begun to reach the agent is not begun again"
        # The connection of the agent is gone, and with it nothing else.
        assert (await s.client.get("nothing")).status_code == 404
    call = s.gateway.calls[0]
    assert call.status == 200
    assert call.error


async def test_a_body_shorter_than_promised(stage: StageMaker) -> None:
    async def script(answering: Answering) -> None:
        await answering.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort")
        answering.writer.transport.abort()

    async with stage(script) as s:
        with pytest.raises(httpx2.RemoteProtocolError):
            await s.post()


@pytest.mark.parametrize("garbage", [b"\x00\xff" * 100, b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200\r\n"])
async def test_an_answer_that_is_not_http(stage: StageMaker, garbage: bytes) -> None:
    async def script(answering: Answering) -> None:
        await answering.raw(garbage)
        answering.writer.close()

    async with stage(script) as s:
        response = await s.post()
    assert response.status_code == 502
    assert _code(response) == "provider_failed"


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_is_asked_again_until_it_answers(stage: StageMaker, status: int) -> None:
    async def script(answering: Answering) -> None:
        if len(s.provider.asked) < 3:
            await answering.json(status, {}, {"retry-after": "0"})
        else:
            await answer(answering)

    async with stage(script, provider={"retries": 2}) as s:
        assert (await s.post()).status_code == 200
    assert s.gateway.calls[-1].attempts == 3


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_waits_as_long_as_it_is_told(
    stage: StageMaker, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    from datetime import UTC, datetime, timedelta

    from agentos.models.gateway import attempts

    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    class Clockless:
        sleep = staticmethod(wait)

    date = format_datetime(datetime.now(UTC) + timedelta(seconds=9), usegmt=True)
    told = {"seconds": "7", "date": date}[form]

    async def script(answering: Answering) -> None:
        if len(s.provider.asked) == 1:
            await answering.json(429, {}, {"retry-after": told})
        else:
            await answer(answering)

    monkeypatch.setattr(attempts, "asyncio", Clockless)
    async with stage(script, provider={"retries": 1}) as s:
        assert (await s.post()).status_code == 200
    assert waits == [7.0] if form == "seconds" else 5 < waits[0] <= 9


async def test_does_not_wait_for_hours_but_passes_the_news_on(stage: StageMaker) -> None:
    async def script(answering: Answering) -> None:
        await answering.json(429, {"error": {"message": "later"}}, {"retry-after": "7200"})

    async with stage(script, provider={"retries": 5}) as s:
        response = await s.post()
    assert response.status_code == 429
    assert response.headers["retry-after"] == "7200"
    assert len(s.provider.asked) == 1


@pytest.mark.parametrize("fault", ["status", "down"])
async def test_a_fallback_answers_instead(stage: StageMaker, fault: str) -> None:
    async def script(answering: Answering) -> None:
        await answering.json(503, {})

    async with ScriptedProvider(answer) as second:
        other = Provider("other", second.base_url, "other-key")
        async with stage(
            script,
            route="played/big",
            providers=[other],
            fallbacks={"played/big": ["other/big-2"]},
            provider={"retries": 1},
        ) as s:
            if fault == "down":
                s.provider._server.close()
            response = await s.post(model="big")
    assert response.status_code == 200
    assert second.asked[0].json["model"] == "big-2"
    assert second.asked[0].headers["authorization"] == "Bearer other-key"
    call = s.gateway.calls[-1]
    assert (call.provider, call.model_asked, call.model_sent) == ("other", "big", "big-2")
    assert call.attempts == 3


async def test_no_other_error_is_worth_another_attempt(stage: StageMaker) -> None:
    async def script(answering: Answering) -> None:
        await answering.json(400, {})

    async with stage(script, provider={"retries": 5}) as s:
        await s.post()
    assert len(s.provider.asked) == 1


async def test_a_request_of_50_megabytes(stage: StageMaker) -> None:
    body = json.dumps({"model": "m", "input": "x" * 50_000_000}).encode()
    async with stage(provider={"timeout": 200}) as s:
        response = await s.client.post("responses", content=body, timeout=60)
        assert response.status_code == 200
        assert s.provider.asked[0].body == body


@pytest.mark.parametrize("packed", [False, True])
async def test_a_request_beyond_the_bound(stage: StageMaker, packed: bool) -> None:
    body: bytes = b" " * (MOST_BYTES + 1)
    headers = {"content-encoding": "gzip"} if packed else {}
    body = gzip.compress(body, 1) if packed else body
    async with stage() as s:
        response = await s.client.post("responses", content=body, headers=headers, timeout=60)
    assert response.status_code == 413
    assert s.provider.asked == []


async def test_a_machine_cannot_fill_the_memory_of_the_host(
    stage: StageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos.models.gateway.body.MOST_HELD", 300_000)
    hold = asyncio.Event()

    async def script(answering: Answering) -> None:
        await hold.wait()
        await answer(answering)

    body = {"model": "m", "input": "x" * 100_000}
    async with stage(script) as s, session_client(s.gateway, "machine-two") as (other, _):
        asking = [asyncio.create_task(s.client.post("responses", json=body)) for _ in range(2)]
        await s.provider.wait_for(2)
        refused = await s.client.post("responses", json=body)
        assert refused.status_code == 429
        assert refused.headers["retry-after"]
        asking.append(asyncio.create_task(other.post("responses", json=body)))
        await s.provider.wait_for(3)
        hold.set()
        assert [(await a).status_code for a in asking] == [200, 200, 200]
        assert (await s.client.post("responses", json=body)).status_code == 200


@pytest.mark.parametrize("when", ["before the answer", "in mid-stream"])
async def test_a_client_that_vanishes_takes_the_call_along(stage: StageMaker, when: str) -> None:
    gone = asyncio.Event()

    async def script(answering: Answering) -> None:
        if when == "in mid-stream":
            await answering.stream_head()
        await answering.client_gone()
        gone.set()

    async with stage(script) as s:
        reader, writer = await ask_raw(s)
        await s.provider.wait_for(1)
        if when == "in mid-stream":
            await reader.readuntil(b"half\n\n")
        writer.transport.abort()
        await gone.wait()
        while not s.gateway.calls:
            await asyncio.sleep(0.001)
    assert s.gateway.calls[-1].error == "the client went away"


async def test_a_client_that_vanishes_in_its_request(stage: StageMaker) -> None:
    async with stage() as s:
        _, writer = await asyncio.open_connection("127.0.0.1", s.client.base_url.port)
        head = b"POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\n"
        writer.write(head % s.key.encode() + b"content-length: 1000\r\n\r\n{")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        while not s.gateway.calls:
            await asyncio.sleep(0.001)
    assert s.gateway.calls[-1].status == 499
    assert s.provider.asked == []


async def test_a_slow_reader_holds_the_provider_back(stage: StageMaker) -> None:
    piece = b"data: " + b"x" * 65_000 + b"\n\n"
    written = 0

    async def script(answering: Answering) -> None:
        nonlocal written
        await answering.begin()
        for _ in range(2000):
            await answering.chunk(piece)
            written += len(piece)
        await answering.end()

    async with stage(script, provider={"timeout": 200}) as s:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, ("127.0.0.1", s.client.base_url.port))
        await loop.sock_sendall(sock, _request(s))
        before = -1
        while written != before or not written:  # until nothing moves any more
            before = written
            await asyncio.sleep(0.2)
        assert written < 20_000_000, "130 MB wait in the gateway for a client that does not read"
        got = 0
        while got < 2000 * len(piece):
            got += len(await loop.sock_recv(sock, 2**20))
        sock.close()


async def test_a_clock_that_jumps(stage: StageMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    jump = 0.0
    monkeypatch.setattr(time, "time", lambda: real() + jump)

    async def script(answering: Answering) -> None:
        nonlocal jump
        jump -= 3 * 86_400
        await answer(answering)

    async with stage(script) as s:
        jump = 30 * 86_400
        for _ in range(2):
            assert (await s.post()).status_code == 200
    assert all(0 <= call.duration < 60 for call in s.gateway.calls)


async def test_a_gateway_that_ends_ends_its_calls(stage: StageMaker) -> None:
    gone = asyncio.Event()

    async def script(answering: Answering) -> None:
        await answering.client_gone()
        gone.set()

    async with stage(script) as s:
        asking = asyncio.create_task(s.post())
        await s.provider.wait_for(1)
        await s.gateway.close()
        with pytest.raises(httpx2.HTTPError):
            await asking
        await gone.wait()


async def test_a_gateway_that_is_restarted(tmp_path: Path) -> None:
    async with asyncio.timeout(120), ScriptedProvider(answer) as provider:
        played = [Provider("played", provider.base_url)]
        first = await ModelGateway(played, state=tmp_path).__aenter__()
        async with session_client(first, profile="kept") as (client, key):
            assert (await client.post("responses", json={"model": "m"})).status_code == 200
            await first.close()
            with pytest.raises(httpx2.ConnectError):
                await client.post("responses", json={"model": "m"})
            async with ModelGateway(played, state=tmp_path) as second:
                assert (await client.post("responses", json={"model": "m"})).status_code == 200
                assert second.calls[-1].profile == "kept"
                # Whoever holds the session knows the first gateway only.
                first.keys.revoke(key)
                assert (await client.post("responses", json={"model": "m"})).status_code == 401
    (tmp_path / "doors" / "machine-that-is-gone").write_text("1")
    async with ModelGateway(state=tmp_path) as third:
        assert list(third.keys) == []
    assert list((tmp_path / "doors").iterdir()) == []
    secret = key.rpartition("-")[2]
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or secret not in path.read_text()


async def test_a_route_that_the_next_gateway_does_not_have(tmp_path: Path) -> None:
    async with asyncio.timeout(120), ScriptedProvider(answer) as provider:
        played = [Provider("played", provider.base_url)]
        first = await ModelGateway(played, state=tmp_path).__aenter__()
        async with session_client(first) as (client, _):
            await first.close()
            async with ModelGateway(state=tmp_path):
                response = await client.post("responses", json={"model": "m"})
    assert response.status_code == 403
    assert _code(response) == "route_unknown"


async def test_many_at_once(stage: StageMaker) -> None:
    ready = asyncio.Event()

    async def script(answering: Answering) -> None:
        await answering.begin()
        await answering.chunk(b"data: here\n\n")
        if len(s.provider.asked) >= 500:
            ready.set()
        await ready.wait()
        await answering.chunk(events())
        await answering.end()

    async def ask() -> bytes:
        reader, writer = await ask_raw(s)
        answered = await reader.readuntil(b"0\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        return answered

    async with stage(script, provider={"timeout": 200}) as s:
        answers = await asyncio.gather(*(ask() for _ in range(500)))
    assert answers[0].startswith(b"HTTP/1.1 200")
    assert len(set(answers)) == 1
    assert len(s.gateway.calls) == 500
