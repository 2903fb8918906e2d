"""What a route needs of a token."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, Request

from agentos.hub.errors import Refused
from agentos.hub.scopes import Principal, Scope


def principal_of(request: Request) -> Principal:
    """Return who a request comes from, as the guard found out."""
    principal: Principal = request.state.principal
    return principal


def require(principal: Principal, scope: Scope) -> None:
    """Hold somebody to their scopes.

    Raises:
        Refused: The right is not among them.
    """
    if not principal.allows(scope):
        raise Refused(
            403,
            "scope_missing",
            f"the token {principal.name} does not allow {scope}",
            hint=f"`agentos token create --scope {scope}` makes one that does",
        )


def needs(scope: Scope) -> Any:
    """Have a route need a scope; what it depends on is the `Principal`.

    Example:
        ```python
        from typing import Annotated

        from fastapi import APIRouter

        from agentos.hub.auth.needs import needs
        from agentos.hub.scopes import Principal, Scope

        router = APIRouter()


        @router.get("/status")
        async def status(principal: Annotated[Principal, needs(Scope.STATUS_READ)]) -> str:
            return f"hello, {principal.name}"
        ```
    """

    async def check(request: Request) -> Principal:
        principal = principal_of(request)
        require(principal, scope)
        return principal

    return Depends(check)
