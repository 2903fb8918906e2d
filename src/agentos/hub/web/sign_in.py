"""Browsers sign in with a code, and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from agentos.hub.auth.browser import CODE_LIFETIME, SIGN_IN, browser_token, cookie_name
from agentos.hub.auth.needs import needs
from agentos.hub.auth.tokens import BROWSER_LIFETIME
from agentos.hub.hub import Hub
from agentos.hub.scopes import Principal, Scope

Owner = Annotated[Principal, needs(Scope.ALL)]
#: The cookie goes to the REST routes only, never to `/mcp`.
_PATH = "/api/v1"


class SignInCode(BaseModel):
    """A code that signs one browser in, once."""

    code: str
    seconds: float


class BrowserSession(BaseModel):
    """The half of a browser's token that its page keeps."""

    page: str
    seconds: float


class SignedIn(BaseModel):
    """Who a request comes from."""

    name: str
    scopes: list[Scope]
    version: str


def router(hub: Hub) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(prefix="/api/v1/browser", tags=["browser"])

    @routes.post("/codes")
    async def make_code(owner: Owner) -> SignInCode:
        """Make a code, as `agentos open` does."""
        return SignInCode(code=hub.codes.issue(), seconds=CODE_LIFETIME)

    @routes.post(SIGN_IN[1].removeprefix(routes.prefix))
    async def sign_in(owner: Owner, request: Request, response: Response) -> BrowserSession:
        """Sign a browser in, which shows `Authorization: Code ...`."""
        cookie, page = hub.tokens.for_browser()
        response.set_cookie(
            cookie_name(_port(request)),
            cookie,
            max_age=int(BROWSER_LIFETIME),
            path=_PATH,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        response.headers["cache-control"] = "no-store"
        return BrowserSession(page=page, seconds=BROWSER_LIFETIME)

    @routes.get("/session")
    async def who(principal: Owner) -> SignedIn:
        """Tell who is signed in."""
        scopes = sorted(principal.scopes)
        return SignedIn(name=principal.name, scopes=scopes, version=hub.version)

    @routes.delete("/session", status_code=204)
    async def sign_out(owner: Owner, request: Request) -> Response:
        """Sign a browser out: what it holds opens nothing any more."""
        said = {name: value.decode("latin-1") for name, value in request.headers.raw}
        if halves := browser_token(said, _port(request)):
            hub.tokens.end(halves)
        response = Response(status_code=204)
        response.delete_cookie(cookie_name(_port(request)), path=_PATH, samesite="strict")
        return response

    return routes


def _port(request: Request) -> int:
    server = request.scope.get("server")
    return server[1] if server and server[1] else 0
