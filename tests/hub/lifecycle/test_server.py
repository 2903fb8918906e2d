"""The server inside the test: what ends in good order, where it listens, and TLS."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from tests.hub.conftest import Serve

from agentos.errors import AgentOsError, ConfigInvalid
from agentos.hub import health
from agentos.hub.hub import Hub
from agentos.hub.lifecycle.client import answers
from agentos.hub.lifecycle.endpoint import Endpoint, open_endpoint
from agentos.hub.lifecycle.notify import notify
from agentos.hub.lifecycle.running import Running
from agentos.hub.settings import HubSettings


class Slow:
    """A part with a request that takes until it is let go, and a stream that ends with the hub."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.go = asyncio.Event()

    def __call__(self, app: FastAPI, hub: Hub) -> None:
        @app.get("/slow")
        async def slow() -> str:
            self.entered.set()
            await self.go.wait()
            return "done"

        @app.get("/events")
        async def events() -> StreamingResponse:
            async def stream() -> AsyncIterator[bytes]:
                yield b"first "
                self.entered.set()
                await hub.closing.wait()
                yield b"last"

            return StreamingResponse(stream())


async def test_a_request_in_flight_ends_before_the_hub_does(serving: Serve) -> None:
    slow = Slow()
    async with serving(slow) as on, asyncio.TaskGroup() as group:
        answer = group.create_task(on.client.get("/slow"))
        await slow.entered.wait()
        on.server.stop()
        await _until_closed(on.endpoint)
        slow.go.set()
    assert answer.result().json() == "done"


async def _until_closed(endpoint: Endpoint) -> None:
    while endpoint.socket.fileno() >= 0:
        await asyncio.sleep(0.01)


async def test_a_request_without_end_is_ended_by_the_second_signal(serving: Serve) -> None:
    slow = Slow()
    async with serving(slow) as on:
        asking = asyncio.create_task(on.client.get("/slow"))
        await slow.entered.wait()
        on.server.stop()
        await _until_closed(on.endpoint)
        on.server.stop()
        with pytest.raises(httpx2.RemoteProtocolError):
            await asking
    assert on.server.server_state.tasks == set()


async def test_streams_are_told_that_the_hub_ends(serving: Serve) -> None:
    slow = Slow()
    async with serving(slow) as on, asyncio.TaskGroup() as group:
        answer = group.create_task(on.client.get("/events"))
        await slow.entered.wait()
        on.server.stop()
    assert answer.result().text == "first last"


async def test_while_it_drains_it_answers_and_sends_connections_away(serving: Serve) -> None:
    slow = Slow()
    async with serving(slow, health.add) as on:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(on.client.get("/slow"))
            await slow.entered.wait()
            await on.client.get("/healthz")
            on.server.drain()
            last = await on.client.get("/healthz")  # over the connection of the one before
            slow.go.set()
        assert last.headers["connection"] == "close"
        assert waiting.result().json() == "done"
        await _until_closed(on.endpoint)


def test_a_taken_port_is_stepped_over_and_told_unless_it_was_chosen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = open_endpoint(HubSettings(port=port), chosen=False)
        with found.socket:
            assert found.port != port
            assert f"port {port} is taken by another program" in found.note
            assert str(found.port) in found.note
        with pytest.raises(AgentOsError, match="is taken") as caught:
            open_endpoint(HubSettings(port=port), chosen=True)
    assert caught.value.code == "port_taken"


def test_connections_are_without_delay() -> None:
    endpoint = open_endpoint(HubSettings(port=0), chosen=True)
    with endpoint.socket, socket.create_connection(("127.0.0.1", endpoint.port)):
        endpoint.socket.setblocking(True)
        accepted, _ = endpoint.socket.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_needs_no_tls(host: str) -> None:
    endpoint = open_endpoint(HubSettings(host=host, port=0), chosen=True)
    with endpoint.socket:
        name = f"[{host}]" if ":" in host else host
        assert endpoint.url == f"http://{name}:{endpoint.port}"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "hub.example", ""])
def test_elsewhere_it_does_not_listen_without_tls(host: str) -> None:
    with pytest.raises(ConfigInvalid, match="without TLS") as caught:
        open_endpoint(HubSettings(host=host, port=0), chosen=True)
    assert caught.value.code == "host_not_loopback"


def test_half_of_tls_is_none(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.write_text("")
    with pytest.raises(ConfigInvalid, match="needs both"):
        open_endpoint(HubSettings(port=0, tls_certificate=certificate), chosen=True)
    missing = HubSettings(port=0, tls_certificate=certificate, tls_key=tmp_path / "none")
    with pytest.raises(ConfigInvalid, match="there is no file"):
        open_endpoint(missing, chosen=True)


def self_signed(place: Path) -> tuple[Path, Path]:
    """Make a certificate for the loopback address, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hub")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = place / "certificate.pem", place / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


async def test_with_tls_it_listens_everywhere_and_speaks_tls_only(
    serving: Serve, tmp_path: Path
) -> None:
    certificate, key = self_signed(tmp_path)
    settings = HubSettings(host="0.0.0.0", port=0, tls_certificate=certificate, tls_key=key)
    trust = ssl.create_default_context(cafile=str(certificate))
    async with serving(health.add, settings=settings, verify=trust) as on:
        assert on.endpoint.url == f"https://127.0.0.1:{on.endpoint.port}"
        assert (await on.client.get("/healthz")).json() == {"status": "ok"}
        assert (await on.client.get("/openapi.json")).status_code == 200
        nobody = {"authorization": ""}
        assert (await on.client.get("/openapi.json", headers=nobody)).status_code == 401
        other = {"host": f"attacker.example:{on.endpoint.port}"}
        assert (await on.client.get("/healthz", headers=other)).status_code == 421
        running = Running(
            *(1, "", "", on.endpoint.port, on.endpoint.url, "", "", ""), str(certificate)
        )
        assert await asyncio.to_thread(answers, running)
        plain = Running(
            1, "", "", on.endpoint.port, f"http://127.0.0.1:{on.endpoint.port}", "", "", ""
        )
        assert not await asyncio.to_thread(answers, plain)


def test_the_service_manager_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(place)
        manager.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", place)
        notify("MAINPID=7\nREADY=1")
        assert manager.recv(100) == b"MAINPID=7\nREADY=1"
        monkeypatch.delenv("NOTIFY_SOCKET")
        notify("READY=1")
        manager.setblocking(False)
        with pytest.raises(BlockingIOError):
            manager.recv(100)
