from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import resource
import socket
import struct
import subprocess

import pytest
from tests.machine.network.world import (
    MEGABYTE,
    PUBLIC,
    WithoutNetfilter,
    World,
    ask,
    descriptors,
    ended,
    expect_reset,
    gateway_for,
    say,
)

from agentos.errors import ConfigInvalid, MachineError
from agentos.machine.network import Connection, NetworkGateway, NetworkPolicy
from agentos.machine.network.dns import AAAA, PTR, Code, encode_name
from agentos.machine.network.doors import Kind
from agentos.machine.network.relay import reset
from agentos.testing.listeners import LoopbackListeners
from agentos.testing.namespace import NetworkNamespace

pytestmark = pytest.mark.skipif(
    subprocess.run(["unshare", "-Urnm", "true"], check=False).returncode != 0,
    reason="needs unprivileged user namespaces",
)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
async def test_an_allowed_name_is_reached_at_the_address_it_has_outside(
    world: World, inside: NetworkNamespace, family: int
) -> None:
    async with gateway_for(world, inside, NetworkPolicy(allow=["api.example.com:8443"])) as gateway:
        [address] = await inside.getaddrinfo("API.example.com", family)
        with await inside.connect(address, 8443) as sock:
            assert await say(sock, b"hello") == b"hello"
        record = await ended(gateway)

    assert world.dialled == [(PUBLIC, 8443)]
    assert (record.name, record.port, record.address) == ("api.example.com", 8443, PUBLIC)
    assert (record.verdict, record.rule) == ("allowed", "api.example.com:8443")
    assert (record.bytes_out, record.bytes_in) == (5, 5)


async def test_a_name_that_is_not_allowed_does_not_exist(
    world: World, inside: NetworkNamespace
) -> None:
    policy = NetworkPolicy(allow=["*.example.org", "api.example.com"], deny=["evil.example.org"])
    async with gateway_for(world, inside, policy) as gateway:
        for name in ("other.example.com", "example.org", "evil.example.org"):
            with pytest.raises(socket.gaierror) as caught:
                await inside.getaddrinfo(name)
            assert caught.value.errno == socket.EAI_NONAME
            assert (gateway.log[-1].name, gateway.log[-1].verdict) == (name, "denied")
        assert len(gateway.log) == 3
        assert await inside.getaddrinfo("a.b.example.org", socket.AF_INET) == ["198.18.1.0"]
    assert world.dialled == []


async def test_a_port_that_is_not_allowed_is_refused(
    world: World, inside: NetworkNamespace
) -> None:
    async with gateway_for(world, inside, NetworkPolicy(allow=["api.example.com:443"])):
        for address in await inside.getaddrinfo("api.example.com"):
            with pytest.raises(ConnectionRefusedError):
                await inside.connect(address, 80)


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1"])
async def test_a_public_name_that_leads_to_a_special_address_is_cut_off(
    world: World, inside: NetworkNamespace, address: str
) -> None:
    world.names["rebind.example"] = [address]
    async with gateway_for(world, inside, NetworkPolicy(default="allow")) as gateway:
        [synthetic] = await inside.getaddrinfo("rebind.example", socket.AF_INET)
        await expect_reset(inside, synthetic, 80)
        record = await ended(gateway)

    assert world.dialled == []
    assert record.verdict == "denied"
    assert address in record.reason


async def test_the_address_that_was_checked_is_the_one_that_is_dialled(
    world: World, inside: NetworkNamespace
) -> None:
    world.names["mixed.example"] = ["192.168.0.1", "203.0.113.11", "127.0.0.1"]
    async with gateway_for(world, inside, NetworkPolicy(allow=["mixed.example"])):
        [synthetic] = await inside.getaddrinfo("mixed.example", socket.AF_INET)
        with await inside.connect(synthetic, 443) as sock:
            assert await say(sock, b"x") == b"x"
    assert world.dialled == [("203.0.113.11", 443)]


async def test_a_literal_address_is_reached_when_the_policy_names_it(
    world: World, inside: NetworkNamespace
) -> None:
    policy = NetworkPolicy(allow=["10.0.0.5:5432", "[fd12::5]:5432"])
    async with gateway_for(world, inside, policy):
        for address in ("10.0.0.5", "fd12::5"):
            with await inside.connect(address, 5432) as sock:
                assert await say(sock, b"x") == b"x"
        with pytest.raises(ConnectionRefusedError):
            await inside.connect("10.0.0.6", 5432)
    assert world.dialled == [("10.0.0.5", 5432), ("fd12::5", 5432)]


