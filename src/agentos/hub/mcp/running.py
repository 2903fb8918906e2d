"""Calls under way, so that a client can cancel one by another request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from agentos.errors import AgentOsError
from agentos.hub.mcp.caller import Caller

_Key = tuple[str, str, str]


class RunningCalls:
    """Remembers which calls run for whom; nobody can cancel a call of another token or session."""

    def __init__(self) -> None:
        self._scopes: dict[_Key, anyio.CancelScope] = {}

    @contextmanager
    def cancellable(self, caller: Caller, request: object) -> Iterator[None]:
        """Run a call that `cancel` ends.

        Raises:
            AgentOsError: It was cancelled.
        """
        key = _key(caller, request)
        with anyio.CancelScope() as scope:
            self._scopes[key] = scope
            try:
                yield
            finally:
                if self._scopes.get(key) is scope:
                    del self._scopes[key]
        if scope.cancelled_caught:
            raise AgentOsError("the client cancelled the call", code="cancelled")

    def cancel(self, caller: Caller, request: object) -> None:
        """End a call of the same session; one that is over, or never was, is no error."""
        scope = self._scopes.get(_key(caller, request))
        if scope is not None and caller.session:
            scope.cancel()


def _key(caller: Caller, request: object) -> _Key:
    return caller.principal.name, caller.session, str(request)
