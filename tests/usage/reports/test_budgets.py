"""What a day may cost, and what it will."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.usage.reports.filling import fill, made

from agentos.errors import ConfigInvalid
from agentos.models.budgets import Budget
from agentos.models.settings import load_settings
from agentos.store import Store
from agentos.usage.budget import BudgetStatus, ProjectBudget, budget_statuses
from agentos.usage.budget_settings import clear_budget, set_budget
from agentos.usage.call import Source
from agentos.usage.prices import Price, Prices, Tokens
from agentos.usage.settings import load_usage_settings

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
DOLLAR = Prices({"openai/gpt-5.4": Price(1000, 0)})  # a call costs one


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTOS_HOME", str(tmp_path))


async def statuses(
    store: Store, *budgets: Budget | ProjectBudget, zone: str = "UTC", now: datetime = NOON
) -> list[BudgetStatus]:
    return await budget_statuses(
        store,
        [budget for budget in budgets if isinstance(budget, Budget)],
        [budget for budget in budgets if isinstance(budget, ProjectBudget)],
        prices=DOLLAR,
        where=ZoneInfo(zone),
        now=now,
    )


async def test_a_projects_day_is_told_with_what_it_will_be(store: Store) -> None:
    six = NOON - timedelta(hours=6)
    await fill(
        store,
        [
            *(made(number, at=six) for number in range(3)),
            made(8, at=six, project="/other"),
            made(9, at=NOON - timedelta(hours=12, minutes=15)),  # yesterday's
        ],
    )
    [status] = await statuses(store, ProjectBudget("/srv/site", money=5, tokens=33_000))
    assert status.cost == pytest.approx(3)
    assert status.used == 3300
    assert status.share == pytest.approx(0.6)
    # half of the day has passed
    assert status.cost_ahead == pytest.approx(6)
    assert status.tokens_ahead == 6600
    assert status.share_ahead == pytest.approx(1.2)
    assert not status.enforced


async def test_a_projects_day_is_that_of_its_zone(store: Store) -> None:
    await fill(store, [made(1, at=datetime(2026, 5, 3, 22, 15, tzinfo=UTC))])
    budget = ProjectBudget("/srv/site", money=5)
    berlin, utc = [
        (await statuses(store, budget, zone=zone))[0].cost for zone in ("Europe/Berlin", "UTC")
    ]
    assert berlin == pytest.approx(1)
    assert utc == 0


async def test_of_what_the_gateway_enforces_only_its_calls_count(store: Store) -> None:
    await fill(
        store,
        [
            made(1, at=NOON, source=Source.GATEWAY, price=0.5, profile="cheap"),
            made(2, at=NOON, source=Source.GATEWAY, price=0.25),
            made(3, at=NOON),
        ],
    )
    later = NOON + timedelta(hours=1)
    day, cheap = await statuses(
        store, Budget(money=1, per="day"), Budget(money=1, per="day", profile="cheap"), now=later
    )
    assert day.cost == pytest.approx(0.75)
    assert cheap.cost == pytest.approx(0.5)
    assert day.enforced


async def test_the_first_minutes_foretell_no_ruin(store: Store) -> None:
    midnight = datetime(2026, 5, 4, tzinfo=UTC)
    await fill(store, [made(1, at=midnight)])
    moment = midnight + timedelta(seconds=1)
    [status] = await statuses(store, ProjectBudget("/srv/site", money=5), now=moment)
    assert status.cost_ahead == pytest.approx(96)  # as if it were a quarter of an hour


async def test_an_unknown_price_is_no_proof_that_nothing_was_spent(store: Store) -> None:
    await fill(store, [made(1, at=NOON, model="mystery", tokens=Tokens(10))])
    [status] = await statuses(store, ProjectBudget("/srv/site", money=5))
    assert (status.cost, status.unpriced, status.share) == (None, 1, None)


def test_budgets_are_written_among_the_other_settings(tmp_path: Path) -> None:
    file = tmp_path / "agentos.toml"
    file.write_text("# mine\n[hub]\nport = 3010  # free\n")
    set_budget(money=20)
    set_budget(money=2.5, profile="cheap")
    set_budget(tokens=1_000_000, project=tmp_path / "site")
    set_budget(money=10)  # in place of the first
    assert file.read_text().startswith("# mine\n[hub]\nport = 3010  # free\n")
    assert set(load_settings().budgets) == {
        Budget(money=10, per="day"),
        Budget(money=2.5, per="day", profile="cheap"),
    }
    assert load_usage_settings().budgets == (
        ProjectBudget(str(tmp_path / "site"), tokens=1_000_000),
    )


def test_budgets_are_taken_away_one_by_one(tmp_path: Path) -> None:
    set_budget(money=20)
    set_budget(money=1, project=tmp_path / "site")
    assert clear_budget(project=tmp_path / "site")
    assert load_usage_settings().budgets == ()
    assert load_settings().budgets == (Budget(money=20, per="day"),)
    assert clear_budget()
    assert not clear_budget()
    assert load_settings().budgets == ()


def test_a_budget_that_limits_nothing_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "agentos.toml"
    file.write_text("[hub]\nport = 3010\n")
    with pytest.raises(ConfigInvalid):
        set_budget()
    with pytest.raises(ConfigInvalid):
        set_budget(project=tmp_path)
    assert file.read_text() == "[hub]\nport = 3010\n"


def test_damaged_settings_are_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "agentos.toml"
    file.write_text("[hub")
    with pytest.raises(ConfigInvalid):
        set_budget(money=1)
    assert file.read_text() == "[hub"
