"""What a route needs of a token, until the guard's own is there."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, HTTPException, Request

from agentos.hub.scopes import Principal, Scope


def needs(scope: Scope) -> Any:
    """Have a route need a scope; what it depends on is the `Principal`."""

    async def check(request: Request) -> Principal:
        principal: Principal = request.state.principal
        if not principal.allows(scope):
            raise HTTPException(403, f"the token {principal.name} does not allow {scope}")
        return principal

    return Depends(check)
