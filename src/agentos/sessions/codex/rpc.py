"""JSON-RPC with an app-server: requests both ways, notifications in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agentos.errors import AgentError
from agentos.sessions.transport import Lines, parameters

#: Answers a request of the server's: its method and parameters in, the result out.
Answerer = Callable[[str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
#: Hears a notification; the next one is read when it returns.
Hearer = Callable[[str, Mapping[str, Any]], Awaitable[None]]

_METHOD_NOT_FOUND = -32601
_INVALID_PARAMS = -32602


class RpcError(AgentError):
    """The server refused a request; `number` is JSON-RPC's code."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


class UnknownMethod(Exception):
    """The server asked for something that we do not offer."""


class Rpc:
    """Talk to a server over lines; `run` does the reading.

    Args:
        lines: The messages.
        on_notification: Hears what the server tells.
        on_request: Answers what it asks; raises `UnknownMethod` for what it does not know.
    """

    def __init__(self, lines: Lines, on_notification: Hearer, on_request: Answerer) -> None:
        self._lines = lines
        self._on_notification = on_notification
        self._on_request = on_request
        self._sent = 0
        self._waiting: dict[int, asyncio.Future[Mapping[str, Any]]] = {}

    async def request(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask, and wait for the result.

        Raises:
            RpcError: The server refused.
            ConnectionError: It has ended.
        """
        self._sent += 1
        number = self._sent
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            await self._lines.send({"id": number, "method": method, "params": params})
            if self._lines.at_end.is_set():
                raise ConnectionResetError("the server has ended")
            return await answer
        finally:
            del self._waiting[number]

    async def notify(self, method: str) -> None:
        """Tell the server something."""
        await self._lines.send({"method": method})

    async def run(self) -> None:
        """Read until the server ends; then nobody waits any more."""
        answering: set[asyncio.Task[None]] = set()
        try:
            while (message := await self._lines.read()) is not None:
                if "method" not in message:
                    self._settle(message)
                elif "id" not in message:
                    await self._on_notification(message["method"], parameters(message))
                else:
                    task = asyncio.create_task(self._answer(message))
                    answering.add(task)
                    task.add_done_callback(answering.discard)
        finally:
            self._lines.at_end.set()  # also if it was something else that ended the reading
            self._hang_up()
            for task in answering:
                task.cancel()
            await asyncio.gather(*answering, return_exceptions=True)

    def _hang_up(self) -> None:
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionResetError("the server has ended"))

    def _settle(self, message: Mapping[str, Any]) -> None:
        answer = self._waiting.get(message["id"])
        if answer is None or answer.done():
            return  # whoever asked has gone
        if error := message.get("error"):
            number = error.get("code")
            words = str(error.get("message") or error)
            answer.set_exception(RpcError(words, number if isinstance(number, int) else 0))
        else:
            result = message.get("result")
            answer.set_result(result if isinstance(result, dict) else {})

    async def _answer(self, request: Mapping[str, Any]) -> None:
        try:
            answer = {"result": await self._on_request(request["method"], parameters(request))}
        except UnknownMethod as error:
            answer = {"error": {"code": _METHOD_NOT_FOUND, "message": str(error)}}
        except (KeyError, TypeError, AttributeError) as error:
            answer = {"error": {"code": _INVALID_PARAMS, "message": f"lacks {error!r}"}}
        await self._lines.send({"id": request["id"], **answer})
