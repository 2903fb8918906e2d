"""Servers inside a machine, reached from the host."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
import websockets

from agentos import AgentOs, MachineError, NetworkPolicy
from agentos.machine.network.servers.listening import PortEvent

SERVER = Path(__file__).with_name("server_inside.py")


@pytest.fixture
async def vm() -> AsyncIterator[AgentOs]:
    async with AgentOs() as machine:
        await machine.upload(SERVER, "server.py")
        yield machine


@asynccontextmanager
async def serving(vm: AgentOs, port: int = 8080, address: str = "0.0.0.0") -> AsyncIterator[None]:
    """Run the server inside until the block ends; it answers when the block begins."""
    async with await vm.spawn(["python3", "server.py", str(port), address]):
        async for event in vm.ports():
            if (event.type, event.port) == ("port_opened", port):
                break
        yield


async def test_fetch_sends_a_request_and_reads_the_answer(vm: AgentOs) -> None:
    async with serving(vm):
        answer = await vm.fetch(8080, "/a%20b?c=d", headers={"X-Word": "yes"})
        assert answer.status_code == 200
        seen = answer.json()
        assert (seen["method"], seen["path"]) == ("GET", "/a%20b?c=d")
        assert seen["headers"]["X-Word"] == "yes"
        assert seen["headers"]["Host"] == "localhost:8080"

        data = os.urandom(3_000_000)
        answer = await vm.fetch(8080, "/", method="POST", body=data)
        assert (answer.status_code, answer.content) == (201, data)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::"])
async def test_a_server_is_reached_on_whatever_loopback_it_listens(
    vm: AgentOs, address: str
) -> None:
    async with serving(vm, 80, address):
        assert (await vm.fetch(80)).status_code == 200


async def test_an_answer_can_be_read_while_it_comes(vm: AgentOs) -> None:
    async with serving(vm), vm.http(8080) as client, client.stream("GET", "/stream") as answer:
        chunks = answer.aiter_raw()
        assert await anext(chunks) == b"first"
        await vm.fetch(8080, "/go-on")
        assert await anext(chunks) == b"second"


async def test_a_port_on_which_nothing_listens_is_refused(vm: AgentOs) -> None:
    with pytest.raises(httpx2.ConnectError, match="nothing listens on port 8080"):
        await vm.fetch(8080)
    with pytest.raises(ConnectionRefusedError, match="nothing listens on port 8080"):
        await vm.websocket(8080)
    with pytest.raises(ValueError, match="from 1 to 65535"):
        await vm.websocket(65536)


async def test_a_server_that_says_nothing_is_not_waited_for_forever(vm: AgentOs) -> None:
    async with serving(vm):
        with pytest.raises(httpx2.ReadTimeout):
            await vm.fetch(8080, "/stream", timeout=0.2)


async def test_a_websocket_carries_messages_both_ways(vm: AgentOs) -> None:
    async with serving(vm), await vm.websocket(8080, "/chat") as connection:
        for message in ("hello", b"\0\1\2", "x" * 10_000):
            await connection.send(message)
            assert await connection.recv() == message


async def test_a_forward_leads_any_program_of_the_host_into_the_machine(vm: AgentOs) -> None:
    async with serving(vm), await vm.forward(8080) as forward:
        assert forward.address[0] == "127.0.0.1"
        async with httpx2.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{forward.url}/x")).json()["path"] == "/x"
        address = forward.address
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


async def test_a_forward_outlasts_its_server_and_ends_with_the_machine(vm: AgentOs) -> None:
    forward = await vm.forward(8080)
    async with httpx2.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx2.TransportError):
            await client.get(forward.url)
        async with serving(vm):
            assert (await client.get(forward.url)).status_code == 200
    await vm.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(forward.address)


async def test_the_machine_itself_has_no_way_to_a_forward(vm: AgentOs) -> None:
    async with await vm.forward(8080) as forward:
        port = forward.address[1]
        script = f"import socket; socket.create_connection(('127.0.0.1', {port}))"
        refused = await vm.exec(["python3", "-c", script])
    assert "ConnectionRefusedError" in refused.stderr


async def test_ports_that_open_and_close_are_told(vm: AgentOs) -> None:
    events = vm.ports()
    async with serving(vm, 5000):
        assert await anext(events) == PortEvent("port_opened", 5000, "0.0.0.0")
        async with serving(vm, 5001, "127.0.0.1"):
            assert await anext(events) == PortEvent("port_opened", 5001, "127.0.0.1")
        assert await anext(events) == PortEvent("port_closed", 5001, "127.0.0.1")
    assert await anext(events) == PortEvent("port_closed", 5000, "0.0.0.0")
    await vm.close()
    with pytest.raises(MachineError):
        await anext(events)


async def test_the_gateways_own_sockets_are_no_ports_of_the_machine() -> None:
    policy = NetworkPolicy(allow=["api.example.com", "10.0.0.5:5432"])
    async with AgentOs(network=policy) as vm:
        await vm.upload(SERVER, "server.py")
        events = vm.ports()
        async with serving(vm, 443):
            assert await anext(events) == PortEvent("port_opened", 443, "0.0.0.0")


# ---- previews ----


@asynccontextmanager
async def browser() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False) as client:
        yield client


async def test_a_preview_shows_the_server_to_a_browser(vm: AgentOs) -> None:
    async with serving(vm), browser() as client:
        preview = await vm.preview_url(8080, ttl=60)
        place = urlsplit(preview.url)

        arrived = await client.get(preview.url, headers={"Sec-Fetch-Mode": "navigate"})
        assert arrived.status_code == 303
        assert arrived.headers["location"] == "/"
        client.cookies.set("own", "2")
        shown = await client.get(f"http://{place.netloc}/page?x=1")
        seen = shown.json()
        assert seen["path"] == "/page?x=1"
        assert seen["headers"]["host"] == "localhost:8080"
        assert seen["headers"]["cookie"] == "own=2"
        assert "agentos" not in str(seen)
        assert shown.headers.get_list("set-cookie") == ["a=1", "b=2"]

        away = await client.get(f"http://{place.netloc}/away")
        assert away.headers["location"] == "/here"
        data = os.urandom(2_000_000)
        posted = await client.post(f"http://{place.netloc}/", content=data)
        assert (posted.status_code, posted.content) == (201, data)


async def test_a_program_uses_the_address_as_it_is(vm: AgentOs) -> None:
    async with serving(vm), browser() as client:
        preview = await vm.preview_url(8080)
        answer = await client.get(preview.url)
        assert answer.status_code == 200
        assert "agentos" not in answer.text


async def test_a_preview_streams(vm: AgentOs) -> None:
    async with serving(vm), browser() as client:
        preview = await vm.preview_url(8080)
        url = preview.url.replace("/?", "/stream?")
        async with client.stream("GET", url) as answer:
            chunks = answer.aiter_raw()
            assert await anext(chunks) == b"first"
            await vm.fetch(8080, "/go-on")
            assert await anext(chunks) == b"second"


async def test_a_preview_carries_websockets(vm: AgentOs) -> None:
    async with serving(vm):
        preview = await vm.preview_url(8080)
        url = preview.url.replace("http:", "ws:")
        async with websockets.connect(url, proxy=None) as connection:
            for message in ("hello", b"\0\1"):
                await connection.send(message)
                assert await connection.recv() == message


async def test_nobody_else_gets_in(vm: AgentOs) -> None:
    async with serving(vm), browser() as client:
        preview = await vm.preview_url(8080)
        other = await vm.preview_url(8081)
        place = urlsplit(preview.url)
        forged = preview.url[:-1] + ("0" if preview.url[-1] != "0" else "1")
        later = preview.url.replace("8080.", "8080.9", 1)
        swapped = f"http://{place.netloc}/?{urlsplit(other.url).query}"
        for url in (f"http://{place.netloc}/", forged, later, swapped):
            assert (await client.get(url)).status_code == 403
        foreign = {"Origin": "http://evil.example"}
        assert (await client.get(preview.url, headers=foreign)).status_code == 403
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(f"ws://{place.netloc}/", proxy=None)


async def test_a_revoked_preview_ends_with_its_connections(vm: AgentOs) -> None:
    async with serving(vm), browser() as client:
        preview = await vm.preview_url(8080)
        url = preview.url.replace("http:", "ws:")
        async with websockets.connect(url, proxy=None) as connection:
            await preview.revoke()
            with pytest.raises(websockets.ConnectionClosed):
                await connection.recv()
        with pytest.raises(httpx2.ConnectError):
            await client.get(preview.url)
        await preview.revoke()


async def test_a_preview_expires(vm: AgentOs, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(vm), browser() as client:
        preview = await vm.preview_url(8080, ttl=60)
        assert 50 < preview.expires.timestamp() - time.time() <= 60
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 61)
        assert (await client.get(preview.url)).status_code == 403
        monkeypatch.undo()
        brief = await vm.preview_url(8080, ttl=0.05)
        async with asyncio.timeout(10):
            while True:
                try:
                    await client.get(brief.url)
                except httpx2.TransportError:
                    break
        for ttl in (0.0, -1.0, float("nan"), 1e12):
            with pytest.raises(ValueError, match="lasts"):
                await vm.preview_url(8080, ttl=ttl)


async def test_a_preview_of_nothing_says_so(vm: AgentOs) -> None:
    async with browser() as client:
        preview = await vm.preview_url(8080)
        answer = await client.get(preview.url)
    assert answer.status_code == 502
    assert "nothing listens on port 8080" in answer.text


async def test_closing_the_machine_leaves_nothing_open() -> None:
    fds, tasks = set(os.listdir("/proc/self/fd")), asyncio.all_tasks()
    async with AgentOs() as vm:
        await vm.upload(SERVER, "server.py")
        async with serving(vm), browser() as client:
            forward = await vm.forward(8080)
            preview = await vm.preview_url(8080)
            assert (await client.get(preview.url)).status_code == 200
            assert (await client.get(forward.url)).status_code == 200
            waiting = asyncio.create_task(client.get(preview.url.replace("/?", "/stream?")))
            connection = await vm.websocket(8080)
            await connection.send("x")
            assert await connection.recv() == "x"
            await vm.close()
            with pytest.raises(httpx2.TransportError):
                await waiting
            await connection.wait_closed()
    async with asyncio.timeout(5):
        while asyncio.all_tasks() != tasks or set(os.listdir("/proc/self/fd")) != fds:
            await asyncio.sleep(0.001)
