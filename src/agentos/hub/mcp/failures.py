"""What went wrong, as a tool's result: words for the model, a code for programs."""

from __future__ import annotations

import errno
from typing import overload

from mcp_types import CallToolResult, TextContent
from pydantic import ValidationError
from pydantic_core import to_json

from agentos.errors import AgentOsError


def failed(error: AgentOsError) -> CallToolResult:
    """Make the result of a call that failed."""
    said = {"error": error.code, "message": error.message}
    if error.hint:
        said["hint"] = error.hint
    return CallToolResult(
        content=[TextContent(type="text", text=to_json(said).decode())], is_error=True
    )


@overload
def expected(error: AgentOsError | OSError | ValidationError) -> AgentOsError: ...
@overload
def expected(error: BaseException) -> AgentOsError | None: ...
def expected(error: BaseException) -> AgentOsError | None:
    """Put an error that a caller can do something about into words; None for a bug."""
    if isinstance(error, AgentOsError):
        return error
    if isinstance(error, OSError):
        code = errno.errorcode.get(error.errno or 0, "os_error").lower()
        about = f"{error.filename}: " if error.filename else ""
        return AgentOsError(f"{about}{error.strerror or error}", code=code)
    if isinstance(error, ValidationError):
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        return AgentOsError(wrong, code="invalid_arguments", hint="see the tool's input schema")
    return None
