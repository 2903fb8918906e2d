"""Usage as the hub tells it: sums, courses, calls, budgets."""

from __future__ import annotations

import asyncio
import csv
import io
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.hub.conftest import Asking, Started
from tests.usage.reports.filling import fill, made

from agentos.errors import AgentOsError, StoreError
from agentos.hub.rest.usage import part
from agentos.hub.rest.usage.answers import (
    BudgetList,
    CallList,
    CallText,
    UsageExplanation,
    UsageSeries,
    UsageSums,
)
from agentos.hub.scopes import Scope
from agentos.usage.call import Source
from agentos.usage.ingest import IngestReport
from agentos.usage.ledger import Ledger

ROLLOUT = Path(__file__).parents[2] / "data" / "rollouts" / "codex-0.169-fork.jsonl"
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


async def booked(hub: Asking) -> list[Any]:
    """Return the events that tell of new calls."""
    await hub.hub.telemetry.flush()
    found: list[Any] = (await hub.ask("GET", "/api/v1/log?kind=usage")).json()["events"]
    return found


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
    monkeypatch.setattr(part, "READ_EVERY", 0.05)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "codex"))
    sessions = tmp_path / "codex" / "sessions" / "2026" / "05" / "04"
    sessions.mkdir(parents=True)
    ingest, failing = Ledger.ingest, [AgentOsError("a process died"), StoreError("it is locked")]

    async def once_in_a_while(ledger: Ledger) -> IngestReport:
        if failing:
            raise failing.pop()
        return await ingest(ledger)

    monkeypatch.setattr(Ledger, "ingest", once_in_a_while)
    async with asking() as hub:
        shutil.copy(ROLLOUT, sessions / f"rollout-2026-05-04T12-00-00-{THREAD}.jsonl")
        async with asyncio.timeout(60):
            while not (said := await get(hub))["total"]["calls"]:
                await asyncio.sleep(0.05)
        told = await get(hub, "/calls")
        async with asyncio.timeout(60):
            while not (events := await booked(hub)):
                await asyncio.sleep(0.05)
    assert sum(event["arguments"]["calls"] for event in events) == len(told["calls"])
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
        "first_day=0001-01-01",
        "last_day=9998-12-31",
        "after=WyJhIiwgMWU5OTldCg==",
        "model=%00",
        "project=a&project=%00",
        "model_name=%00",
    ],
)
async def test_what_cannot_be_understood_is_told(asking: Started, words: str) -> None:
    async with asking() as hub:
        answer = await hub.ask("GET", f"/api/v1/usage?{words}")
    assert answer.status_code == 422
    assert answer.json()["error"]["message"]


async def test_answers_are_as_the_document_says(asking: Started) -> None:
    async with asking() as hub:
        await fill(hub.hub.store, [made(n, model=f"m{n}", tokens=None) for n in range(3)])
        UsageSums.model_validate(await get(hub, by=["model", "day"]))
        UsageSeries.model_validate(await get(hub, "/series", limit=1))
        UsageSeries.model_validate(await get(hub, "/series", by="day"))
        [first, *_] = CallList.model_validate(await get(hub, "/calls")).calls
        CallText.model_validate(await get(hub, f"/calls/{first.number}"))
        UsageExplanation.model_validate(await get(hub, "/explanation"))
        BudgetList.model_validate(await get(hub, "/budgets"))


async def test_a_series_has_the_steps_without_use_and_what_is_left(asking: Started) -> None:
    async with asking() as hub:
        later = NOON + timedelta(days=3)
        calls = [made(1), made(2, session="s2"), made(3, session="s2", at=later)]
        await fill(hub.hub.store, calls)
        said = await get(hub, "/series", by="session", step="day", limit=1, tz="Asia/Tokyo")
        alone = await get(hub, "/series", by="day")
    assert said["steps"] == ["2026-05-04", "2026-05-05", "2026-05-06", "2026-05-07"]
    assert said["spans"][3]["since"] == "2026-05-06T15:00:00+00:00"
    assert [point["tokens"] for point in said["series"][0]["points"]] == [1100, 0, 0, 1100]
    assert [point["tokens"] for point in said["others"]] == [1100, 0, 0, 0]
    assert [line["name"] for line in alone["series"]] == [""]


async def test_the_step_of_a_series_suits_its_time(asking: Started) -> None:
    async with asking() as hub:
        await fill(hub.hub.store, [made(1)])
        assert (await get(hub, "/series"))["step"] == "hour"
        await fill(hub.hub.store, [made(2, at=NOON + timedelta(days=300))])
        assert (await get(hub, "/series"))["step"] == "week"
        assert (await get(hub, "/series", last_day="2026-06-01"))["step"] == "hour"


async def test_a_name_of_a_sum_finds_its_calls_and_no_others(asking: Started) -> None:
    async with asking() as hub:
        alike = {"provider": "openrouter", "model": "openai/gpt-5.4"}
        unnamed = {"provider": "", "model": "openai/gpt-5.4"}
        calls = [made(1), made(2, **alike), made(3, **alike), made(4, **unnamed)]
        await fill(hub.hub.store, calls)
        rows = (await get(hub, by="model"))["rows"]
        for row in rows:
            found = await get(hub, "/calls", model_name=row["model"])
            assert len(found["calls"]) == row["calls"], row["model"]
    assert {row["model"]: row["calls"] for row in rows} == {
        "openai/gpt-5.4": 2,  # of this provider, and of nobody knows whom
        "openrouter/openai/gpt-5.4": 2,
    }