async def test_the_hosts_loopback_is_reached_on_the_ports_that_are_named(
    world: World, inside: NetworkNamespace
) -> None:
    policy = NetworkPolicy(allow=[f"host.agentos.internal:{world.port}", "*"])
    async with gateway_for(world, inside, policy):
        for address in await inside.getaddrinfo("host.agentos.internal"):
            with await inside.connect(address, world.port) as sock:
                assert await say(sock, b"x") == b"x"
            with pytest.raises(ConnectionRefusedError):
                await inside.connect(address, 80)
    assert world.dialled == [("127.0.0.1", world.port)] * 2


async def test_the_hosts_loopback_does_not_exist_unless_a_port_is_named(
    world: World, inside: NetworkNamespace
) -> None:
    async with gateway_for(world, inside, NetworkPolicy(allow=["*"], default="allow")):
        assert await ask(inside, "host.agentos.internal") == (Code.NXDOMAIN, b"")


async def test_a_private_name_leads_where_it_was_routed(
    world: World, inside: NetworkNamespace
) -> None:
    async with gateway_for(world, inside, NetworkPolicy()) as gateway:
        await gateway.route("models.agentos.internal", 80, ("127.0.0.1", world.port))
        assert await ask(inside, "hub.agentos.internal") == (Code.NXDOMAIN, b"")
        [address] = await inside.getaddrinfo("models.agentos.internal", socket.AF_INET)
        with await inside.connect(address, 80) as sock:
            assert await say(sock, b"x") == b"x"
            assert world.dialled == [("127.0.0.1", world.port)]

            await gateway.unroute("models.agentos.internal", 80)
            with pytest.raises(ConnectionResetError):
                await say(sock, b"x")
        assert await ask(inside, "models.agentos.internal") == (Code.NXDOMAIN, b"")
        with pytest.raises(ConnectionRefusedError):
            await inside.connect(address, 80)


@pytest.mark.parametrize("name", ["api.example.com", "host.agentos.internal", "10.0.0.1", "a b"])
async def test_only_names_of_agentos_itself_can_be_routed(name: str) -> None:
    gateway = NetworkGateway(LoopbackListeners())

    with pytest.raises(ConfigInvalid, match="cannot be routed"):
        await gateway.route(name, 80, ("127.0.0.1", 1))


async def test_a_client_that_ends_its_stream_still_gets_the_answer(
    world: World, inside: NetworkNamespace
) -> None:
    loop = asyncio.get_running_loop()
    async with gateway_for(world, inside, NetworkPolicy(allow=["api.example.com"])) as gateway:
        [address] = await inside.getaddrinfo("api.example.com", socket.AF_INET)
        with await inside.connect(address, 80) as sock:
            await loop.sock_sendall(sock, b"all I have to say")
            sock.shutdown(socket.SHUT_WR)
            assert await loop.sock_recv(sock, 100) == b"all I have to say"
            assert await loop.sock_recv(sock, 100) == b""
        assert (await ended(gateway)).reason == ""


async def test_a_large_transfer_arrives_whole(world: World, inside: NetworkNamespace) -> None:
    data = os.urandom(32 * MEGABYTE)
    async with gateway_for(world, inside, NetworkPolicy(allow=["api.example.com"])) as gateway:
        [address] = await inside.getaddrinfo("api.example.com", socket.AF_INET)
        reader, writer = await asyncio.open_connection(sock=await inside.connect(address, 80))
        writer.write(data)
        writer.write_eof()
        received = await reader.read(-1)
        writer.close()
        await writer.wait_closed()
        record = await ended(gateway)

    assert hashlib.sha256(received).digest() == hashlib.sha256(data).digest()
    assert (record.bytes_out, record.bytes_in) == (len(data), len(data))


