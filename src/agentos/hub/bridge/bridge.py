"""The bridge: each message of the client to the hub, each of the hub's to the client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Protocol

from agentos.errors import AgentOsError
from agentos.hub.bridge.door import HubDoor, HubDown
from agentos.hub.bridge.exchange import Address, Answer, Broken, NotSent, exchange
from agentos.hub.bridge.message import (
    SESSION_HEADER,
    VERSION_HEADER,
    ClientMessage,
    error,
    response,
    tool_error,
)
from agentos.hub.bridge.news import News

Send = Callable[[bytes], Awaitable[None]]
#: How often a request is sent whose connection breaks.
_TRIES = 4
#: Seconds in which what is under way may end after the client has said its last word.
_LAST_WORDS = 2.0
_SUBSCRIPTION_KEY = "io.modelcontextprotocol/subscriptionId"
_INTERNAL_ERROR, _PARSE_ERROR = -32603, -32700


class Substitute(Protocol):
    """What answers when there is no hub."""

    def exchange(
        self, headers: Mapping[str, str], body: bytes, why: str
    ) -> AbstractAsyncContextManager[Answer]:
        """Answer a request as the hub would, as far as that goes."""


class Bridge:
    """One client's way to the hub.

    Args:
        door: Finds and starts the hub.
        substitute: Answers while there is none.
        send: Takes each message for the client.
    """

    def __init__(self, door: HubDoor, substitute: Substitute, send: Send) -> None:
        self._door = door
        self._substitute = substitute
        self._send = send
        self._headers: dict[str, str] = {}
        self._running: dict[str | int, asyncio.Task[None]] = {}
        self._news = News(door.address, self._listen, self._post, send)

    async def serve(self, lines: AsyncIterable[bytes]) -> None:
        """Pass messages on until the client says no more."""
        async with asyncio.TaskGroup() as tasks:
            news = tasks.create_task(self._news.follow())
            async for line in lines:
                if line.strip():
                    await self._take(line, tasks)
            if self._running:
                await asyncio.wait(self._running.values(), timeout=_LAST_WORDS)
            for task in (news, *self._running.values()):
                task.cancel()

    async def _take(self, line: bytes, tasks: asyncio.TaskGroup) -> None:
        try:
            message = ClientMessage.read(line)
        except (ValueError, RecursionError) as wrong:
            await self._send(error(None, _PARSE_ERROR, f"this is no JSON-RPC message: {wrong}"))
            return
        if message is None:
            return
        if message.method == "notifications/cancelled":
            # Hanging up is what the hub understands in every version of the protocol.
            if running := self._running.get(message.params.get("requestId", "")):
                running.cancel()
        elif message.id is None:
            tasks.create_task(self._tell(message))
        elif message.method == "initialize":
            await self._answer(message)  # what follows needs what it says
        else:
            task = tasks.create_task(self._answer(message))
            self._running[message.id] = task
            task.add_done_callback(partial(self._forget, message.id))

    def _forget(self, id: str | int, task: asyncio.Task[None]) -> None:
        if self._running.get(id) is task:
            del self._running[id]

    async def _tell(self, message: ClientMessage) -> None:
        async for _ in self._replies(message):
            pass
        if message.method == "notifications/initialized":
            self._news.begin()

    async def _answer(self, message: ClientMessage) -> None:
        assert message.id is not None
        answered = False
        async for reply in self._replies(message):
            if message.method == "initialize":
                self._note_version(reply)
            await self._send(reply)
            answered = True
        if not answered:
            await self._send(_failed(message, "no_answer", "the hub had no answer", ""))
        if message.method in ("resources/subscribe", "resources/unsubscribe"):
            self._news.note(message)

    async def _replies(self, message: ClientMessage) -> AsyncGenerator[bytes]:
        """Yield what comes back for a message, its answer last."""
        for _ in range(_TRIES):
            try:
                async for reply in self._from_hub(message):
                    yield reply
                return
            except HubDown as down:
                if message.listens:
                    yield _failed(message, "hub_unavailable", f"there is no hub: {down}", "")
                    return
                async for reply in self._from_substitute(message, str(down)):
                    yield reply
                return
            except Broken:
                if message.listens or not message.repeatable:
                    break
        yield _stream_over(message) if message.listens else _lost(message)

    async def _from_hub(self, message: ClientMessage) -> AsyncGenerator[bytes]:
        address, token, fresh = await self._door.find(), self._door.token(), False
        while True:
            headers = {**self._headers, **message.headers(), "authorization": f"Bearer {token}"}
            try:
                async with exchange(address, headers, message.body) as answer:
                    if answer.status == 401 and not fresh:
                        token, fresh = self._door.token(), True  # it was rotated just now
                        continue
                    self._headers.update(_session(answer))
                    async for reply in answer.messages:
                        yield _understood(message, answer, reply)
                    return
            except NotSent:
                address = await self._door.start()

    async def _from_substitute(self, message: ClientMessage, why: str) -> AsyncGenerator[bytes]:
        headers = {**self._headers, **message.headers()}
        try:
            async with self._substitute.exchange(headers, message.body, why) as answer:
                self._headers.update(_session(answer))
                async for reply in answer.messages:
                    yield reply
        except AgentOsError as wrong:
            yield _failed(message, wrong.code, wrong.message, wrong.hint or why)

    def _note_version(self, reply: bytes) -> None:
        result = json.loads(reply).get("result")
        if isinstance(result, dict) and "protocolVersion" in result:
            self._headers[VERSION_HEADER] = result["protocolVersion"]

    def _listen(self, address: Address) -> AbstractAsyncContextManager[Answer]:
        headers = {**self._headers, "authorization": f"Bearer {self._door.token()}"}
        return exchange(address, headers, None)

    async def _post(self, body: bytes) -> None:
        message = ClientMessage.read(body)
        assert message is not None
        async for _ in self._from_hub(message):
            pass


def _session(answer: Answer) -> dict[str, str]:
    given = answer.headers.get(SESSION_HEADER)
    return {SESSION_HEADER: given} if given else {}


def _understood(message: ClientMessage, answer: Answer, reply: bytes) -> bytes:
    """Pass on what is MCP; put into its words what the hub's guard says."""
    if answer.status < 400 or b'"jsonrpc"' in reply[:200]:
        return reply
    said = json.loads(reply)["error"]
    return _failed(message, said["code"], said["message"], said.get("hint") or "")


def _stream_over(message: ClientMessage) -> bytes:
    """End a stream of news as a hub does that ends: the client asks for another, and looks anew."""
    assert message.id is not None
    told = {"resultType": "complete", "_meta": {_SUBSCRIPTION_KEY: message.id}}
    return response(message.id, told)


def _lost(message: ClientMessage) -> bytes:
    words = "the hub went away before it answered; whether this was carried out is not known"
    return _failed(message, "hub_lost", words, "look before you call it again")


def _failed(message: ClientMessage, code: str, words: str, hint: str) -> bytes:
    if message.method == "tools/call" and message.id is not None:
        return tool_error(message.id, code, words, hint)
    return error(message.id, _INTERNAL_ERROR, words, {"code": code, "hint": hint})
