"""Why a call of a tool came to nothing."""

from __future__ import annotations

_LONGEST = 4000


class CallFailed(Exception):
    """A call of a tool came to nothing; the agent is told.

    Args:
        code: A stable identifier.
        message: What happened, for the model to read.
    """

    def __init__(self, code: str, message: str) -> None:
        message = message.encode(errors="backslashreplace").decode()
        if len(message) > _LONGEST:
            message = f"{message[:_LONGEST]} ..."
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