async def test_a_host_that_cannot_be_reached_resets_the_connection(
    world: World, inside: NetworkNamespace
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        world.port = gone.getsockname()[1]
    async with gateway_for(world, inside, NetworkPolicy(allow=["*"])) as gateway:
        for name, reason in (
            ("api.example.com", "Connect call failed"),
            ("typo.example", "Name or service not known"),
        ):
            [address] = await inside.getaddrinfo(name, socket.AF_INET)
            await expect_reset(inside, address, 80)
            record = await ended(gateway)
            assert (record.name, record.verdict) == (name, "failed")
            assert reason in record.reason


async def test_a_client_that_vanishes_takes_its_connection_along(
    world: World, inside: NetworkNamespace
) -> None:
    async with gateway_for(world, inside, NetworkPolicy(allow=["api.example.com"])) as gateway:
        [address] = await inside.getaddrinfo("api.example.com", socket.AF_INET)
        sock = await inside.connect(address, 80)
        assert await say(sock, b"x") == b"x"
        reset(sock)
        record = await ended(gateway)
    assert (record.verdict, record.reason) == ("allowed", "Connection reset by peer")


async def test_an_upstream_that_vanishes_resets_the_client(
    world: World, inside: NetworkNamespace
) -> None:
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        world.port = server.getsockname()[1]
        async with gateway_for(world, inside, NetworkPolicy(allow=["api.example.com"])):
            [address] = await inside.getaddrinfo("api.example.com", socket.AF_INET)
            with await inside.connect(address, 80) as sock:
                upstream, _ = await loop.sock_accept(server)
                await loop.sock_sendall(sock, b"x")
                reset(upstream)
                with pytest.raises(ConnectionResetError):
                    await loop.sock_recv(sock, 1)


async def test_the_policy_can_be_extended_while_the_machine_runs(
    world: World, inside: NetworkNamespace
) -> None:
    async with gateway_for(world, inside, NetworkPolicy()) as gateway:
        await gateway.allow("other.example:80")
        assert await ask(inside, "api.example.com") == (Code.NXDOMAIN, b"")

        await gateway.allow("api.example.com:80", "10.0.0.5:5432")
        [address] = await inside.getaddrinfo("api.example.com", socket.AF_INET)
        for place in ((address, 80), ("10.0.0.5", 5432)):
            with await inside.connect(*place) as sock:
                assert await say(sock, b"x") == b"x"

        # The name is known already: its new port opens without another look-up.
        with pytest.raises(ConnectionRefusedError):
            await inside.connect(address, 8443)
        await gateway.allow("api.example.com:8443")
        with await inside.connect(address, 8443) as sock:
            assert await say(sock, b"x") == b"x"
        with pytest.raises(ConfigInvalid):
            await gateway.allow("api.example.com:0")
        assert gateway.policy.ports_for("api.example.com").open == {80, 8443}


async def test_a_narrower_policy_cuts_what_it_no_longer_allows(
    world: World, inside: NetworkNamespace
) -> None:
    policy = NetworkPolicy(allow=["api.example.com:80", "api.example.com:443"])
    async with gateway_for(world, inside, policy) as gateway:
        [address] = await inside.getaddrinfo("api.example.com", socket.AF_INET)
        with await inside.connect(address, 80) as kept, await inside.connect(address, 443) as cut:
            assert await say(kept, b"x") == await say(cut, b"x") == b"x"
            await gateway.apply(NetworkPolicy(allow=["api.example.com:80"]))
            assert await say(kept, b"y") == b"y"
            with pytest.raises(ConnectionResetError):
                await say(cut, b"y")
        with pytest.raises(ConnectionRefusedError):
            await inside.connect(address, 443)


async def test_names_are_answered_over_udp_and_tcp(world: World, inside: NetworkNamespace) -> None:
    async with gateway_for(world, inside, NetworkPolicy(allow=["api.example.com"])):
        for tcp in (False, True):
            code, record = await ask(inside, "api.example.com", tcp=tcp)
            assert (code, record[-4:]) == (Code.NOERROR, socket.inet_aton("198.18.1.0"))
            code, record = await ask(inside, "api.example.com", AAAA, tcp=tcp)
            assert record[-16:] == socket.inet_pton(socket.AF_INET6, "fd00:a605::198.18.1.0")
            assert await ask(inside, "api.example.com", 65, tcp=tcp) == (Code.NOERROR, b"")
            assert await ask(inside, "other.example", tcp=tcp) == (Code.NXDOMAIN, b"")
            code, record = await ask(inside, "0.1.18.198.in-addr.arpa", PTR, tcp=tcp)
            assert (code, record) == (Code.NOERROR, encode_name("api.example.com"))
            assert await ask(inside, "1.1.18.198.in-addr.arpa", PTR) == (Code.NXDOMAIN, b"")


async def test_broken_queries_do_no_harm(world: World, inside: NetworkNamespace) -> None:
    loop = asyncio.get_running_loop()
    async with gateway_for(world, inside, NetworkPolicy(allow=["api.example.com"])):
        with await inside.unconnected(kind=socket.SOCK_DGRAM) as sock:
            await loop.sock_connect(sock, ("198.18.0.1", 53))
            for packet in (b"", b"\0", b"\xff" * 512, b"\0" * 12, os.urandom(1200)):
                await loop.sock_sendall(sock, packet)
        for stream in (b"\0", b"\0\0", b"\xff\xff", b"\0\x0c" + b"\0" * 12):
            with await inside.connect("198.18.0.1", 53) as sock:
                await loop.sock_sendall(sock, stream)
                sock.shutdown(socket.SHUT_WR)
                await loop.sock_recv(sock, 100)
        assert await ask(inside, "api.example.com", 65) == (Code.NOERROR, b"")


async def test_without_a_redirect_a_server_inside_takes_only_its_port(world: World) -> None:
    async with WithoutNetfilter() as inside:
        with await inside.listen("0.0.0.0", 8080, "tcp"):
            policy = NetworkPolicy(allow=["api.example.com:8080", "api.example.com:443"])
            async with gateway_for(world, inside, policy) as gateway:
                [address] = await inside.getaddrinfo("api.example.com", socket.AF_INET)
                assert (gateway.log[-1].port, gateway.log[-1].verdict) == (8080, "failed")
                with await inside.connect(address, 443) as sock:
                    assert await say(sock, b"x") == b"x"


async def test_more_connections_than_may_be_open_are_refused(
    world: World, inside: NetworkNamespace
) -> None:
    policy = NetworkPolicy(allow=["api.example.com"])
    async with gateway_for(world, inside, policy, most_connections=2) as gateway:
        [address] = await inside.getaddrinfo("api.example.com", socket.AF_INET)
        with await inside.connect(address, 80) as one, await inside.connect(address, 80) as two:
            assert await say(one, b"x") == await say(two, b"x") == b"x"
            await expect_reset(inside, address, 80)
            assert gateway.log[-1].verdict == "denied"


async def test_every_decision_is_an_event(world: World, inside: NetworkNamespace) -> None:
    events: list[tuple[str, int | None, str, bool]] = []
    over = asyncio.Event()

    def hear(record: Connection) -> None:
        events.append((record.name, record.port, record.verdict, record.ended is not None))
        if record.port and record.ended:
            over.set()

    async with gateway_for(world, inside, NetworkPolicy(allow=["api.example.com"])) as gateway:
        gateway.on_event = hear
        await ask(inside, "other.example")
        [address] = await inside.getaddrinfo("api.example.com", socket.AF_INET)
        with await inside.connect(address, 80) as sock:
            await say(sock, b"x")
        await over.wait()

    assert events == [
        ("other.example", None, "denied", True),
        ("api.example.com", 80, "allowed", False),
        ("api.example.com", 80, "allowed", True),
    ]


async def test_a_thousand_connections_at_once(world: World, inside: NetworkNamespace) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Five descriptors for each, as all ends are in this one process.
    count = min(1000, (hard - 200) // 5)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count * 5 + 200), hard))
    try:
        policy = NetworkPolicy(allow=["api.example.com"])
        async with gateway_for(world, inside, policy, most_connections=count):
            [address] = await inside.getaddrinfo("api.example.com", socket.AF_INET)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(inside.connect(address, 80)) for _ in range(count)]
            socks = [task.result() for task in tasks]
            replies = await asyncio.gather(
                *(say(sock, b"%d" % number) for number, sock in enumerate(socks))
            )
            for sock in socks:
                sock.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert replies == [b"%d" % number for number in range(count)]


async def test_connections_wait_while_descriptors_are_short(
    world: World, inside: NetworkNamespace
) -> None:
    async with gateway_for(world, inside, NetworkPolicy(allow=["api.example.com"])) as gateway:
        [address] = await inside.getaddrinfo("api.example.com", socket.AF_INET)
        sock = await inside.unconnected()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.open("/dev/null", os.O_RDONLY)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        try:
            with pytest.raises(OSError, match="Too many open files"):
                os.open("/dev/null", os.O_RDONLY)
            await asyncio.get_running_loop().sock_connect(sock, (address, 80))
            for _ in range(5):
                await asyncio.sleep(0)
            assert not gateway.log
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        with sock:
            assert await say(sock, b"x") == b"x"


async def test_ten_thousand_names_need_no_more_listeners_than_a_few(world: World) -> None:
    listeners = LoopbackListeners()
    gateway = NetworkGateway(
        listeners,
        NetworkPolicy(allow=["*.example.org:443"]),
        resolve=world.resolve,
        connect=world.connect,
        most_listeners=20,
    )
    world.names["n0.example.org"] = [PUBLIC]
    loop = asyncio.get_running_loop()
    header = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0)
    before = descriptors()
    await gateway.ensure_started()
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, listeners.place("198.18.0.1", 53, "udp"))

        async def look_up(number: int) -> str:
            name = encode_name(f"n{number}.example.org")
            return socket.inet_ntoa((await say(sock, header + name + b"\0\1\0\1"))[-4:])

        first = await look_up(0)
        client = socket.create_connection(listeners.place(first, 443))
        client.setblocking(False)
        assert await say(client, b"x") == b"x"
        seen = {await look_up(number) for number in range(10_000)}
        assert len(seen) == 10_000
        assert descriptors() - before < 20 + 20
        # A live connection kept its name's door; a door that was closed opens again.
        with socket.create_connection(listeners.place(first, 443)) as again:
            again.setblocking(False)
            assert await say(again, b"x") == b"x"
        assert await look_up(1) in seen
        client.close()
    await gateway.close()


