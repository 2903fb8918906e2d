"""The dashboard as a part of the hub: its files are open, whatever they ask for is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agentos.hub.web import settings, sign_in
from agentos.hub.web.files import BuiltFile, built_files, policy_headers

if TYPE_CHECKING:
    from fastapi import FastAPI

    from agentos.hub.hub import Hub


def add(app: FastAPI, hub: Hub) -> None:
    """Add a route for each file, and those that the page needs of the hub itself."""
    app.include_router(sign_in.router(hub))
    app.include_router(settings.router(hub))
    policy = policy_headers(hub.settings.allowed_origins)
    for file in built_files():
        app.router.routes.append(_route(file, policy))
        hub.open_paths.add(file.url)


def _route(file: BuiltFile, policy: dict[str, str]) -> Route:
    async def serve(request: Request) -> Response:
        return file.answer(request, policy)

    return Route(file.url, serve, methods=["GET"], include_in_schema=False)
