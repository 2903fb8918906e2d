from __future__ import annotations

from ipaddress import ip_address

import pytest

from agentos.machine.network.addresses import AddressPool


def test_each_name_has_its_own_address_and_keeps_it() -> None:
    pool = AddressPool(lambda _: False)

    first = pool.assign("a.example", version=4)
    second = pool.assign("b.example", version=4)

    assert (str(first), str(second)) == ("198.18.1.0", "198.18.1.1")
    assert pool.assign("a.example", version=4) == first
    assert pool.assign("a.example", version=6) == ip_address("fd00:a605::198.18.1.0")


def test_an_address_leads_back_to_its_name() -> None:
    pool = AddressPool(lambda _: False)
    for version in (4, 6):
        address = pool.assign("a.example", version=version)
        assert address is not None
        assert pool.name_of(address) == "a.example"

    for other in ("198.18.0.1", "198.18.1.1", "10.0.0.1", "::1", "fd00:a605::1"):
        assert pool.name_of(ip_address(other)) is None


def test_the_name_that_was_asked_for_least_recently_gives_its_address_up() -> None:
    pool = AddressPool(lambda _: False, capacity=2)
    oldest = pool.assign("a.example", version=4)
    other = pool.assign("b.example", version=4)
    pool.assign("a.example", version=4)

    assert pool.assign("c.example", version=4) == other
    assert pool.assign("a.example", version=4) == oldest
    assert oldest is not None
    assert pool.name_of(oldest) == "a.example"


def test_a_name_with_live_connections_keeps_its_address() -> None:
    busy = {"a.example"}
    pool = AddressPool(busy.__contains__, capacity=2)
    kept = pool.assign("a.example", version=4)
    pool.assign("b.example", version=4)

    assert pool.assign("c.example", version=4) != kept
    busy.add("c.example")
    assert pool.assign("d.example", version=4) is None


def test_ten_thousand_names_fit() -> None:
    pool = AddressPool(lambda _: False)

    assert len({pool.assign(f"n{i}.example", version=4) for i in range(10_000)}) == 10_000


def test_there_is_no_room_for_more_names_than_addresses() -> None:
    with pytest.raises(ValueError, match="no room"):
        AddressPool(lambda _: False, capacity=200_000)
