"""The host's proxies: HTTP CONNECT and SOCKS 5, and where their names may lead."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import pytest
from tests.machine.network.world import PUBLIC, World, ended, expect_reset, gateway_for, say

from agentos.errors import ConfigInvalid
from agentos.machine.network import NetworkPolicy, proxy
from agentos.machine.network.proxy import Proxies, Proxy
from agentos.testing.namespace import NetworkNamespace

Served = Coroutine[object, object, None]
Serve = Callable[["Heard", asyncio.StreamReader, asyncio.StreamWriter], Served]


class Heard(list[str]):
    """What a proxy was asked for."""


async def http_proxy(
    heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    request = (await reader.readuntil(b"\r\n\r\n")).decode()
    heard.append(request)
    if "refused.example" in request or ":81 " in request:
        writer.write(b"HTTP/1.1 403 Forbidden by the boss\r\n\r\n")
    else:
        # With the first bytes of the server in the same packet: they belong to the tunnel.
        writer.write(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n220 hello ")
        await echo(reader, writer)


async def socks_proxy(
    heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    _, count = await reader.readexactly(2)
    methods = await reader.readexactly(count)
    writer.write(b"\x05" + bytes([max(methods)]))
    if max(methods) == 2:
        _, size = await reader.readexactly(2)
        user = await reader.readexactly(size)
        [size] = await reader.readexactly(1)
        heard.append(f"{user.decode()}/{(await reader.readexactly(size)).decode()}")
        writer.write(b"\x01\x00")
    _, _, _, kind = await reader.readexactly(4)
    if kind == 3:
        [size] = await reader.readexactly(1)
        host = (await reader.readexactly(size)).decode()
    else:
        family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
        host = socket.inet_ntop(family, await reader.readexactly(size))
    port = int.from_bytes(await reader.readexactly(2), "big")
    heard.append(f"{host}:{port}")
    if port == 81:
        writer.write(b"\x05\x02\x00\x01" + bytes(6))
        return
    writer.write(b"\x05\x00\x00\x03\x04name\x00\x50" + b"220 hello ")
    await echo(reader, writer)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1000):
        writer.write(data)


@asynccontextmanager
async def running(serve: Serve, world: World) -> AsyncIterator[Heard]:
    heard = Heard()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(heard, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        world.port = server.sockets[0].getsockname()[1]
        world.names["proxy.corp"] = ["10.1.1.1"]
        yield heard


HTTP = Proxies.of({"HTTPS_PROXY": "http://me:pass%20word@proxy.corp:3128"})
SOCKS = Proxies.of({"ALL_PROXY": "socks5h://me:word@proxy.corp"})


@pytest.mark.parametrize(
    ("serve", "proxies", "expected"),
    [(http_proxy, HTTP, f"CONNECT {PUBLIC}:443 HTTP/1.1"), (socks_proxy, SOCKS, f"{PUBLIC}:443")],
)
async def test_connections_go_through_the_proxy_to_the_address_that_was_checked(
    world: World, inside: NetworkNamespace, serve: Serve, proxies: Proxies, expected: str
) -> None:
    policy = NetworkPolicy(allow=["api.example.com"])
    async with (
        running(serve, world) as heard,
        gateway_for(world, inside, policy, proxies=proxies) as gateway,
    ):
        [address] = await inside.getaddrinfo("api.example.com", socket.AF_INET)
        with await inside.connect(address, 443) as sock:
            greeting = b""
            while len(greeting) < 10:
                greeting += await asyncio.get_running_loop().sock_recv(sock, 100)
            assert greeting == b"220 hello "
            assert await say(sock, b"x") == b"x"
        assert (await ended(gateway)).address == PUBLIC
    assert world.dialled == [("10.1.1.1", 3128 if proxies is HTTP else 1080)]
    assert expected in "\n".join(heard)
    if proxies is HTTP:
        assert base64.b64encode(b"me:pass word").decode() in heard[0]
    else:
        assert heard[0] == "me/word"


async def test_a_name_that_leads_to_a_private_address_is_denied_before_the_proxy_hears_of_it(
    world: World, inside: NetworkNamespace
) -> None:
    world.names["rebind.example"] = ["127.0.0.1", "10.0.0.1"]
    policy = NetworkPolicy(allow=["rebind.example", "*"])
    async with (
        running(http_proxy, world) as heard,
        gateway_for(world, inside, policy, proxies=HTTP) as gateway,
    ):
        [address] = await inside.getaddrinfo("rebind.example", socket.AF_INET)
        await expect_reset(inside, address, 443)
        assert (await ended(gateway)).verdict == "denied"
    assert (heard, world.dialled) == ([], [])


async def test_only_a_name_that_the_policy_spells_out_is_left_to_the_proxy_to_resolve(
    world: World, inside: NetworkNamespace
) -> None:
    policy = NetworkPolicy(allow=["inner.example:443", "*.other.example:443"])
    async with (
        running(http_proxy, world) as heard,
        gateway_for(world, inside, policy, proxies=HTTP) as gateway,
    ):
        [address] = await inside.getaddrinfo("inner.example", socket.AF_INET)
        with await inside.connect(address, 443) as sock:
            assert (await asyncio.get_running_loop().sock_recv(sock, 3)) == b"220"
        await ended(gateway)
        [address] = await inside.getaddrinfo("a.other.example", socket.AF_INET)
        await expect_reset(inside, address, 443)
        assert "Name or service not known" in (await ended(gateway)).reason
    assert len(heard) == 1
    assert heard[0].startswith("CONNECT inner.example:443 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("serve", "proxies", "reason"),
    [(http_proxy, HTTP, "Forbidden by the boss"), (socks_proxy, SOCKS, "not allowed by its rules")],
)
async def test_what_the_proxy_refuses_has_failed_for_its_reason(
    world: World, inside: NetworkNamespace, serve: Serve, proxies: Proxies, reason: str
) -> None:
    policy = NetworkPolicy(allow=["api.example.com:81"])
    async with (
        running(serve, world),
        gateway_for(world, inside, policy, proxies=proxies) as gateway,
    ):
        [address] = await inside.getaddrinfo("api.example.com", socket.AF_INET)
        await expect_reset(inside, address, 81)
        record = await ended(gateway)
    assert record.verdict == "failed"
    assert reason in record.reason


async def test_a_proxy_that_says_nothing_sensible_is_no_way(
    world: World, inside: NetworkNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def mumble(_: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-x\r\n\r\n")

    async def babble(_: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"x" * 100_000)

    async def leave(_: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async def sleep(_: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    policy = NetworkPolicy(allow=["api.example.com"])
    monkeypatch.setattr(proxy, "TUNNEL_SECONDS", 0.3)
    for serve in (mumble, babble, leave, sleep):
        async with (
            running(serve, world),
            gateway_for(world, inside, policy, proxies=HTTP) as gateway,
        ):
            [address] = await inside.getaddrinfo("api.example.com", socket.AF_INET)
            await expect_reset(inside, address, 443)
            assert (await ended(gateway)).verdict == "failed"


async def test_the_hosts_own_loopback_and_routes_need_no_proxy(
    world: World, inside: NetworkNamespace
) -> None:
    policy = NetworkPolicy(allow=["host.agentos.internal:443"])
    async with gateway_for(world, inside, policy, proxies=HTTP) as gateway:
        await gateway.route("models.agentos.internal", 80, ("127.0.0.1", 4321))
        for name, port in (("host.agentos.internal", 443), ("models.agentos.internal", 80)):
            [address] = await inside.getaddrinfo(name, socket.AF_INET)
            with await inside.connect(address, port) as sock:
                assert await say(sock, b"x") == b"x"
    assert world.dialled == [("127.0.0.1", 443), ("127.0.0.1", 4321)]


@pytest.mark.parametrize(
    ("host", "direct"),
    [
        ("a.corp", True),
        ("corp", True),
        ("badcorp", False),
        ("exact.example", True),
        ("x.exact.example", True),
        ("10.2.3.4", True),
        ("11.2.3.4", False),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("api.example.com", False),
    ],
)
def test_no_proxy_names_what_is_reached_directly(host: str, direct: bool) -> None:
    proxies = Proxies.of(
        {
            "https_proxy": "proxy:3128",
            "NO_PROXY": " .corp, exact.example,10.0.0.0/8 ,2001:db8::/32,",
        }
    )
    assert (proxies.leading_to(host, 443) is None) == direct


def test_each_variable_has_its_ports() -> None:
    proxies = Proxies.of(
        {"http_proxy": "http://a", "HTTPS_PROXY": "b:1", "ALL_PROXY": "socks5://c"}
    )
    assert proxies.leading_to("x.example", 80) == Proxy("http", "a", 80)
    assert proxies.leading_to("x.example", 443) == Proxy("http", "b", 1)
    assert Proxies.of({"ALL_PROXY": "socks5://c"}).leading_to("x", 22) == Proxy("socks5", "c", 1080)
    assert Proxies.of({"HTTPS_PROXY": "b", "NO_PROXY": "*"}).leading_to("x", 443) is None
    assert Proxies.of({}) == Proxies()


@pytest.mark.parametrize(
    "url", ["https://p:1", "ftp://p", "http://", "http://p:99999", "socks4://p"]
)
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(url: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        Proxies.of({"HTTPS_PROXY": url.replace("//", "//me:secret@")})
    assert "secret" not in str(caught.value)
