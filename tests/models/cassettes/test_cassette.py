"""A cassette between a session and a provider over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.models.cassettes.conftest import Recording, nobody
from tests.models.gateway.conftest import REAL_KEY, Answering, answer, events

from agentos import CassetteMismatch, ConfigInvalid, Price, cassette
from agentos.models.cassettes.active import active_cassette
from agentos.models.cassettes.cassette import CassetteUnused


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tapes" / "calls.yaml"


async def echo(answering: Answering) -> None:
    """Say what was asked."""
    await answering.stream(events(str(answering.asked.json["input"])))


async def echo_json(answering: Answering) -> None:
    await answering.json(200, {"said": answering.asked.json["input"], "n": 1.5, "t": "a\nb"})


async def record(path: Path, recorded: Recording, *texts: str, **settings: object) -> list[bytes]:
    async with cassette(path, mode="all") as tape, recorded(tape, echo, **settings) as session:
        return [(await session.post(text)).content for text in texts]


async def test_a_stream_is_replayed_byte_for_byte(path: Path, recorded: Recording) -> None:
    heard = await record(path, recorded, "one", "two")
    async with cassette(path) as tape, recorded(tape, nobody) as session:
        again = [await session.post(text) for text in ("one", "two")]
        assert [a.content for a in again] == heard == [events("one"), events("two")]
        assert again[0].headers["content-type"] == "text/event-stream"
        assert session.provider.asked == []
        assert tape.unused == []
        assert [call.tokens.output for call in session.gateway.calls if call.tokens] == [20, 20]


async def test_a_replayed_call_costs_nothing(path: Path, recorded: Recording) -> None:
    prices = {"played/m": Price(input=1.0, output=1.0)}
    async with cassette(path) as tape, recorded(tape, echo, prices=prices) as session:
        await session.post("one")
        assert session.gateway.calls[0].price == pytest.approx(120e-6)
    async with cassette(path) as tape, recorded(tape, nobody, prices=prices) as session:
        await session.post("one")
        assert session.gateway.calls[0].price == 0.0


async def test_json_and_compressed_answers(path: Path, recorded: Recording) -> None:
    async def zipped(answering: Answering) -> None:
        data = gzip.compress(events("small"))
        await answering.stream(data, {"content-encoding": "gzip"})

    async with cassette(path, mode="all") as tape, recorded(tape, echo_json) as session:
        plain = (await session.post("one", stream=False)).json()
    async with cassette(path, mode="new_episodes") as tape, recorded(tape, zipped) as session:
        assert (await session.post("one", stream=False)).json() == plain
        session.client.headers["accept-encoding"] = "gzip"
        assert (await session.post("two")).content == events("small")
    assert "event: response.created" in path.read_text()
    async with cassette(path) as tape, recorded(tape, nobody) as session:
        assert (await session.post("one", stream=False)).json() == plain
        assert (await session.post("two")).content == events("small")


async def test_a_refusal_is_replayed_without_waiting(path: Path, recorded: Recording) -> None:
    async def busy(answering: Answering) -> None:
        await answering.json(429, {"error": {"message": "later"}}, {"retry-after": "3600"})

    async with cassette(path) as tape, recorded(tape, busy) as session:
        assert (await session.post("one")).headers["retry-after"] == "3600"
    async with cassette(path) as tape, recorded(tape, nobody) as session:
        again = await session.post("one")
        assert (again.status_code, again.headers["retry-after"]) == (429, "0")
        assert again.json()["error"]["message"] == "later"


async def test_a_stream_that_breaks_off_does_so_again(path: Path, recorded: Recording) -> None:
    async def broken(answering: Answering) -> None:
        await answering.begin()
        await answering.chunk(b"data: whole\n\n")
        await answering.chunk(b"data: ha")
        answering.writer.transport.abort()

    for script in (broken, nobody):
        async with cassette(path) as tape, recorded(tape, script) as session:
            with pytest.raises(httpx2.RemoteProtocolError):
                await session.post("one")
        assert "ending: broken_off" in path.read_text()
        assert "whole" in path.read_text()


async def test_a_client_that_left_is_waited_for_again(path: Path, recorded: Recording) -> None:
    async def half(answering: Answering) -> None:
        await answering.stream_head()
        await answering.client_gone()

    for script in (half, nobody):
        async with cassette(path) as tape, recorded(tape, script) as session:
            body = {"model": "m", "input": "one", "stream": True}
            async with session.client.stream("POST", "responses", json=body) as response:
                assert await anext(response.aiter_raw()) == b"data: half\n\n"
            while not session.gateway.calls:
                await asyncio.sleep(0.001)
        assert "ending: left" in path.read_text()


async def mismatch(
    path: Path, recorded: Recording, text: str
) -> tuple[CassetteMismatch, dict[str, Any]]:
    """Ask for what is not there; return what leaving the block raises, and what the agent saw."""
    tape = cassette(path).__enter__()
    async with recorded(tape, nobody) as session:
        refused = await session.post(text)
        assert session.provider.asked == []
    assert refused.status_code == 403
    with pytest.raises(CassetteMismatch) as told:
        tape.__exit__(None, None, None)
    return told.value, refused.json()["error"]


async def test_an_unknown_request_is_answered_with_a_diff(path: Path, recorded: Recording) -> None:
    await record(path, recorded, "line one\nline two\nline three")
    before = path.read_bytes()
    told, error = await mismatch(path, recorded, "line one\nline 2\nline three")
    assert error["code"] == "cassette_mismatch"
    place, _, line = told.where.rpartition(":")
    assert place == str(path)
    assert path.read_text().splitlines()[int(line) - 1].strip() == "line two"
    for shown in ("-    line two", "+    line 2", " ".join(("body.input", "differs"))):
        assert shown in error["message"]
        assert shown in str(told)
    assert "+    line 2" in told.diff
    assert path.read_bytes() == before


async def test_what_was_played_is_not_played_again(path: Path, recorded: Recording) -> None:
    await record(path, recorded, "one")
    tape = cassette(path).__enter__()
    async with recorded(tape, nobody) as session:
        assert [(await session.post("one")).status_code for _ in range(2)] == [200, 403]
    with pytest.raises(CassetteMismatch, match="all like it has been played"):
        tape.__exit__(None, None, None)


async def test_the_same_request_gets_its_answers_in_order(path: Path, recorded: Recording) -> None:
    count = iter(range(10))

    async def counting(answering: Answering) -> None:
        await answering.stream(events(f"answer {next(count)}"))

    async with cassette(path) as tape, recorded(tape, counting) as session:
        heard = [(await session.post("same", "t")).content for _ in range(3)]
    assert len(set(heard)) == 3
    async with cassette(path) as tape, recorded(tape, nobody) as session:
        assert [(await session.post("same", "other")).content for _ in range(3)] == heard


async def test_what_was_not_asked_for_is_told(path: Path, recorded: Recording) -> None:
    await record(path, recorded, "one", "two")
    with pytest.warns(CassetteUnused, match=rf"{path}:\d+ POST responses"):
        async with cassette(path) as tape, recorded(tape, nobody) as session:
            await session.post("one")


async def test_sessions_side_by_side_keep_to_their_conversations(
    path: Path, recorded: Recording
) -> None:
    """Two threads with the same first words, whose answers differ, interleaved otherwise."""
    count = iter(range(10))

    async def counting(answering: Answering) -> None:
        asked = answering.asked
        await answering.stream(events(f"{asked.json['input']} {next(count)}"))

    async with cassette(path) as tape, recorded(tape, counting) as session:
        a = [(await session.post("hello", "thread-a")).content]
        b = [(await session.post("hello", "thread-b")).content]
        b.append((await session.post("go on", "thread-b")).content)
        a.append((await session.post("go on", "thread-a")).content)
    assert a[1] != b[1]
    async with cassette(path) as tape, recorded(tape, nobody) as session:
        first = [(await session.post("hello", "thread-1")).content]
        second = [(await session.post("hello", "thread-2")).content]
        first.append((await session.post("go on", "thread-1")).content)
        second.append((await session.post("go on", "thread-2")).content)
    assert [first, second] == [a, b]


async def test_calls_at_once_without_threads_find_their_answers(
    path: Path, recorded: Recording
) -> None:
    texts = [f"question {number}" for number in range(20)]
    await record(path, recorded, *texts)
    async with cassette(path) as tape, recorded(tape, nobody) as session:
        answers = await asyncio.gather(*(session.post(text) for text in reversed(texts)))
    assert [a.content for a in answers] == [events(text) for text in reversed(texts)]


TITLE: dict[str, Any] = {"text": {"format": {"schema": {"properties": {"title": {}}}}}}


async def test_titles_disturb_nothing(path: Path, recorded: Recording) -> None:
    """They come at any time or not at all."""
    async with cassette(path) as tape, recorded(tape, echo) as session:
        await session.post("one", "main")
        await session.post("please generate a title for this", "side", **TITLE)
        await session.post("two", "main")
    async with cassette(path) as tape, recorded(tape, nobody) as session:
        for text in ("one", "two"):
            assert (await session.post(text, "m")).content == events(text)
        assert tape.unused == []
        refused = await session.post("please generate another title", "s", **TITLE)
        assert refused.status_code == 403
        assert tape.mismatches == []


async def test_lists_of_models_are_played_as_often_as_asked(
    path: Path, recorded: Recording
) -> None:
    async def models(answering: Answering) -> None:
        await answering.json(200, {"data": [{"id": "m"}]})

    async with cassette(path) as tape, recorded(tape, models) as session:
        await session.client.get("models")
    async with cassette(path) as tape, recorded(tape, nobody) as session:
        for _ in range(3):
            assert (await session.client.get("models")).json()["data"][0]["id"] == "m"


async def test_modes(path: Path, recorded: Recording) -> None:
    with pytest.raises(ConfigInvalid, match="there is no cassette"):
        cassette(path, mode="none").__enter__()
    with pytest.raises(ConfigInvalid, match="no mode"):
        cassette(path, mode="sometimes")
    await record(path, recorded, "one")
    async with cassette(path, mode="new_episodes") as tape, recorded(tape, echo) as session:
        await session.post("one")
        await session.post("two")
        assert len(session.provider.asked) == 1
    async with cassette(path, mode="none") as tape, recorded(tape, nobody) as session:
        for text in ("one", "two"):
            assert (await session.post(text)).content == events(text)
    async with cassette(path, mode="all") as tape, recorded(tape, echo) as session:
        await session.post("three")
    assert "three" in path.read_text()
    assert "two" not in path.read_text()


async def test_no_secret_is_written(
    path: Path, recorded: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "tok-from-env-1")
    secrets = [REAL_KEY, "tok-from-env-1", "given-by-hand", "header-secret-9"]

    async def leaky(answering: Answering) -> None:
        await answering.begin()
        for secret in secrets:
            for part in (secret[:7], secret[7:], " "):
                data = {"type": "response.output_text.delta", "item_id": "i", "delta": part}
                await answering.chunk(f"data: {json.dumps(data)}\n\n".encode())
        await answering.chunk(b"data: " + json.dumps(secrets).encode() + b"\n\n")
        await answering.end()

    tape = cassette(path, secrets=["given-by-hand"])
    provider = {"headers": {"x-org-token": "header-secret-9"}}
    async with tape, recorded(tape, leaky, provider=provider) as session:
        shown = session.client.headers["authorization"]
        asked = " ".join([*secrets, shown])
        heard = (await session.post(asked, api_key="any at all")).text
        assert all(secret in heard for secret in secrets[1:])
    text = path.read_text()
    for secret in [*secrets, shown.split()[1], "any at all", "om-env-1", "by-hand"]:
        assert secret not in text, secret
    assert "<secret>" in text
    async with cassette(path, secrets=["given-by-hand"]) as tape, recorded(tape, nobody) as session:
        # On a host without these secrets' variables the same program sends others, or none.
        assert (
            await session.post(" ".join(["<secret>"] * 4 + ["Bearer <secret>"]), api_key="x")
        ).status_code == 200


async def test_no_file_appears_before_the_end(path: Path, recorded: Recording) -> None:
    async with cassette(path) as tape, recorded(tape, echo) as session:
        await session.post("one")
        assert not path.parent.exists()
    assert [p.name for p in path.parent.iterdir()] == [path.name]


async def test_an_error_or_an_interrupt_keeps_what_was_recorded(
    path: Path, recorded: Recording
) -> None:
    async def broken_by(error: type[BaseException]) -> None:
        async with cassette(path, mode="all") as tape, recorded(tape, echo) as session:
            await session.post(f"until {error.__name__}")
            raise error

    for error in (ValueError, KeyboardInterrupt, asyncio.CancelledError):
        with pytest.raises(error):
            await broken_by(error)
        assert f"until {error.__name__}" in path.read_text()


async def test_an_answer_that_still_goes_on_is_written_as_far_as_it_came(
    path: Path, recorded: Recording
) -> None:
    async def half(answering: Answering) -> None:
        await answering.stream_head()
        await answering.client_gone()

    async with contextlib.AsyncExitStack() as stack:
        tape = cassette(path)
        tape.__enter__()
        session = await stack.enter_async_context(recorded(tape, half))
        body = {"model": "m", "input": "one", "stream": True}
        streaming = session.client.stream("POST", "responses", json=body)
        response = await stack.enter_async_context(streaming)
        assert await anext(response.aiter_raw()) == b"data: half\n\n"
        tape.__exit__(None, None, None)
        assert "half" in path.read_text()
        assert "ending: left" in path.read_text()
        refused = await session.post("late")
        assert refused.json()["error"]["code"] == "cassette_closed"


async def test_a_provider_that_does_not_answer_leaves_nothing(
    path: Path, recorded: Recording
) -> None:
    async def gone(answering: Answering) -> None:
        answering.writer.transport.abort()

    async with cassette(path) as tape, recorded(tape, gone) as session:
        assert (await session.post("one")).status_code == 502
    assert not path.exists()


async def test_rules_are_kept_in_the_file(path: Path, recorded: Recording) -> None:
    tape = cassette(path, ignore=["tools"], mask=[r"build \d+"])
    async with tape, recorded(tape, answer) as session:
        await session.post("build 1 failed", tools=["a"])
    async with cassette(path) as tape, recorded(tape, nobody) as session:
        assert (await session.post("build 2 failed", tools=["b"])).status_code == 200
    # They may also come later.
    async with cassette(path, ignore=["input"]) as tape, recorded(tape, nobody) as session:
        assert (await session.post("something else")).status_code == 200


def test_a_block_may_be_synchronous(path: Path, recorded: Recording) -> None:
    async def ask() -> bytes:
        tape = active_cassette()
        assert tape is not None
        async with recorded(tape, echo if tape.asks else nobody) as session:
            return (await session.post("one")).content

    for _ in range(2):
        with cassette(path) as tape:
            assert active_cassette() is tape
            assert asyncio.run(ask()) == events("one")
        assert active_cassette() is None


async def test_blocks_side_by_side_are_told_apart(tmp_path: Path) -> None:
    met = asyncio.Barrier(2)

    async def use(name: str, stay: asyncio.Event, done: asyncio.Event) -> None:
        async with cassette(tmp_path / name) as tape:
            await met.wait()
            assert active_cassette() is tape
            await stay.wait()
            assert active_cassette() is tape
        done.set()

    first, second = asyncio.Event(), asyncio.Event()
    first.set()
    await asyncio.gather(use("a", first, second), use("b", second, asyncio.Event()))
    assert active_cassette() is None
