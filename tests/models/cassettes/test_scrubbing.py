"""No secret survives, however it comes."""

from __future__ import annotations

import itertools
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos.models.cassettes.events import scrub_events, split_events
from agentos.models.cassettes.normal_form import Rules, normal_form
from agentos.models.cassettes.scrubbing import Scrubber, secrets_of
from agentos.models.upstream import UpstreamRequest, Wire

KEY = "the-real-key-0123456789"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"before {KEY} after", "before <secret> after"),
        ("sk-proj-abcdefghijklmnop0123", "<secret>"),
        ("token ghp_abcdefghijklmnopqrstuvwxyz", "token <secret>"),
        ("authorization: Bearer abcdef0123456789", "authorization: Bearer <secret>"),
        ("Authorization: opaque99", "Authorization: <secret>"),
        ("SOME_API_KEY=value-12345\nPATH=/bin", "SOME_API_KEY=<secret>\nPATH=/bin"),
        ('{"api_key": "short"}', '{"api_key": "<secret>"}'),
        (r"{\"password\": \"short\"}", r"{\"password\": \"<secret>\"}"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl", "<secret>"),
        ("-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\nx", "<secret>\nx"),
        ("agentos-0123456789abcdef-" + "s" * 43, "<secret>"),
    ],
)
def test_secrets_are_known_by_value_form_and_place(text: str, left: str) -> None:
    assert Scrubber([KEY]).text(text) == left


@pytest.mark.parametrize(
    "text",
    ["password = input()", "a key=value pair", "max_tokens: 100", "the bearer of news", "sk-short"],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Scrubber([KEY]).text(text) == text


def test_fields_are_secret_by_name() -> None:
    said = {
        "Authorization": "x",
        "client_secret": "y",
        "max_tokens": 7,
        "logprobs": [{"token": "a"}],
    }
    left = {**said, "Authorization": "<secret>", "client_secret": "<secret>"}
    assert Scrubber().data(said) == left


def test_variables_are_secret_by_name_if_they_look_like_it() -> None:
    environment = {
        "A_KEY": "abcdefg1",
        "GITHUB_TOKEN": "abcdefg2",
        "KEYBOARD": "abcdefg3",
        "SSH_KEY": "/path/to/key1",
        "AUTH_TOKEN": "disabled",
    }
    assert secrets_of(environment) == ["abcdefg1", "abcdefg2"]


def _delta(wire: str, text: str, number: int) -> str:
    data: dict[str, object]
    if wire == "responses":
        kind = "response.output_text.delta"
        data = {"type": kind, "item_id": "i", "sequence_number": number, "delta": text}
    elif wire == "chat":
        data = {"id": "c", "choices": [{"index": 0, "delta": {"content": text}}]}
    else:
        part = {"type": "text_delta", "text": text}
        data = {"type": "content_block_delta", "index": 0, "delta": part}
    return f"data: {json.dumps(data)}\n\n"


@pytest.mark.parametrize("wire", ["responses", "chat", "messages"])
@given(cuts=st.lists(st.integers(0, len(KEY) + 10), max_size=8))
def test_a_secret_in_pieces_is_found(wire: str, cuts: list[int]) -> None:
    whole = f"here: {KEY} ok"
    places = [0, *sorted(cuts), len(whole)]
    pieces = [whole[a:b] for a, b in itertools.pairwise(places)]
    stream = "".join(_delta(wire, piece, number) for number, piece in enumerate(pieces))
    events = scrub_events(split_events(stream, cut_off=False), Scrubber([KEY]))
    assert len(events) == len(pieces)
    assert "".join(_text(event) for event in events) == "here: <secret> ok"


def _text(event: str) -> str:
    data = json.loads(event.removeprefix("data: "))
    delta = data["choices"][0]["delta"]["content"] if "choices" in data else data["delta"]
    return str(delta["text"] if isinstance(delta, dict) else delta)


def test_the_beginning_of_a_secret_at_the_end_of_a_broken_stream_goes_too() -> None:
    stream = (
        _delta("responses", "it is the-re", 0) + _delta("responses", "al-key-01", 1) + "data: {"
    )
    events = split_events(stream, cut_off=True)
    assert len(events) == 2
    scrubbed = "".join(scrub_events(events, Scrubber([KEY]), cut_off=True))
    assert "the-re" not in scrubbed
    assert "al-key" not in scrubbed


def test_two_texts_side_by_side_are_not_mixed() -> None:
    def event(item: str, text: str) -> str:
        return f"data: {json.dumps({'type': 't.delta', 'item_id': item, 'delta': text})}\n\n"

    told = [event("a", KEY[:9]), event("b", "other "), event("a", KEY[9:]), event("b", "text")]
    scrubbed = scrub_events(told, Scrubber([KEY]))
    assert [_text(e) for e in scrubbed] == ["<secret>", "other ", "", "text"]
    assert scrubbed[1] == told[1]


@given(st.text(alphabet='ab\n\r:{}" ', max_size=60))
def test_splitting_loses_nothing(text: str) -> None:
    assert "".join(split_events(text, cut_off=False)) == text


@pytest.mark.parametrize(
    "part", ["eyJ-", "AKEY=", "Bearer ", "/tmp/_.", "sk-", '\\"api_key', "-----BEGIN ", "A", "msg_"]
)
def test_hostile_texts_take_no_longer_than_others(part: str) -> None:
    """An agent's machine must not keep the host busy: four times the text, not sixteen times."""

    def steps(size: int) -> float:
        text = "/tmp/" + part * (size // len(part))
        request = UpstreamRequest(Wire.RESPONSES, "responses", "m", b"", {"input": text})
        start = time.process_time()
        normal_form(request, Scrubber([KEY]), Rules())
        return time.process_time() - start

    steps(10_000)
    assert steps(400_000) < 10 * max(steps(100_000), 0.01)