async def test_days_are_those_of_the_zone(asking: Started) -> None:
    async with asking() as hub:
        late = datetime(2026, 5, 4, 23, 30, tzinfo=UTC)
        await fill(hub.hub.store, [made(1), made(2, at=late)])
        words = {"first_day": "2026-05-04", "last_day": "2026-05-04"}
        assert (await get(hub, **words, tz="UTC"))["total"]["calls"] == 2
        assert (await get(hub, **words, tz="Europe/Berlin"))["total"]["calls"] == 1


async def test_a_call_is_told_down_to_its_line(
    asking: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    sessions = tmp_path / ".codex" / "sessions"
    sessions.mkdir(parents=True)
    monkeypatch.delenv("CODEX_HOME", raising=False)
    file = sessions / f"rollout-2026-05-04T12-00-00-{THREAD}.jsonl"
    shutil.copy(ROLLOUT, file)
    with file.open("a") as lines:
        lines.write('{"type": "token_usage_record", nonsense}\n')
    async with asking() as hub:
        await Ledger(hub.hub.store).ingest()
        listed = (await get(hub, "/calls"))["calls"]
        told = await get(hub, f"/calls/{listed[0]['number']}")
        explained = await get(hub, "/explanation", session=listed[0]["session"])
        missing = await hub.ask("GET", "/api/v1/usage/calls/999999")
        weak = hub.hub.tokens.create(frozenset({Scope.STATUS_READ}), name="weak")
        for place in (f"/calls/{listed[0]['number']}", "/explanation"):
            answer = await hub.ask("GET", f"/api/v1/usage{place}", token=weak)
            assert answer.status_code == 403
    assert told["call"]["provenance"]["file"] == str(file)
    number = told["call"]["provenance"]["line"]
    assert told["line"] == file.read_text().splitlines()[number - 1]
    assert told["call"]["confidence"] == "exact"
    [share] = explained["files"]
    assert (share["file"], share["calls"]) == (str(file), len(listed))
    assert [problem["kind"] for problem in explained["problems"]] == ["invalid_json"]
    assert missing.status_code == 404


async def test_a_spreadsheet_has_all_rows_and_runs_none(asking: Started) -> None:
    async with asking() as hub:
        names = ["gpt-5.4", "=1+1", "+1", "@SUM(1)", '"quoted", twice']
        await fill(hub.hub.store, [made(n, project=name) for n, name in enumerate(names)])
        answer = await hub.ask("GET", "/api/v1/usage/csv?by=project&by=day")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    shown = sorted(row["project"] for row in rows)
    assert shown == sorted(["gpt-5.4", "'=1+1", "'+1", "'@SUM(1)", '"quoted", twice'])
    assert {row["tokens"] for row in rows} == {"1100"}


async def test_budgets_are_set_and_taken_away(asking: Started, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    path = "/api/v1/usage/budgets"
    async with asking() as hub:
        await fill(hub.hub.store, [made(1, at=datetime.now(UTC), price=0.5)])
        await hub.ask("PUT", path, body={"money": 20})
        answer = await hub.ask("PUT", path, body={"tokens": 2000, "project": "/srv/site"})
        said = answer.json()["budgets"]
        changed = await hub.ask("PUT", path, body={"tokens": 4000, "project": "/srv/site"})
        left = await hub.ask("DELETE", f"{path}?project=/srv/site")
        again = await hub.ask("DELETE", f"{path}?project=/srv/site")
    assert [(b["project"], b["money"], b["tokens"], b["editable"]) for b in said] == [
        (None, 20, None, True),
        ("/srv/site", None, 2000, True),
    ]
    assert said[1]["share"] == pytest.approx(0.55)
    assert changed.json()["budgets"][1]["tokens"] == 4000
    assert [budget["project"] for budget in left.json()["budgets"]] == [None]
    assert again.status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"money": 0},
        {"money": -1},
        {"tokens": 1.5},
        {"money": 1, "project": "site"},
        {"money": 1, "project": "/srv\0/site"},
        {"money": 1, "project": "~nobody_such/site"},
        {"money": 1, "profile": "\0"},
        {"money": 1, "project": "/srv/site", "profile": "cheap"},
        {"money": 1, "per": "session"},
    ],
)
async def test_what_is_no_budget_is_refused(
    asking: Started, tmp_path: Path, body: dict[str, object]
) -> None:
    (tmp_path / "home").mkdir()
    async with asking() as hub:
        answer = await hub.ask("PUT", "/api/v1/usage/budgets", body=body)
    assert answer.status_code == 422
    assert not (tmp_path / "home" / "agentos.toml").exists()


async def test_only_the_owner_changes_budgets(asking: Started, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    async with asking() as hub:
        weak = hub.hub.tokens.create(frozenset({Scope.STATUS_READ}), name="weak")
        for method in ("PUT", "DELETE"):
            body = {"money": 1} if method == "PUT" else None
            path = "/api/v1/usage/budgets"
            assert (await hub.ask(method, path, body=body, token=weak)).status_code == 403
