"""TLS stays between the two ends, and asks for the name that the connection is for."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.machine.network.world import PUBLIC, World, ended, gateway_for, say

from agentos.errors import NetworkDenied
from agentos.machine.network import NetworkPolicy, hello
from agentos.machine.network.hello import _Incomplete, server_name
from agentos.testing.namespace import NetworkNamespace


def client_hello(name: str | None) -> bytes:
    """What the real OpenSSL says first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def in_records(data: bytes, size: int) -> bytes:
    """The same message, in many small TLS records."""
    body = data[5:]
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(data[:3] + len(piece).to_bytes(2, "big") + piece for piece in pieces)


@pytest.mark.parametrize("name", ["api.example.com", "API.Example.COM", "xn--bcher-kva.example"])
def test_the_name_is_found_however_the_message_is_cut(name: str) -> None:
    data = client_hello(name)
    assert server_name(data) == name.lower()
    assert server_name(in_records(data, 7)) == name.lower()


def test_a_hello_without_a_name_has_none() -> None:
    assert server_name(client_hello(None)) is None


def test_every_beginning_of_a_hello_is_unfinished() -> None:
    data = client_hello("api.example.com")
    for size in range(len(data)):
        with pytest.raises(_Incomplete):
            server_name(data[:size])


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_name_or_denied(noise: bytes) -> None:
    try:
        server_name(b"\x16\x03\x01" + noise)
    except (NetworkDenied, _Incomplete):
        return


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_hello_is_a_name_or_denied(place: int, value: int) -> None:
    data = bytearray(client_hello("api.example.com"))
    data[place % len(data)] = value
    try:
        server_name(bytes(data))
    except (NetworkDenied, _Incomplete):
        return


@pytest.fixture
async def tls(tmp_path: Path, world: World) -> AsyncIterator[Path]:
    """The world's server speaks TLS now; yields its certificate."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=x", "-addext", "subjectAltName=DNS:api.example.com,DNS:other.example"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    process = await asyncio.create_subprocess_exec(
        *(*command, "-nodes", "-keyout", str(key), "-out", str(certificate), *subject),
        stderr=subprocess.DEVNULL,
    )
    assert await process.wait() == 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context) as server:
        world.port = server.sockets[0].getsockname()[1]
        yield certificate


async def talk(sock: socket.socket, certificate: Path, name: str) -> bytes:
    context = ssl.create_default_context(cafile=certificate)
    reader, writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=name)
    try:
        writer.write(b"hello")
        return await reader.readexactly(5)
    finally:
        writer.transport.abort()


async def test_tls_for_the_name_of_the_connection_goes_through_untouched(
    world: World, inside: NetworkNamespace, tls: Path
) -> None:
    async with gateway_for(world, inside, NetworkPolicy(allow=["api.example.com"])) as gateway:
        [address] = await inside.getaddrinfo("api.example.com", socket.AF_INET)
        sock = await inside.connect(address, 443)
        assert await talk(sock, tls, "api.example.com") == b"hello"
        record = await ended(gateway)
    assert record.verdict == "allowed"
    assert record.bytes_out > 200


async def test_tls_for_another_name_is_cut_off_before_a_byte_leaves(
    world: World, inside: NetworkNamespace, tls: Path
) -> None:
    async with gateway_for(world, inside, NetworkPolicy(allow=["api.example.com"])) as gateway:
        [address] = await inside.getaddrinfo("api.example.com", socket.AF_INET)
        sock = await inside.connect(address, 443)
        with pytest.raises((ConnectionResetError, ssl.SSLError)):
            await talk(sock, tls, "other.example")
        record = await ended(gateway)
    assert (record.verdict, record.bytes_out) == ("denied", 0)
    assert record.reason == "TLS asks for other.example, and the connection is for api.example.com"


async def test_a_literal_address_may_be_asked_for_any_name(
    world: World, inside: NetworkNamespace, tls: Path
) -> None:
    async with gateway_for(world, inside, NetworkPolicy(allow=[PUBLIC])):
        sock = await inside.connect(PUBLIC, 443)
        assert await talk(sock, tls, "other.example") == b"hello"


async def test_a_hello_that_comes_bit_by_bit_is_waited_for(
    world: World, inside: NetworkNamespace
) -> None:
    loop = asyncio.get_running_loop()
    data = in_records(client_hello("api.example.com"), 100)
    async with gateway_for(world, inside, NetworkPolicy(allow=["api.example.com"])) as gateway:
        [address] = await inside.getaddrinfo("api.example.com", socket.AF_INET)
        with await inside.connect(address, 443) as sock:
            for start in range(0, len(data), 50):
                await loop.sock_sendall(sock, data[start : start + 50])
                await asyncio.sleep(0)
            echoed = b""
            while len(echoed) < len(data):
                echoed += await loop.sock_recv(sock, 10_000)
            assert echoed == data
        assert (await ended(gateway)).bytes_out == len(data)


@pytest.mark.parametrize("rest", [b"\x03\x01\xff\xff" + bytes(20_000), b"\x03\x01", b"GARBAGE"])
async def test_a_hello_without_an_end_is_cut_off(
    world: World, inside: NetworkNamespace, monkeypatch: pytest.MonkeyPatch, rest: bytes
) -> None:
    monkeypatch.setattr(hello, "SECONDS", 0.05)
    async with gateway_for(world, inside, NetworkPolicy(allow=["api.example.com"])) as gateway:
        [address] = await inside.getaddrinfo("api.example.com", socket.AF_INET)
        with (
            await inside.connect(address, 443) as sock,
            pytest.raises((ConnectionResetError, BrokenPipeError)),
        ):
            await say(sock, b"\x16" + rest)
        assert (await ended(gateway)).verdict == "denied"


async def test_a_server_that_speaks_first_is_heard_at_once(
    world: World, inside: NetworkNamespace
) -> None:
    loop = asyncio.get_running_loop()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello")
        writer.write_eof()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        world.port = server.sockets[0].getsockname()[1]
        async with gateway_for(world, inside, NetworkPolicy(allow=["mail.example:25"])):
            world.names["mail.example"] = [PUBLIC]
            [address] = await inside.getaddrinfo("mail.example", socket.AF_INET)
            with await inside.connect(address, 25) as sock:
                assert await loop.sock_recv(sock, 100) == b"220 hello"
