"""Usage as the hub tells it: sums, courses, calls, budgets."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.hub.conftest import Asking, Started
from tests.usage.reports.filling import fill, made

from agentos.hub.scopes import Scope
from agentos.usage import rest
from agentos.usage.call import Source

ROLLOUT = Path(__file__).parents[1] / "data" / "rollouts" / "codex-0.169-fork.jsonl"
THREAD = "0199d0f2-0000-7000-8000-000000000001"
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTOS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(tmp_path / "data"))


async def get(hub: Asking, place: str = "", **words: object) -> Any:
    answer = await hub.ask("GET", f"/api/v1/usage{place}?{urlencode(words, doseq=True)}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_sums_are_by_what_one_asks_for(asking: Started) -> None:
    async with asking() as hub:
        await fill(hub.hub.store, [made(1), made(2, model="mystery", at=NOON + timedelta(days=1))])
        said = await get(hub, by="model", tz="Europe/Berlin")
        days = await get(hub)
    rows = said["rows"]
    assert [(row["model"], row["cost"], row["unpriced_calls"]) for row in rows] == [
        ("openai/gpt-5.4", pytest.approx(0.004), 0),
        ("openai/mystery", None, 1),
    ]
    assert said["time_zone"] == "Europe/Berlin"
    assert said["next"] is None
    assert [row["day"] for row in days["rows"]] == ["2026-05-04", "2026-05-05"]


async def test_pages_have_every_row_once_though_sums_grow(asking: Started) -> None:
    async with asking() as hub:
        calls = [made(n, session=f"s{n:02}", at=NOON + timedelta(hours=n)) for n in range(25)]
        await fill(hub.hub.store, calls)
        seen: list[str] = []
        after: dict[str, str] = {}
        while True:
            said = await get(hub, by="session", limit=10, **after)
            seen += [row["session"] for row in said["rows"]]
            if said["next"] is None:
                break
            after = {"after": said["next"]}
            later = NOON + timedelta(days=1, hours=len(seen))
            await fill(hub.hub.store, [made(100 + len(seen), session="s00", at=later)])
    assert sorted(seen) == [f"s{n:02}" for n in range(25)]


async def test_series_have_a_point_for_each_step(asking: Started) -> None:
    async with asking() as hub:
        calls = [made(n, model=f"m{n % 3}", at=NOON + timedelta(days=n // 3)) for n in range(8)]
        await fill(hub.hub.store, calls)
        said = await get(hub, "/series", by="model", limit=2)
    assert said["steps"] == ["2026-05-04", "2026-05-05", "2026-05-06"]
    series = said["series"]
    assert [line["name"] for line in series] == ["openai/m0", "openai/m1"]
    assert [point["tokens"] for point in series[0]["points"]] == [1100, 1100, 1100]
    assert [point["cost"] for point in series[0]["points"]] == [None] * 3
    assert said["left_out"] == 1
    assert said["total"]["calls"] == 8


async def test_calls_are_listed_one_by_one(asking: Started) -> None:
    async with asking() as hub:
        await fill(hub.hub.store, [made(n, session="a" if n < 4 else "b") for n in range(6)])
        first = await get(hub, "/calls", session="a", limit=3)
        rest = await get(hub, "/calls", session="a", limit=3, after=first["next"])
    found = [*first["calls"], *rest["calls"]]
    assert [call["identity"] for call in found] == [f"call-{n}" for n in range(4)]
    assert found[0]["cost"] == pytest.approx(0.004)
    assert found[0]["provenance"] == {"file": "gateway", "line": 0, "offset": 0}
    assert rest["next"] is None


async def test_what_has_not_changed_is_not_sent_again(asking: Started) -> None:
    async with asking() as hub:
        await fill(hub.hub.store, [made(1)])
        for place in ("", "/series", "/calls", "/budgets"):
            path = f"/api/v1/usage{place}"
            tag = (await hub.ask("GET", path)).headers["etag"]
            again = await hub.ask("GET", path, headers={"if-none-match": tag})
            assert (again.status_code, again.content) == (304, b"")
        await fill(hub.hub.store, [made(2, at=NOON + timedelta(hours=1))])
        tag_now = (await hub.ask("GET", "/api/v1/usage/calls")).headers["etag"]
    assert tag_now


async def test_a_machines_session_sees_its_own_use_only(asking: Started) -> None:
    async with asking() as hub:
        await fill(hub.hub.store, [made(1, session="mine"), made(2, session="other")])
        token = hub.hub.tokens.for_session("mine", [Scope.STATUS_READ])
        for words in ("", "?session=other"):
            answer = await hub.ask("GET", f"/api/v1/usage{words}", token=token)
            assert answer.json()["total"]["calls"] == 1
        calls = await hub.ask("GET", "/api/v1/usage/calls", token=token)
        assert [call["session"] for call in calls.json()["calls"]] == ["mine"]
        assert (await hub.ask("GET", "/api/v1/usage/budgets", token=token)).status_code == 403


async def test_a_token_needs_the_right(asking: Started) -> None:
    async with asking() as hub:
        token = hub.hub.tokens.create(frozenset({Scope.FS_READ}), name="other")
        for place in ("", "/series", "/calls", "/budgets"):
            answer = await hub.ask("GET", f"/api/v1/usage{place}", token=token)
            assert answer.status_code == 403


async def test_budgets_are_told(asking: Started, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "agentos.toml").write_text("[[budgets]]\nmoney = 2\nper = 'day'\n")
    async with asking() as hub:
        now = datetime.now(UTC)
        await fill(hub.hub.store, [made(1, at=now, source=Source.GATEWAY, price=0.5)])
        said = await get(hub, "/budgets")
    [budget] = said["budgets"]
    assert (budget["money"], budget["cost"], budget["share"]) == (2, 0.5, 0.25)


async def test_the_ledger_is_kept_up_to_date_while_the_hub_runs(
    asking: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "READ_EVERY", 0.05)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "codex"))
    sessions = tmp_path / "codex" / "sessions" / "2026" / "05" / "04"
    sessions.mkdir(parents=True)
    async with asking() as hub:
        shutil.copy(ROLLOUT, sessions / f"rollout-2026-05-04T12-00-00-{THREAD}.jsonl")
        async with asyncio.timeout(60):
            while not (said := await get(hub))["total"]["calls"]:
                await asyncio.sleep(0.05)
        told = await get(hub, "/calls")
    assert said["total"]["tokens"] > 0
    assert {call["client"] for call in told["calls"]} == {"codex"}


@pytest.mark.parametrize(
    "words",
    [
        "by=colour",
        "tz=Mars/Olympus",
        "since=yesterday",
        "since=2026-05-04",
        "since=0001-01-01T00:00:00Z",
        "limit=0",
        "limit=100000",
        "after=%00",
        "after=bm9uZQ==",
        "after=W10=",
        "period=eternity",
    ],
)
async def test_what_cannot_be_understood_is_told(asking: Started, words: str) -> None:
    async with asking() as hub:
        answer = await hub.ask("GET", f"/api/v1/usage?{words}")
    assert answer.status_code == 422
    assert answer.json()["error"]["message"]
