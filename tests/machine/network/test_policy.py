from __future__ import annotations

import pickle
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos.errors import ConfigInvalid
from agentos.machine.network import NetworkPolicy
from agentos.machine.network.rules import host_of


@pytest.mark.parametrize(
    ("entry", "host", "ports"),
    [
        ("api.example.com", "api.example.com", {80, 443}),
        ("api.example.com:8443", "api.example.com", {8443}),
        ("API.Example.COM.:8443", "api.example.com", {8443}),
        ("api.example.com", "API.example.com.", {80, 443}),
        ("*.example.org:443", "a.example.org", {443}),
        ("*.example.org:443", "a.b.c.example.org", {443}),
        ("*.example.org:443", "example.org", set()),
        ("*.example.org:443", "badexample.org", set()),
        ("bücher.example", "xn--bcher-kva.example", {80, 443}),
        ("xn--bcher-kva.example", "BÜCHER.example", {80, 443}),
        ("*", "anything.example", {22, 80, 443}),
        ("*:8443", "anything.example", {8443}),
        ("10.0.0.5:5432", "10.0.0.5", {5432}),
        ("10.0.0.5:5432", "10.0.0.6", set()),
        ("10.1.0.0/16:5432", "10.1.200.3", {5432}),
        ("[2001:db8::1]:443", "2001:db8:0::1", {443}),
        ("2001:db8::1", "2001:db8::1", {80, 443}),
        ("[2001:db8::/32]:443", "2001:db8:ffff::9", {443}),
        ("host.agentos.internal:18080", "host.agentos.internal", {18080}),
        ("*", "host.agentos.internal", set()),
        ("*", "models.agentos.internal", set()),
        ("*.internal", "host.agentos.internal", set()),
        ("*", "localhost", set()),
        ("*", "10.0.0.5", set()),
        ("*", "not a name", set()),
    ],
)
def test_an_entry_allows_these_ports_of_a_host(entry: str, host: str, ports: set[int]) -> None:
    policy = NetworkPolicy(allow=[entry])

    assert policy.ports_for(host).open == ports
    for port in (22, 80, 443, 5432, 8443, 18080):
        rule = policy.allows(host, port)
        assert (rule is not None) == (port in ports)
        assert rule is None or rule.entry == entry


@pytest.mark.parametrize(
    ("entry", "hint"),
    [
        ("", "host and a port"),
        (" api.example.com", "host and a port"),
        ("https://api.example.com", "without the scheme"),
        ("api.example.com/v1", "write a host name"),
        ("api.example.com:", "1 to 65535"),
        ("api.example.com:0", "1 to 65535"),
        ("api.example.com:65536", "1 to 65535"),
        ("api.example.com:1000000443", "1 to 65535"),
        ("api.example.com:https", "1 to 65535"),
        ("api.example.com:٤٤٣", "1 to 65535"),
        ("api.*.com", "write a host name"),
        ("*example.com", "write a host name"),
        ("a..b", "write a host name"),
        ("-a.example", "write a host name"),
        (f"{'a' * 64}.example", "write a host name"),
        (".".join(["abcdefgh"] * 30), "write a host name"),
        ("10.0.0", "write a host name"),
        ("010.0.0.1", "write a host name"),
        ("0x7f.1", "write a host name"),
        ("10.1.2.3/16:5432", "without host bits"),
        ("[2001:db8::1:443", "[2001:db8::1]:443"),
        ("fe80::1%eth0", "write a host name"),
        ("127.0.0.1:5432", "host.agentos.internal:5432"),
        ("[::1]:5432", "host.agentos.internal:5432"),
        ("localhost:5432", "host.agentos.internal:5432"),
        ("0.0.0.0/0:443", "never be reached"),
        ("::/0", "never be reached"),
        ("198.18.1.0:443", "never be reached"),
        ("[fd00:a605::1]:443", "never be reached"),
        ("[::ffff:10.0.0.1]:443", "never be reached"),
        ("224.0.0.1:443", "never be reached"),
        ("host.agentos.internal", "name the port"),
        ("host.agentos.internal:*", "name the port"),
        ("models.agentos.internal", "leave it out"),
        ("*.agentos.internal", "leave it out"),
    ],
)
def test_an_entry_that_cannot_be_used_is_named_with_a_hint(entry: str, hint: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        NetworkPolicy(allow=[entry])

    assert repr(entry) in caught.value.message
    assert hint in (caught.value.hint or "")


def test_a_text_instead_of_a_list_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="not a list"):
        NetworkPolicy(allow="api.example.com")


