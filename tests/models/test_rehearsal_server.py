"""The rehearsal model as an HTTP server: routes, refusals, threads, and its end."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from agentos.models.provider import ModelProvider
from agentos.models.rehearsal import Kind, Outcome, RehearsalModel, Scenario, Step, Usage, When

LONG_TEXT = "One two three four five six seven eight nine ten."


def body(text: str, thread: str = "t1", **more: Any) -> dict[str, Any]:
    message = {"type": "message", "role": "user", "content": text}
    return {"model": "gpt-5.5", "input": [message], "prompt_cache_key": thread, **more}


def events(response: httpx2.Response) -> list[dict[str, Any]]:
    lines = response.text.splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


def said(response: httpx2.Response) -> str:
    deltas = [e["delta"] for e in events(response) if e["type"] == "response.output_text.delta"]
    return "".join(deltas)


class Client(httpx2.AsyncClient):
    """Talks to one rehearsal model with its key."""

    def __init__(self, model: RehearsalModel) -> None:
        headers = {"authorization": f"Bearer {model.api_key}"}
        super().__init__(base_url=model.base_url, headers=headers, trust_env=False)

    async def ask(self, text: str, thread: str = "t1", **more: Any) -> httpx2.Response:
        return await self.post("/responses", json=body(text, thread, **more))


@pytest.fixture
async def model() -> AsyncIterator[RehearsalModel]:
    steps = [Step(when=When(user="hello"), say="Hello there, you!"), Step(say="Bye.")]
    async with RehearsalModel(Scenario(steps)) as running:
        yield running


@pytest.fixture
async def client(model: RehearsalModel) -> AsyncIterator[Client]:
    async with Client(model) as talking:
        yield talking


async def test_is_a_model_provider(model: RehearsalModel) -> None:
    provider: ModelProvider = model
    assert provider.base_url.startswith("http://127.0.0.1:")
    assert provider.model == "gpt-5.5"
    assert provider.api_key != RehearsalModel(model.scenario).api_key


async def test_streams_its_text_in_pieces_and_reports_usage() -> None:
    scenario = Scenario([Step(think="Hm.", say=LONG_TEXT, usage=Usage(10, 5, cached=4))])
    async with RehearsalModel(scenario, pace=0.001) as model, Client(model) as client:
        response = await client.ask("hello")
    assert response.headers["content-type"] == "text/event-stream"
    assert said(response) == LONG_TEXT
    kinds = [event["type"] for event in events(response)]
    assert kinds.count("response.output_text.delta") > 2
    assert [event["sequence_number"] for event in events(response)] == list(range(len(kinds)))
    completed = events(response)[-1]["response"]
    assert [item["type"] for item in completed["output"]] == ["reasoning", "message"]
    assert completed["usage"]["input_tokens"] == 10
    assert completed["usage"]["input_tokens_details"] == {"cached_tokens": 4}
    assert completed["usage"]["total_tokens"] == 15


async def test_each_thread_plays_from_the_start(client: Client) -> None:
    assert said(await client.ask("hello", "t1")) == "Hello there, you!"
    assert said(await client.ask("hello", "t2")) == "Hello there, you!"
    assert said(await client.ask("more", "t1")) == "Bye."
    assert said(await client.ask("more", "t2")) == "Bye."


async def test_a_mismatch_leaves_the_step_due(model: RehearsalModel, client: Client) -> None:
    refused = await client.ask("good morning")
    assert refused.status_code == 400
    message = refused.json()["error"]["message"]
    assert "step 1 expected a user message matching `hello`" in message
    assert "`good morning`" in message
    assert said(await client.ask("hello")) == "Hello there, you!"
    assert [mismatch.step for mismatch in model.mismatches] == [1]


async def test_records_what_reached_it(model: RehearsalModel, client: Client) -> None:
    await client.ask("hello", instructions="Be kind.")
    [request] = model.turns
    assert (request.method, request.path) == ("POST", "/v1/responses")
    assert request.headers["authorization"] == f"Bearer {model.api_key}"
    assert request.instructions == "Be kind."
    assert request.last_user_text == "hello"
    assert request.thread_id == "t1"
    assert request.outcome is Outcome.ANSWERED


async def test_refuses_other_keys(model: RehearsalModel, client: Client) -> None:
    for header in ("Bearer wrong", f"Basic {model.api_key}", "Bearer \u00e4", ""):
        for method, path in (("POST", "/responses"), ("GET", "/models")):
            response = await client.request(
                method, path, headers=[(b"authorization", header.encode())]
            )
            assert response.status_code == 401
            assert response.json()["error"]["code"] == "invalid_api_key"
    assert model.turns == []


async def test_lists_its_model(client: Client) -> None:
    assert [m["id"] for m in (await client.get("/models")).json()["data"]] == ["gpt-5.5"]
    catalogue = await client.get("/models", params={"client_version": "0.169.0"})
    assert catalogue.json() == {"models": []}


async def test_turns_websockets_down_without_a_warning(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    response = await client.get("/responses", headers=upgrade)
    assert response.status_code == 426
    assert "POST" in response.json()["error"]["message"]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("POST", "/chat/completions", 404), ("DELETE", "/responses", 405)],
)
async def test_other_routes_answer_in_json(
    client: Client, method: str, path: str, status: int
) -> None:
    response = await client.request(method, path)
    assert response.status_code == status
    assert f"{method} /v1{path}" in response.json()["error"]["message"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
async def test_refuses_what_is_no_json_object(client: Client, content: bytes) -> None:
    response = await client.post("/responses", content=content)
    assert response.status_code == 400
    assert response.json()["error"]["message"] == "the body is not a JSON object"


@pytest.mark.parametrize("given", [None, "text", 7, [1, None], [{"role": 3, "content": [4]}]])
async def test_takes_any_input_without_failing(given: object) -> None:
    async with RehearsalModel(Scenario([Step(say="Yes.")])) as model, Client(model) as client:
        assert said(await client.ask("", input=given, tools=given)) == "Yes."


async def test_refuses_a_body_that_is_too_large(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos.models.rehearsal.server.MAX_BODY", 1000)
    assert (await client.ask("x" * 1000)).status_code == 413
    assert said(await client.ask("hello")) == "Hello there, you!"


async def test_a_status_comes_as_often_as_it_says() -> None:
    steps = [Step(status=429, retry_after=1.5, times=2), Step(say="Now.")]
    async with RehearsalModel(Scenario(steps)) as model, Client(model) as client:
        for _ in range(2):
            response = await client.ask("hello")
            assert response.status_code == 429
            assert response.headers["retry-after"] == "1.5"
            assert response.json()["error"]["code"] == "rate_limit_exceeded"
        assert said(await client.ask("hello")) == "Now."


async def test_a_broken_off_stream_has_no_end(caplog: pytest.LogCaptureFixture) -> None:
    scenario = Scenario([Step(say=LONG_TEXT, break_off=True)])
    async with RehearsalModel(scenario) as model, Client(model) as client:
        received = bytearray()

        async def receive() -> None:
            async with client.stream("POST", "/responses", json=body("hello")) as response:
                async for chunk in response.aiter_bytes():
                    received.extend(chunk)

        with pytest.raises(httpx2.RemoteProtocolError):
            await receive()
    assert b"One two three" in received
    assert b"ten." not in received
    assert b"response.completed" not in received
    assert model.requests[0].outcome is Outcome.BROKEN_OFF
    assert caplog.records == []


@pytest.mark.parametrize("step", [Step(say=LONG_TEXT, hang=True), Step(say="Wait.", wait=3600)])
async def test_a_held_stream_ends_when_the_client_goes(step: Step) -> None:
    async with RehearsalModel(Scenario([step])) as model, Client(model) as client:
        async with client.stream("POST", "/responses", json=body("hello")) as response:
            async for line in response.aiter_lines():
                if "output_text.delta" in line:
                    break
            assert model.requests[0].outcome is None
        async with asyncio.timeout(10):
            assert await model.requests[0].ended() is Outcome.DISCONNECTED


async def test_a_wait_ends_with_the_rest_of_the_answer() -> None:
    scenario = Scenario([Step(say="Wait.", wait=0.01, run="true")])
    async with RehearsalModel(scenario) as model, Client(model) as client:
        [*_, completed] = events(await client.ask("hello"))
    output = completed["response"]["output"]
    assert [item["type"] for item in output] == ["message", "function_call"]


async def test_closing_ends_every_connection_and_leaves_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    before = asyncio.all_tasks()
    model = RehearsalModel(Scenario([Step(say="x" * 2_000_000, wait=3600)]))
    async with model:
        port = int(model.base_url.split(":")[2].split("/")[0])
        assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers
        idle = await asyncio.open_connection("127.0.0.1", port)
        halfway = await asyncio.open_connection("127.0.0.1", port)
        head = (
            f"POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {model.api_key}\r\n"
        )
        halfway[1].write(f"{head}content-length: 9\r\n\r\n{{".encode())
        unread = await asyncio.open_connection("127.0.0.1", port)
        data = json.dumps(body("hello"))
        unread[1].write(f"{head}content-length: {len(data)}\r\n\r\n{data}".encode())
        async with asyncio.timeout(10):
            await model.wait_for(Kind.TURN)
    assert model.requests[0].outcome is Outcome.DISCONNECTED
    for _, writer in (idle, halfway, unread):
        writer.transport.abort()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    with pytest.raises(RuntimeError, match="async with"):
        _ = model.base_url
    assert asyncio.all_tasks() == before
    assert caplog.records == []


async def test_serves_many_threads_at_once() -> None:
    steps = [Step(say=f"Answer {number}.", wait=0.001) for number in range(5)]
    async with RehearsalModel(Scenario(steps)) as model, Client(model) as client:

        async def play(thread: str) -> list[str]:
            return [said(await client.ask("hello", thread)) for _ in steps]

        async with asyncio.TaskGroup() as group:
            plays = [group.create_task(play(f"t{number}")) for number in range(20)]
    assert [task.result() for task in plays] == [[step.say for step in steps]] * 20
    ids = {request.thread_id for request in model.requests}
    assert len(ids) == 20
