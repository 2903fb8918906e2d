from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos.machine.network.dns import (
    AAAA,
    PTR,
    A,
    Code,
    MalformedQuery,
    encode_name,
    parse_query,
    reverse_address,
)

OPT = b"\0\0\x29\x10\0\0\0\0\0\0\0"


def packet(name: bytes, kind: int = A, *, flags: int = 0x0100, extra: bytes = b"") -> bytes:
    header = struct.pack("!6H", 7, flags, 1, 0, 0, int(bool(extra)))
    return header + name + struct.pack("!HH", kind, 1) + extra


def test_a_query_is_read() -> None:
    query = parse_query(packet(b"\3API\7example\3com\0", AAAA, extra=OPT))

    assert (query.id, query.name, query.type, query.edns) == (7, "api.example.com", AAAA, True)


def test_a_reply_repeats_the_question_in_its_own_case() -> None:
    sent = packet(b"\3aPi\7ExAmple\3com\0")
    reply = parse_query(sent).reply(data=b"\xc6\x12\1\0")

    assert reply[:2] == sent[:2]
    assert reply[12 : len(sent)] == sent[12:]
    assert struct.unpack_from("!HHHH", reply, 2) == (0x8180, 1, 1, 0)
    assert reply[len(sent) :] == b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc6\x12\1\0"


def test_a_reply_has_an_opt_record_if_the_query_had_one() -> None:
    plain = parse_query(packet(b"\1a\0")).reply(Code.NXDOMAIN)
    extended = parse_query(packet(b"\1a\0", extra=OPT)).reply(Code.NXDOMAIN)

    assert plain[3] & 15 == extended[3] & 15 == Code.NXDOMAIN
    assert extended[len(plain) :][:3] == OPT[:3]
    assert struct.unpack_from("!H", extended, 10) == (1,)


@pytest.mark.parametrize(
    "name", [b"\0", b"\3a.b\0", b"\4a\0bc\3com\0", b"\3\xff\xfe\xfd\0", b"\1 \0"]
)
def test_a_name_that_no_host_has_is_none(name: bytes) -> None:
    assert parse_query(packet(name)).name is None


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"", None),
        (b"\0" * 11, None),
        (packet(b"\1a\0", flags=0x8180), None),
        (packet(b"\1a\0", flags=0x2000), Code.NOTIMP),
        (struct.pack("!6H", 7, 0, 0, 0, 0, 0), Code.FORMERR),
        (struct.pack("!6H", 7, 0, 2, 0, 0, 0) + b"\1a\0\0\1\0\1" * 2, Code.FORMERR),
        (packet(b"\xc0\x0c"), Code.FORMERR),
        (packet(b"\x3fabc"), Code.FORMERR),
        (packet(b"\1a\0")[:-1], Code.FORMERR),
        (packet((b"\x3f" + b"a" * 63) * 4 + b"\0"), Code.FORMERR),
        (packet(b"\1a\0")[:-1] + b"\3", Code.REFUSED),
    ],
)
def test_a_broken_packet_gets_an_error_or_silence(sent: bytes, code: Code | None) -> None:
    with pytest.raises(MalformedQuery) as caught:
        parse_query(sent)

    reply = caught.value.reply
    assert (reply[3] & 15 if reply else None) == code
    assert reply is None or (reply[:2] == sent[:2] and reply[2] & 0x80)


@given(st.binary(max_size=600))
def test_no_packet_raises_anything_else(sent: bytes) -> None:
    try:
        query = parse_query(sent)
    except MalformedQuery:
        return
    assert parse_query(query.reply()[:2] + sent[2:]).question in query.reply()


@given(st.binary(max_size=80), st.integers(0, 0x7FFF))
def test_no_question_raises_anything_else(question: bytes, flags: int) -> None:
    sent = struct.pack("!6H", 7, flags & 0x07FF, 1, 0, 0, 1) + question
    reply: bytes | None = sent
    name = None
    try:
        name = parse_query(sent).name
    except MalformedQuery as malformed:
        reply = malformed.reply
    assert reply is not None
    assert reply[:2] == sent[:2]
    assert name is None or name == name.lower()


@given(st.lists(st.from_regex(r"[a-z0-9_-]{1,63}", fullmatch=True), min_size=1, max_size=3))
def test_an_encoded_name_is_read_back(labels: list[str]) -> None:
    name = ".".join(labels)

    assert parse_query(packet(encode_name(name), PTR)).name == name


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("5.1.18.198.in-addr.arpa", "198.18.1.5"),
        (f"{'0.' * 31}1.ip6.arpa", "1000::"),
        ("18.198.in-addr.arpa", None),
        ("x.1.18.198.in-addr.arpa", None),
        ("1.0.ip6.arpa", None),
        (f"{'g.' * 32}ip6.arpa", None),
        ("api.example.com", None),
    ],
)
def test_the_address_in_a_reverse_name(name: str, address: str | None) -> None:
    assert reverse_address(name) == (ip_address(address) if address else None)


@given(st.text(max_size=80), st.sampled_from(["", ".in-addr.arpa", ".ip6.arpa"]))
def test_no_reverse_name_raises(name: str, domain: str) -> None:
    reverse_address(name + domain)
