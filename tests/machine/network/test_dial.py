from __future__ import annotations

import socket

import pytest

from agentos.errors import NetworkDenied
from agentos.machine.network import NetworkPolicy
from agentos.machine.network.dial import connect, connect_first, permitted, resolve

PUBLIC = "203.0.113.10"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "169.254.0.1",
        "169.254.169.254",
        "192.0.0.192",
        "198.18.1.0",
        "198.19.255.255",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:203.0.113.10",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fd00::1",
        "fd00:ec2::254",
        "fd00:a605::1",
        "ff02::1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::169.254.169.254",
        "2002:7f00:1::",
    ],
)
def test_a_public_name_never_leads_to_a_special_address(address: str) -> None:
    policy = NetworkPolicy(allow=["*"], default="allow")

    with pytest.raises(NetworkDenied, match=r"rebind\.example resolves to"):
        permitted("rebind.example", [address], 443, policy)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2001:4860:4860::8888", "64:ff9b::808:808"])
def test_a_public_address_may_be_dialled(address: str) -> None:
    policy = NetworkPolicy(allow=["api.example.com"])

    assert permitted("api.example.com", [address], 443, policy) == [address]


def test_only_the_forbidden_ones_among_several_are_left_out() -> None:
    policy = NetworkPolicy(allow=["api.example.com"])

    assert permitted("api.example.com", ["10.0.0.1", PUBLIC], 443, policy) == [PUBLIC]


def test_a_private_address_may_be_dialled_on_the_port_that_names_it() -> None:
    policy = NetworkPolicy(allow=["db.example:5432", "db.example:22", "10.0.0.0/24:5432"])

    assert permitted("db.example", ["10.0.0.5"], 5432, policy) == ["10.0.0.5"]
    with pytest.raises(NetworkDenied):
        permitted("db.example", ["10.0.0.5"], 22, policy)


def test_a_denied_address_is_not_dialled_under_any_name() -> None:
    policy = NetworkPolicy(allow=["api.example.com"], deny=["203.0.113.0/24"])

    with pytest.raises(NetworkDenied, match=r"denied by 203\.0\.113\.0/24"):
        permitted("api.example.com", [PUBLIC], 443, policy)


async def test_the_next_address_is_tried_when_one_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        sock, address = await connect_first(["127.0.0.2", "127.0.0.1"], port, connect)
        with sock:
            assert address == "127.0.0.1"
            assert sock.getpeername() == ("127.0.0.1", port)


async def test_the_error_of_the_last_address_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        with pytest.raises(ConnectionRefusedError):
            await connect_first(["127.0.0.1"], taken.getsockname()[1], connect)


async def test_the_host_resolves_names() -> None:
    found = await resolve("localhost")

    assert set(found) & {"127.0.0.1", "::1"}
    assert len(found) == len(set(found))
