"""Answers with an ETag: a client that knows one already is told so instead."""

from __future__ import annotations

import hashlib
import json

from fastapi import Request, Response
from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_jsonable_python


def tagged(request: Request, answer: BaseModel) -> Response:
    """Answer with a model, or with 304 if the client has that very one.

    Args:
        request: What asks; its `If-None-Match` counts.
        answer: The model.

    Example:
        ```python
        @router.get("/api/v1/things", response_model=Things)
        async def things(request: Request) -> Response:
            return tagged(request, Things(...))
        ```
    """
    return tagged_json(request.headers.get("if-none-match"), _json(answer))


def tagged_json(known: str | None, body: bytes) -> Response:
    """Answer with JSON; see `tagged`.

    Args:
        known: The `If-None-Match` of what asks.
        body: The JSON.
    """
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if tag in (each.strip().removeprefix("W/") for each in (known or "").split(",")):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _json(answer: BaseModel) -> bytes:
    try:
        return answer.model_dump_json().encode()
    except PydanticSerializationError:  # a file's name that is no UTF-8: JSON can escape it
        return json.dumps(answer.model_dump(), default=to_jsonable_python).encode()