async def test_a_gateway_that_has_nothing_to_do_opens_nothing() -> None:
    opened: list[str] = []

    class Recording(LoopbackListeners):
        async def listen(self, *place: object) -> socket.socket:
            opened.append(str(place))
            raise AssertionError

    gateway = NetworkGateway(Recording(), NetworkPolicy(deny=["evil.example"]))
    await gateway.ensure_started()
    await gateway.close()
    assert opened == []


async def test_a_listener_that_cannot_be_opened_is_told() -> None:
    listeners = LoopbackListeners()
    listeners.failures["198.18.0.1", 53, "tcp"] = errno.EMFILE
    gateway = NetworkGateway(listeners, NetworkPolicy(allow=["api.example.com"]))
    before = descriptors()

    with pytest.raises(OSError, match="Too many open files"):
        await gateway.ensure_started()
    assert descriptors() == before
    listeners.failures.clear()
    await gateway.ensure_started()
    await gateway.close()


async def test_a_look_up_in_a_machine_that_is_ending_stays_without_answer() -> None:
    asked = asyncio.Event()

    class Ending(LoopbackListeners):
        async def listen(self, address: str, port: int, kind: Kind) -> socket.socket:
            if port == 53:
                return await super().listen(address, port, kind)
            asked.set()
            raise MachineError("the machine has ended")

    failures: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: failures.append(context))
    listeners = Ending()
    gateway = NetworkGateway(listeners, NetworkPolicy(allow=["api.example.com"]))
    await gateway.ensure_started()
    query = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + encode_name("api.example.com")
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect(listeners.place("198.18.0.1", 53, "udp"))
        sock.send(query + b"\0\1\0\1")
        await asked.wait()
        await gateway.close()
        with pytest.raises((BlockingIOError, ConnectionRefusedError)):
            sock.recv(100)
    assert failures == []


