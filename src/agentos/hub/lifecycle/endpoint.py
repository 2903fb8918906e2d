"""Where the hub listens: on loopback, unless it can keep what it says from others."""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass

from agentos.errors import AgentOsError, ConfigInvalid
from agentos.hub.settings import HubSettings

_BACKLOG = 1024
#: How many ports after the usual one are tried before any free one.
_NEAR = 20


@dataclass(frozen=True)
class Endpoint:
    """A socket that listens.

    Attributes:
        socket: It, bound; connections that come are kept until they are accepted.
        host: The address as it was asked for.
        tls: Whether clients have to speak TLS.
        note: What the user should know about the port.
    """

    socket: socket.socket
    host: str
    tls: bool
    note: str = ""

    @property
    def port(self) -> int:
        """The port."""
        return int(self.socket.getsockname()[1])

    @property
    def url(self) -> str:
        """Where clients on this host find it."""
        address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        name = f"[{address}]" if ":" in address else address
        return f"{'https' if self.tls else 'http'}://{name}:{self.port}"


def open_endpoint(settings: HubSettings, *, chosen: bool) -> Endpoint:
    """Begin to listen.

    Args:
        settings: Its `host`, `port` and TLS.
        chosen: Whether the user named this very port, so that no other one will do.

    Raises:
        ConfigInvalid: It would be reached from other hosts without TLS.
        AgentOsError: The port is taken, or the address is not this host's.
    """
    tls = _require_tls(settings)
    host, port = settings.host, settings.port
    try:
        return Endpoint(_listen(host, port), host, tls)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise _cannot(host, port, error) from error
        if chosen:
            raise AgentOsError(
                f"port {port} of {host} is taken by another program",
                code="port_taken",
                hint=f"`ss -ltnp 'sport = :{port}'` shows it; --port 0 takes any free port",
                retryable=True,
            ) from error
    free = _listen_near(host, port)
    note = f"port {port} is taken by another program: listening on {free.getsockname()[1]} instead"
    return Endpoint(free, host, tls, note)


def inherited_endpoint(settings: HubSettings, descriptor: int) -> Endpoint:
    """Take over a socket that listens already."""
    return Endpoint(socket.socket(fileno=descriptor), settings.host, _require_tls(settings))


def is_loopback(host: str) -> bool:
    """Whether only this host can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _require_tls(settings: HubSettings) -> bool:
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is not None and key is not None:
        for path in (certificate, key):
            if not path.is_file():
                raise ConfigInvalid(
                    f"there is no file {path}",
                    code="tls_file_missing",
                    hint="tls_certificate and tls_key in agentos.toml name PEM files",
                )
        return True
    if certificate is not None or key is not None:
        raise ConfigInvalid(
            "TLS needs both tls_certificate and tls_key",
            code="tls_incomplete",
            hint="set the other one in agentos.toml",
        )
    if not is_loopback(settings.host):
        raise ConfigInvalid(
            f"the hub does not listen on {settings.host} without TLS: others would read its token",
            code="host_not_loopback",
            hint="set tls_certificate and tls_key in agentos.toml, or stay with 127.0.0.1",
        )
    return False


def _listen_near(host: str, port: int) -> socket.socket:
    for near in range(port + 1, min(port + 1 + _NEAR, 65536)):
        try:
            return _listen(host, near)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise _cannot(host, near, error) from error
    return _listen(host, 0)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    endpoint = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    # Connections inherit it: else each answer in two writes waits for an ACK, 40 ms.
    endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    endpoint.setblocking(False)
    return endpoint


def _cannot(host: str, port: int, error: OSError) -> AgentOsError:
    return AgentOsError(
        f"the hub cannot listen on {host}:{port}: {error.strerror or error}",
        code="cannot_listen",
        hint="choose another address with --host, or another port with --port",
    )
