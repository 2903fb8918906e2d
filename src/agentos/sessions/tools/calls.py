"""The calls of one session's tools: their time, their end, what is told of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentos.sessions.tools import work
from agentos.sessions.tools.answer import text_of
from agentos.sessions.tools.failures import CallFailed
from agentos.sessions.tools.signature import Signature
from agentos.sessions.tools.tool import Report, ToolContext

#: How many calls of a session may run at once, those included that could not be stopped.
MOST_CALLS = 32
#: Seconds in which an async tool must have obeyed its cancellation.
CANCEL_PATIENCE = 1.0


@dataclass(eq=False)
class _Call:
    signature: Signature
    context: ToolContext
    working: asyncio.Future[work.Outcome]
    called_off: asyncio.Future[CallFailed]


class ToolCalls:
    """Call the tools of one session.

    Args:
        signatures: The tools by name.
    """

    def __init__(self, signatures: Mapping[str, Signature]) -> None:
        self.signatures = signatures
        self._loop = asyncio.get_running_loop()
        self._waiting: set[_Call] = set()
        self._working: set[asyncio.Future[work.Outcome]] = set()
        self._report: Report | None = None
        self._closed = ""

    def report_to(self, report: Report | None) -> None:
        """Tell somebody of progress and failures from now on."""
        self._report = report

    async def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Call a tool.

        Args:
            name: Its name.
            arguments: By name, as JSON has them.

        Returns:
            Its answer as text.

        Raises:
            CallFailed: There is no answer.
        """
        try:
            call = self._start(name, arguments)
        except CallFailed as failure:
            self._tell_failure(name, failure)
            raise
        try:
            return text_of(name, await self._outcome(call))
        except CallFailed as failure:
            if not call.called_off.done():
                self._tell_failure(name, failure)
            raise
        except asyncio.CancelledError:
            self._call_off(call, "its caller hung up")
            raise
        finally:
            await self._leave(call)

    def call_off(self, why: str) -> None:
        """Cancel what runs, and tell at once."""
        for call in self._waiting:
            self._call_off(call, why)

    async def close(self) -> None:
        """Cancel what runs and take no more calls."""
        self._closed = "the session was closed"
        self.call_off(self._closed)
        stoppable = {w for w in self._working if isinstance(w, asyncio.Task)}
        for working in stoppable:
            working.cancel()
        if stoppable:
            await asyncio.wait(stoppable, timeout=CANCEL_PATIENCE)
        self._report = None

    def _start(self, name: str, arguments: Mapping[str, Any]) -> _Call:
        if self._closed:
            raise CallFailed("tool_cancelled", self._closed)
        signature = self.signatures.get(name)
        if signature is None:
            known = ", ".join(self.signatures)
            raise CallFailed("tool_unknown", f"there is no tool {name!r}; there are: {known}")
        if len(self._working) >= MOST_CALLS:
            raise CallFailed("tool_busy", f"{MOST_CALLS} calls run already; try again later")
        context = ToolContext(name, self._tell_from_anywhere)
        values = signature.read(arguments, context)
        working = work.start(signature.tool.function, values)
        self._working.add(working)
        working.add_done_callback(self._working.discard)
        call = _Call(signature, context, working, self._loop.create_future())
        self._waiting.add(call)
        return call

    def _call_off(self, call: _Call, why: str) -> None:
        if call.called_off.done() or call.working.done():
            return
        name = call.signature.name
        failure = CallFailed("tool_cancelled", f"{name}: {why}{_on(call)}")
        call.called_off.set_result(failure)
        self._tell_failure(name, failure)

    async def _outcome(self, call: _Call) -> Any:
        name, timeout = call.signature.name, call.signature.tool.timeout
        either: set[asyncio.Future[Any]] = {call.working, call.called_off}
        await asyncio.wait(either, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if call.called_off.done():
            raise call.called_off.result()
        if not call.working.done():
            raise CallFailed(
                "tool_timeout", f"{name} did not answer within {timeout:g} s{_on(call)}"
            )
        outcome = call.working.result()
        if outcome.error is not None:
            kind = type(outcome.error).__name__
            raise CallFailed("tool_raised", f"{name} raised {kind}: {outcome.error}")
        return outcome.value

    async def _leave(self, call: _Call) -> None:
        """Wait for it no longer; an async one gets a moment to clear up."""
        self._waiting.discard(call)
        if call.working.done():
            return
        call.context.cancelled = True
        if isinstance(call.working, asyncio.Task):
            call.working.cancel()
            await asyncio.wait({call.working}, timeout=CANCEL_PATIENCE)
            if not call.working.done():
                message = f"the tool {call.signature.name!r} does not obey its cancellation"
                self._tell("warning", {"message": message})

    def _tell_failure(self, name: str, failure: CallFailed) -> None:
        told = {"tool": name, "code": failure.code, "message": failure.message}
        self._tell("tool_failed", told)

    def _tell(self, type: str, data: Mapping[str, Any]) -> None:
        if self._report is not None:
            self._report(type, data)

    def _tell_from_anywhere(self, type: str, data: Mapping[str, Any]) -> None:
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if here:
            self._tell(type, data)
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell, type, data)


def _on(call: _Call) -> str:
    if call.working.done() or isinstance(call.working, asyncio.Task):
        return ""
    return "; it runs on, for a sync function cannot be stopped"
