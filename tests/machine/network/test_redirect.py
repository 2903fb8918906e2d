"""Every port leads to the gateway, and no port of the machine is taken."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
import struct

import pytest
from tests.machine.network.world import (
    PUBLIC,
    World,
    ask,
    descriptors,
    expect_reset,
    gateway_for,
    say,
)

from agentos import AgentOs
from agentos.machine.network import NetworkGateway, NetworkPolicy
from agentos.machine.network.dns import AAAA, Code, encode_name
from agentos.machine.network.doors import Kind
from agentos.testing.namespace import NetworkNamespace


async def until_logged(gateway: NetworkGateway, count: int) -> None:
    async with asyncio.timeout(10):
        while len(gateway.log) < count:
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("any_address", ["0.0.0.0", "::"])
async def test_a_server_inside_may_have_any_port_that_is_allowed_outside(
    world: World, redirected: NetworkNamespace, any_address: str
) -> None:
    loop = asyncio.get_running_loop()
    policy = NetworkPolicy(allow=["api.example.com", "10.0.0.5:443"])
    async with gateway_for(world, redirected, policy) as gateway:
        assert gateway.redirects
        addresses = await redirected.getaddrinfo("api.example.com")
        for port in (80, 443):
            loopback = "::1" if ":" in any_address else "127.0.0.1"
            with await redirected.listen(any_address, port, "tcp") as server:
                for address in addresses:
                    with await redirected.connect(address, port) as sock:
                        assert await say(sock, b"out") == b"out"
                with await redirected.connect(loopback, port) as sock:
                    accepted, _ = await loop.sock_accept(server)
                    with accepted:
                        await loop.sock_sendall(sock, b"in")
                        assert await loop.sock_recv(accepted, 9) == b"in"
    assert set(world.dialled) == {(PUBLIC, 80), (PUBLIC, 443)}


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
async def test_any_port_of_a_name_can_be_allowed(
    world: World, redirected: NetworkNamespace, family: int
) -> None:
    policy = NetworkPolicy(allow=["api.example.com:*"], deny=["api.example.com:25"])
    async with gateway_for(world, redirected, policy) as gateway:
        [address] = await redirected.getaddrinfo("api.example.com", family)
        for port in (1, 22, 5432, 40_000, 65_535):
            with await redirected.connect(address, port) as sock:
                assert await say(sock, b"x") == b"x"
        with pytest.raises(ConnectionRefusedError):
            await redirected.connect(address, 25)
        await until_logged(gateway, 6)
        last = gateway.log[-1]
    assert world.dialled == [(PUBLIC, port) for port in (1, 22, 5432, 40_000, 65_535)]
    assert (last.name, last.port, last.verdict) == ("api.example.com", 25, "denied")
    assert last.rule == "api.example.com:25"


async def test_ranges_of_literal_addresses_are_reached_on_any_port(
    world: World, redirected: NetworkNamespace
) -> None:
    policy = NetworkPolicy(
        allow=["10.0.0.0/8:*", "[2001:db8::/32]:*"], deny=["10.9.0.0/16", "10.0.0.1:22"]
    )
    async with gateway_for(world, redirected, policy):
        reached = [("10.1.2.3", 6379), ("10.0.0.1", 23), ("2001:db8:1::9", 12_345)]
        for address, port in reached:
            with await redirected.connect(address, port) as sock:
                assert await say(sock, b"x") == b"x"
        for address, port in (("10.9.0.1", 6379), ("10.0.0.1", 22), ("11.0.0.1", 80)):
            with pytest.raises(ConnectionRefusedError):
                await redirected.connect(address, port)
        with pytest.raises(ConnectionRefusedError):
            await redirected.connect("2001:db9::1", 80)
    assert world.dialled == reached


async def test_an_open_policy_reaches_what_is_public_and_nothing_else(
    world: World, redirected: NetworkNamespace
) -> None:
    async with gateway_for(world, redirected, NetworkPolicy.preset("open")):
        for address in ("203.0.113.7", "2001:db8::7"):
            with await redirected.connect(address, 9999) as sock:
                assert await say(sock, b"x") == b"x"
        private = ("10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "fd00::1")
        for address in private:
            with pytest.raises(ConnectionRefusedError):
                await redirected.connect(address, 80)
        await expect_reset(redirected, "64:ff9b::10.0.0.1", 80)  # for a translator, 10.0.0.1
    assert [address for address, _ in world.dialled] == ["203.0.113.7", "2001:db8::7"]


async def test_an_address_of_a_link_is_reached_only_when_it_is_named(
    world: World, redirected: NetworkNamespace
) -> None:
    async with gateway_for(
        world, redirected, NetworkPolicy(), on_request=lambda _: "deny"
    ) as gateway:
        with await redirected.unconnected(socket.AF_INET6) as sock:
            await asyncio.get_running_loop().sock_connect(sock, ("fe80::1", 80, 0, 1))
            with pytest.raises(ConnectionResetError):
                await say(sock, b"x")
        assert gateway.log[-1].name == "fe80::1"
    assert world.dialled == []


async def test_what_is_refused_is_told_with_its_rule(
    world: World, redirected: NetworkNamespace
) -> None:
    policy = NetworkPolicy(allow=["api.example.com"], deny=["10.0.0.0/8"])
    async with gateway_for(world, redirected, policy) as gateway:
        for address in ("10.0.0.1", "192.0.2.1", "2001:db8::1"):
            with pytest.raises(ConnectionRefusedError):
                await redirected.connect(address, 8080)
        await until_logged(gateway, 3)
        told = [(r.name, r.port, r.verdict, r.rule, r.reason) for r in gateway.log]
    assert told == [
        ("10.0.0.1", 8080, "denied", "10.0.0.0/8", "connection refused"),
        ("192.0.2.1", 8080, "denied", "default", "connection refused"),
        ("2001:db8::1", 8080, "denied", "default", "connection refused"),
    ]


async def test_a_server_inside_never_gets_what_was_meant_for_the_world(
    world: World, redirected: NetworkNamespace
) -> None:
    async with gateway_for(world, redirected, NetworkPolicy(allow=["api.example.com"])):
        with await redirected.listen("0.0.0.0", 8080, "tcp") as server:
            for address in ("192.0.2.1", "10.0.0.1"):
                with pytest.raises(ConnectionRefusedError):
                    await redirected.connect(address, 8080)
            with pytest.raises(BlockingIOError):
                server.accept()


async def test_a_policy_changes_what_is_refused_at_once(
    world: World, redirected: NetworkNamespace
) -> None:
    async with gateway_for(world, redirected, NetworkPolicy(allow=["api.example.com"])) as gateway:
        [address] = await redirected.getaddrinfo("api.example.com", socket.AF_INET)
        for entry, host, port in (
            ("api.example.com:8443", address, 8443),
            ("10.0.0.0/24:1234", "10.0.0.9", 1234),
        ):
            with pytest.raises(ConnectionRefusedError):
                await redirected.connect(host, port)
            await gateway.allow(entry)
            with await redirected.connect(host, port) as sock:
                assert await say(sock, b"x") == b"x"
                await gateway.deny(entry)
                with pytest.raises(ConnectionResetError):
                    await say(sock, b"y")
            with pytest.raises(ConnectionRefusedError):
                await redirected.connect(host, port)


async def test_an_address_whose_name_is_gone_leads_nowhere(
    world: World, redirected: NetworkNamespace
) -> None:
    async with gateway_for(world, redirected, NetworkPolicy(allow=["*.example"])):
        for address in ("198.18.77.7", "fd00:a605::c612:4d07"):
            with pytest.raises(ConnectionRefusedError):
                await redirected.connect(address, 443)
    assert world.dialled == []


async def test_the_gateways_own_port_leads_nowhere(
    world: World, redirected: NetworkNamespace
) -> None:
    async with gateway_for(world, redirected, NetworkPolicy(default="allow")):
        await expect_reset(redirected, "198.18.0.1", 1)
        with pytest.raises(ConnectionRefusedError):
            await redirected.connect("fd00:a605::1", 1)
    assert world.dialled == []


async def test_a_kernel_without_ipv6_has_names_in_ipv4(world: World) -> None:
    class WithoutIpv6(NetworkNamespace):
        async def listen(self, address: str, port: int, kind: Kind) -> socket.socket:
            if ":" in address:
                raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
            return await super().listen(address, port, kind)

    async with (
        WithoutIpv6() as inside,
        gateway_for(world, inside, NetworkPolicy(allow=["api.example.com"])) as gateway,
    ):
        assert gateway.redirects
        assert await ask(inside, "api.example.com", AAAA) == (Code.NOERROR, b"")
        [address] = await inside.getaddrinfo("api.example.com")
        with await inside.connect(address, 443) as sock:
            assert await say(sock, b"x") == b"x"


async def test_a_kernel_that_lacks_a_part_gets_listeners(world: World) -> None:
    class WithoutTransparent(NetworkNamespace):
        async def listen(self, address: str, port: int, kind: Kind) -> socket.socket:
            if kind == "transparent":
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
            return await super().listen(address, port, kind)

    async with WithoutTransparent() as inside:
        before = descriptors()
        policy = NetworkPolicy(allow=["api.example.com:*"])
        async with gateway_for(world, inside, policy) as gateway:
            assert not gateway.redirects
            [address] = await inside.getaddrinfo("api.example.com", socket.AF_INET)
            for port in (22, 80, 443):
                with await inside.connect(address, port) as sock:
                    assert await say(sock, b"x") == b"x"
            with pytest.raises(ConnectionRefusedError):
                await inside.connect(address, 8443)
        async with asyncio.timeout(5):
            while descriptors() > before:
                await asyncio.sleep(0.001)


async def test_ten_thousand_names_in_one_life(world: World, redirected: NetworkNamespace) -> None:
    loop = asyncio.get_running_loop()
    header = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0)
    policy = NetworkPolicy(allow=["*.example.org:443"])
    async with gateway_for(world, redirected, policy) as gateway:
        fds = descriptors()
        seen = set()
        with await redirected.unconnected(kind=socket.SOCK_DGRAM) as sock:
            await loop.sock_connect(sock, ("198.18.0.1", 53))
            for number in range(10_000):
                name = encode_name(f"n{number}.example.org")
                reply = await say(sock, header + name + b"\0\1\0\1")
                seen.add(socket.inet_ntoa(reply[-4:]))
        assert len(seen) == 10_000
        assert descriptors() <= fds + 1
        world.names["n9999.example.org"] = [PUBLIC]
        [address] = await redirected.getaddrinfo("n9999.example.org", socket.AF_INET)
        with await redirected.connect(address, 443) as sock:
            assert await say(sock, b"x") == b"x"
        await gateway.apply(NetworkPolicy(allow=["*.example.org:8443"]))
        with pytest.raises(ConnectionRefusedError):
            await redirected.connect(address, 443)


async def test_more_names_than_addresses_take_the_oldest_one(
    world: World, redirected: NetworkNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agentos.machine.network import gateway as module
    from agentos.machine.network.addresses import AddressPool

    monkeypatch.setattr(module, "AddressPool", lambda busy: AddressPool(busy, capacity=2))
    world.names |= {f"{letter}.example": [f"203.0.113.{ord(letter)}"] for letter in "abc"}
    async with gateway_for(
        world, redirected, NetworkPolicy(allow=["a.example:1", "b.example:2", "c.example:3"])
    ):
        found = [(await redirected.getaddrinfo(f"{x}.example", socket.AF_INET))[0] for x in "abc"]
        assert found[2] == found[0]
        with await redirected.connect(found[2], 3) as sock:
            assert await say(sock, b"x") == b"x"
        with pytest.raises(ConnectionRefusedError):
            await redirected.connect(found[0], 1)


async def test_two_gateways_one_after_the_other(world: World, redirected: NetworkNamespace) -> None:
    for name in ("a.example", "b.example"):
        world.names[name] = [PUBLIC]
        async with gateway_for(world, redirected, NetworkPolicy(allow=[name])):
            [address] = await redirected.getaddrinfo(name, socket.AF_INET)
            with await redirected.connect(address, 443) as sock:
                assert await say(sock, b"x") == b"x"


async def test_a_flood_of_refusals_is_told_only_in_part(
    world: World, redirected: NetworkNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateway_for(world, redirected, NetworkPolicy(allow=["api.example.com"])) as gateway:
        for number in range(3000):
            host = str(ipaddress.ip_address("192.0.2.0") + number % 250)
            with pytest.raises(ConnectionRefusedError):
                await redirected.connect(host, 80)
        [address] = await redirected.getaddrinfo("api.example.com", socket.AF_INET)
        with await redirected.connect(address, 80) as sock:
            assert await say(sock, b"x") == b"x"
        assert 0 < len(gateway.log) <= 1000


async def test_a_machine_has_it_too() -> None:
    script = (
        "import socket\n"
        "server = socket.create_server(('0.0.0.0', 443))\n"
        "for place in (('127.0.0.1', 443), ('198.18.0.1', 443), ('192.0.2.1', 443)):\n"
        "    try: socket.create_connection(place, 5); print('connected')\n"
        "    except OSError as error: print(error.strerror)\n"
    )
    async with AgentOs(network=NetworkPolicy(allow=["api.example.com"])) as vm:
        assert vm.network.redirects
        answer = await vm.exec(["python3", "-c", script], check=True)
        assert answer.stdout.split("\n")[:3] == ["connected", "connected", "Connection refused"]
        tables = await vm.exec("cat /proc/net/ip_tables_names /proc/net/nf_conntrack; true")
        assert tables.stdout == ""
