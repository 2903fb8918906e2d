from __future__ import annotations

import pytest

from agentos.errors import ConfigInvalid
from agentos.hub.scopes import Principal, Scope, parse_scopes


def test_scopes_are_read_from_a_list() -> None:
    assert parse_scopes("portfolio:read, fs:read") == {Scope.PORTFOLIO_READ, Scope.FS_READ}


@pytest.mark.parametrize("text", ["", " , ", "fs:reed", "portfolio:read,everything"])
def test_an_unknown_scope_is_refused_with_the_list_of_them(text: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        parse_scopes(text)
    assert "portfolio:read" in (caught.value.hint or "")


def test_the_users_own_token_allows_everything() -> None:
    user = Principal("user", frozenset({Scope.ALL}))
    assert all(user.allows(scope) for scope in Scope)
    assert not Principal("reader", frozenset({Scope.FS_READ})).allows(Scope.FS_WRITE)
