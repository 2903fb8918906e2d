"""What an agent is told when its call is refused, in the words of the protocol it speaks."""

from __future__ import annotations

import json
from collections.abc import Mapping

from agentos.models.upstream import Wire

#: The status of a call whose client went away before the answer.
CLIENT_GONE = 499
_TYPES = {
    401: "authentication_error",
    402: "budget_exceeded",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}


class Refused(Exception):
    """A call that gets no model's answer.

    Args:
        status: The HTTP status.
        code: A stable identifier for programs.
        message: What happened, for whoever reads the agent's screen.
        retry_after: Seconds until another attempt makes sense.
    """

    def __init__(
        self, status: int, code: str, message: str, *, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after

    def status_for(self, client: Mapping[str, str]) -> int:
        """Return the status to answer with, to a client that sent these headers."""
        # Codex asks five times again after any refusal but a 400, though nothing will change.
        final = self.status in (402, 403) and "x-codex-turn-metadata" in client
        return 400 if final else self.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer, beside its type and length."""
        if self.retry_after is None:
            return {}
        return {"retry-after": f"{max(1, round(self.retry_after + 0.5))}"}

    def body(self, wire: Wire | None) -> bytes:
        """Word it as the protocol's own errors are."""
        kind = _TYPES.get(self.status)
        kind = kind or ("api_error" if self.status >= 500 else "invalid_request_error")
        if wire is Wire.MESSAGES:
            said: object = {"type": "error", "error": {"type": kind, "message": self.message}}
        else:
            error = {"message": self.message, "type": kind, "param": None, "code": self.code}
            said = {"error": error}
        return json.dumps(said).encode()
