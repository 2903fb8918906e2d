"""Browsers' tokens: what a cookie opens, and everything that it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agentos.hub.auth.browser import CODE_LIFETIME, SignInCodes
from agentos.hub.auth.guard import FAILURES_PER_MINUTE
from agentos.hub.errors import Refused
from agentos.hub.scopes import Scope

if TYPE_CHECKING:
    from tests.hub.conftest import Asking, Started

SESSION = "/api/v1/browser/session"
ORIGIN = "http://127.0.0.1:3000"
PAGE = {"origin": ORIGIN, "sec-fetch-site": "same-origin"}


async def signed_in(hub: Asking) -> dict[str, str]:
    """Sign a browser in as `agentos open` and the page do; return what its requests carry."""
    code = (await hub.ask("POST", "/api/v1/browser/codes", body={})).json()["code"]
    answer = await with_code(hub, code)
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    hub.client.cookies.clear()
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/api/v1" in cookie
    half = answer.json()["page"]
    return {**PAGE, "cookie": cookie.partition(";")[0], "x-agentos-page": half}


async def with_code(hub: Asking, code: str, **headers: str):  # type: ignore[no-untyped-def]
    shown = {**PAGE, "authorization": f"Code {code}", **headers}
    return await hub.ask("POST", SESSION, token=None, body={}, headers=shown)


async def test_both_halves_open_what_the_users_token_does(asking: Started) -> None:
    async with asking() as hub:
        held = await signed_in(hub)
        answer = await hub.ask("GET", SESSION, token=None, headers=held)
        assert (answer.status_code, answer.json()["name"]) == (200, "dashboard")
        others = {"cookie": f"theme=dark; {held['cookie']}; x=y"}
        assert (await hub.ask("GET", SESSION, token=None, headers=held | others)).is_success


@pytest.mark.parametrize("missing", ["cookie", "x-agentos-page", "sec-fetch-site"])
async def test_less_opens_nothing(asking: Started, missing: str) -> None:
    async with asking() as hub:
        held = await signed_in(hub)
        del held[missing]
        assert (await hub.ask("GET", SESSION, token=None, headers=held)).status_code == 401


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 401),
        ({"origin": "http://127.0.0.1:8080"}, 403),
        ({"origin": "null"}, 403),
        ({"x-agentos-page": "guessed"}, 401),
        ({"cookie": "agentos_3000=guessed"}, 401),
        ({"cookie": "agentos_8080=guessed"}, 401),
    ],
)
async def test_what_another_page_can_send_opens_nothing(
    asking: Started, change: dict[str, str], status: int
) -> None:
    async with asking() as hub:
        held = await signed_in(hub)
        for method, path in (("GET", SESSION), ("POST", "/api/v1/browser/codes")):
            body: object = {} if method == "POST" else None
            answer = await hub.ask(method, path, token=None, headers=held | change, body=body)
            assert answer.status_code == status


async def test_a_form_opens_nothing_even_with_both_halves(asking: Started) -> None:
    async with asking() as hub:
        held = await signed_in(hub) | {"content-type": "text/plain"}
        answer = await hub.ask(
            "POST", "/api/v1/browser/codes", token=None, headers=held, content=b"{}"
        )
        assert answer.status_code == 415


async def test_neither_half_is_a_bearer_token(asking: Started) -> None:
    async with asking() as hub:
        held = await signed_in(hub)
        for half in (held["cookie"].partition("=")[2], held["x-agentos-page"]):
            assert (await hub.ask("GET", SESSION, token=half)).status_code == 401


async def test_a_code_is_good_once_and_for_signing_in_only(asking: Started) -> None:
    async with asking() as hub:
        code = hub.hub.codes.issue()
        elsewhere = await hub.ask(
            "GET", "/status", token=None, headers={"authorization": f"Code {code}"}
        )
        assert elsewhere.status_code == 401
        assert (await with_code(hub, code)).is_success
        replayed = await with_code(hub, code)
        assert (replayed.status_code, replayed.json()["error"]["code"]) == (401, "code_not_good")
        assert "set-cookie" not in replayed.headers


async def test_a_code_from_another_site_signs_nobody_in(asking: Started) -> None:
    async with asking() as hub:
        code = hub.hub.codes.issue()
        answer = await with_code(hub, code, **{"sec-fetch-site": "cross-site"})
        assert answer.status_code == 403
        assert (await with_code(hub, code)).is_success


async def test_who_guesses_codes_is_told_to_wait(asking: Started) -> None:
    async with asking() as hub:
        for number in range(FAILURES_PER_MINUTE):
            assert (await with_code(hub, f"guess-{number}")).status_code == 401
        answer = await with_code(hub, "one-more")
        assert answer.status_code == 429
        assert (await with_code(hub, hub.hub.codes.issue())).is_success


async def test_only_everything_makes_codes(asking: Started) -> None:
    async with asking() as hub:
        token = hub.hub.tokens.create([Scope.STATUS_READ, Scope.TELEMETRY_WRITE], name="few")
        answer = await hub.ask("POST", "/api/v1/browser/codes", token=token, body={})
        assert answer.status_code == 403


async def test_signing_out_and_rotation_end_it(asking: Started) -> None:
    async with asking() as hub:
        first, second = await signed_in(hub), await signed_in(hub)
        assert (await hub.ask("DELETE", SESSION, token=None, headers=first)).status_code == 204
        hub.client.cookies.clear()
        assert (await hub.ask("GET", SESSION, token=None, headers=first)).status_code == 401
        assert (await hub.ask("GET", SESSION, token=None, headers=second)).is_success
        hub.hub.tokens.rotate(grace=3600)
        assert (await hub.ask("GET", SESSION, token=None, headers=second)).status_code == 401
        await signed_in(hub)
        assert len([one for one in hub.hub.tokens.list() if one.under]) == 1


def test_codes_end_with_time_and_by_number() -> None:
    now = 0.0
    codes = SignInCodes(clock=lambda: now)
    first, late = codes.issue(), codes.issue()
    for _ in range(19):
        codes.issue()
    with pytest.raises(Refused):
        codes.redeem(first)
    now = CODE_LIFETIME
    with pytest.raises(Refused):
        codes.redeem(late)