async def test_closing_leaves_no_descriptor_and_no_task(
    world: World, inside: NetworkNamespace
) -> None:
    never = asyncio.Event()

    async def hang(address: str, port: int) -> socket.socket:
        await never.wait()
        raise AssertionError

    policy = NetworkPolicy(allow=["api.example.com", "10.0.0.5:5432"])
    gateway = NetworkGateway(inside, policy, resolve=world.resolve, connect=world.connect)
    waiting = NetworkGateway(inside, policy, resolve=world.resolve, connect=hang)
    tasks, fds = asyncio.all_tasks(), descriptors()
    await gateway.ensure_started()
    addresses = await inside.getaddrinfo("api.example.com")
    clients = [await inside.connect(address, 80) for address in addresses]
    clients.append(await inside.connect("198.18.0.1", 53))
    for client in clients[:-1]:
        assert await say(client, b"x") == b"x"
    await gateway.close()
    await waiting.allow("10.0.0.6:80")
    clients.append(await inside.connect("10.0.0.6", 80))
    await asyncio.sleep(0.01)
    await waiting.close()

    for client in clients:
        client.close()
    async with asyncio.timeout(5):
        # The echo server's own connections end when it notices.
        while descriptors() != fds or asyncio.all_tasks() != tasks:
            await asyncio.sleep(0.001)
    for address, port in ((addresses[0], 80), ("10.0.0.5", 5432), ("198.18.0.1", 53)):
        with pytest.raises(ConnectionRefusedError):
            await inside.connect(address, port)
    await gateway.close()
