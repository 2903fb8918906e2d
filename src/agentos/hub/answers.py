"""Every error of the application is answered in JSON, whatever the client asked for."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from agentos.errors import AgentOsError
from agentos.hub.errors import Refused, error_body, status_of


def answer_errors(app: FastAPI) -> None:
    """Have every error of an application answered in JSON."""
    app.add_exception_handler(AgentOsError, _ours)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unforeseen)


async def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AgentOsError)
    headers = error.headers if isinstance(error, Refused) else None
    body = error_body(error.code, error.message, error.hint)
    return JSONResponse(body, status_of(error), headers)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    code = phrase.lower().replace(" ", "_").replace("-", "_")
    if error.status_code == 404 and error.detail == phrase:
        message = f"there is nothing at {request.url.path}"
    elif error.status_code == 405:
        message = f"{request.url.path} does not answer {request.method}"
    else:
        message = str(error.detail)
    hint = "GET /openapi.json lists what there is" if error.status_code in (404, 405) else None
    return JSONResponse(error_body(code, message, hint), error.status_code, error.headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    said = "; ".join(f"{_place(one['loc'])}: {one['msg']}" for one in error.errors()[:5])
    body = error_body("request_invalid", said, "GET /openapi.json tells what is expected")
    return JSONResponse(body, 422)


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    message = f"the hub failed at {request.method} {request.url.path}: {type(error).__name__}"
    return JSONResponse(error_body("internal", message, "`agentos logs` shows where"), 500)


def _place(location: Sequence[object]) -> str:
    return ".".join(str(step) for step in location)