def test_an_unknown_default_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="maybe"):
        NetworkPolicy(default="maybe")  # type: ignore[arg-type]


def test_deny_wins_over_allow_on_every_port_unless_it_names_one() -> None:
    policy = NetworkPolicy(
        allow=["*.example.org:443", "*.example.org:8443"],
        deny=["evil.example.org", "half.example.org:8443", "*.bad.example.org:*"],
    )

    assert policy.ports_for("good.example.org").open == {443, 8443}
    assert policy.ports_for("evil.example.org").open == set()
    assert policy.ports_for("half.example.org").open == {443}
    assert policy.ports_for("a.bad.example.org").open == set()
    denied = policy.match("evil.example.org", 443)
    assert denied is not None
    assert (denied.action, denied.entry) == ("deny", "evil.example.org")


def test_every_port_of_a_host_can_be_allowed() -> None:
    policy = NetworkPolicy(allow=["api.example.com:*"], deny=["api.example.com:25"])
    ports = policy.ports_for("api.example.com")

    assert ports
    assert 1 in ports
    assert 65535 in ports
    assert 25 not in ports
    assert policy.allows("api.example.com", 25) is None


def test_allow_by_default_opens_what_is_public() -> None:
    policy = NetworkPolicy(default="allow", deny=["evil.example"])

    for port in (22, 443, 5432):
        assert policy.allows("api.example.com", port)
        assert policy.allows("203.0.113.9", port)
        assert policy.allows("2001:db8::1", port)
    for host in ("10.0.0.5", "127.0.0.1", "169.254.169.254", "fd00::1", "::1", "0.0.0.0"):
        assert policy.allows(host, 443) is None
    assert not policy.ports_for("evil.example")
    assert not policy.ports_for("host.agentos.internal")


def test_the_last_entry_that_matches_decides() -> None:
    policy = NetworkPolicy(allow=["a.example"], deny=["*.example", "*"])

    assert not policy.ports_for("a.example")
    policy = policy.extended(allow=["a.example:443"])
    assert policy.ports_for("a.example").open == {443}
    assert not policy.ports_for("b.example")
    policy = policy.extended(deny=["a.example"])
    assert not policy.ports_for("a.example")
    for _ in range(3):
        policy = policy.extended(allow=["a.example:443"])
    assert policy.ports_for("a.example").open == {443}
    assert len(policy.changes) == 2


def test_nothing_is_allowed_to_begin_with() -> None:
    assert NetworkPolicy().allows_nothing
    assert NetworkPolicy(deny=["evil.example"]).allows_nothing
    assert not NetworkPolicy(default="allow").allows_nothing
    assert not NetworkPolicy(allow=["api.example.com"]).allows_nothing


def test_a_network_does_not_name_link_local_or_metadata_addresses() -> None:
    metadata = ip_address("169.254.169.254")

    assert NetworkPolicy(allow=["169.254.0.0/16:80"]).allows(metadata, 80) is None
    assert NetworkPolicy(allow=["169.254.169.254:80"]).allows(metadata, 80) is not None


def test_extending_leaves_the_original_alone() -> None:
    policy = NetworkPolicy(allow=["a.example"])
    more = policy.extended(allow=["b.example"], deny=["c.example"])

    assert policy == NetworkPolicy(allow=("a.example",))
    assert more.changes == (("allow", "b.example"), ("deny", "c.example"))
    assert more.ports_for("b.example").open == {80, 443}
    with pytest.raises(ConfigInvalid):
        policy.extended(allow=["b.example:0"])


def test_a_policy_can_be_pickled_and_hashed() -> None:
    policy = NetworkPolicy(allow=["a.example", "10.0.0.0/24"])
    copy = pickle.loads(pickle.dumps(policy))

    assert copy == policy
    assert hash(copy) == hash(policy)
    assert copy.ports_for("a.example").open == {80, 443}


@given(st.text(max_size=40))
def test_any_text_is_either_an_entry_or_config_invalid(entry: str) -> None:
    try:
        understood = not NetworkPolicy(allow=[entry]).allows_nothing
    except ConfigInvalid as error:
        understood = repr(entry) in error.message
    assert understood


@given(st.text(max_size=40))
def test_a_normalised_host_stays_as_it_is(text: str) -> None:
    host = host_of(text)

    assert host is None or host_of(str(host)) == host
