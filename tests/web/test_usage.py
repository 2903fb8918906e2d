"""The usage view tells what the command line tells, down to a call, and sets budgets."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.usage.reports.filling import made
from tests.web.booking import book, leave_rollouts
from tests.web.visiting import visit

if TYPE_CHECKING:
    from tests.web.conftest import Look, Place

PRICES = """
[prices."fake/gpt-5.5"]
input = 1.25
cached_input = 0.125
output = 10.0
"""
CHART = "document.querySelector('.chart').plot.data"


def settle(place: Place, zone: str, more: str = "") -> None:
    usage = f'[usage]\ntime_zone = "{zone}"\n{more}'
    (place.home / "agentos.toml").write_text(f"{usage}\n{PRICES}")


def told(place: Place, *words: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(place.agentos("usage", *words, "--json"))
    return said


def numbers(row: Locator) -> list[float | None]:
    """Read the numbers of a row; None where the page says that one is unknown."""
    values: list[float | None] = []
    for cell in row.locator("td").all():
        data = cell.locator("data")
        values.append(float(str(data.get_attribute("value"))) if data.count() else None)
        assert data.count() or cell.inner_text() == "unknown"
    return values


def sums(page: Page, by: str) -> dict[str, list[float | None]]:
    rows = page.get_by_role("region", name=f"Sums by {by}").locator("tbody tr")
    expect(rows.last).to_contain_text("All")
    return {row.locator("th").inner_text(): numbers(row) for row in rows.all()}


def of_row(row: dict[str, Any]) -> list[float | None]:
    names = ("calls", "input", "cached_input", "output", "tokens")
    cost = row["cost"]
    return [*(row[name] for name in names), None if cost is None else pytest.approx(cost)]


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Kolkata"])
def test_the_numbers_are_those_of_the_command_line(place: Place, look: Look, zone: str) -> None:
    leave_rollouts(place)
    settle(place, zone)
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    for hours in range(0, 48, 5):
        at = midnight + timedelta(hours=hours)
        book(place, [made(hours, at=at, provider="fake", model="gpt-5.5", project="/srv/a")])
    expected = told(place, "--by", "model")
    page = look(place.link())
    for by in ("model", "project", "client", "session"):
        visit(page, f"usage?range=all&by={by}&step=day&show=tokens", "Usage")
        said = told(place, "--by", by)
        shown = sums(page, by)
        assert shown.pop("All") == of_row(said["total"])
        assert shown == {row[by]: of_row(row) for row in said["rows"]}
    assert expected["rows"][1]["cost"] is None, "one of the models has no price"
    for show in ("tokens", "cost"):
        visit(page, f"usage?range=all&by=model&step=day&show={show}", "Usage")
        _require_series(page, told(place, "--by", "day", "--by", "model")["rows"], show)


def _require_series(page: Page, rows: list[dict[str, Any]], show: str) -> None:
    """The bars, which are sums from the bottom up, and the table have the rows' numbers."""
    days = sorted({row["day"] for row in rows})
    by_model = {(row["day"], row["model"]): row[show] for row in rows}
    page.get_by_role("button", name="Chart").click()
    expect(page.locator(".chart canvas")).to_be_visible()
    names = page.locator(".legend-name").all_inner_texts()
    stacked = page.evaluate(CHART)
    assert len(stacked[0]) == len(days)
    page.get_by_role("button", name="Table").click()
    table = page.get_by_role("region", name="as a table")
    assert table.locator("thead th").all_inner_texts() == ["Day", *names, "Total"]
    lines = {
        row.locator("th").inner_text(): numbers(row) for row in table.locator("tbody tr").all()
    }
    assert list(lines) == days
    for at, day in enumerate(days):
        parts = [by_model.get((day, name), 0) for name in names]
        assert lines[day][:-1] == [None if part is None else pytest.approx(part) for part in parts]
        known = [part for part in parts if part is not None]
        below = 0.0
        for level, part in zip(reversed(stacked[1:]), parts, strict=True):
            below += part or 0
            assert level[at] == pytest.approx(below)
        assert lines[day][-1] == pytest.approx(sum(known))


def test_a_bar_leads_to_its_calls_and_a_call_to_its_line(place: Place, look: Look) -> None:
    leave_rollouts(place)
    settle(place, "America/Los_Angeles")
    [day] = told(place, "--by", "day")["rows"]
    page = look(place.link())
    visit(page, "usage?range=all&step=day", "Usage")
    slider = page.get_by_role("slider", name="Which day")
    slider.press("ArrowLeft")
    slider.press("ArrowRight")
    page.get_by_role("button", name="Table").click()
    page.get_by_role("link", name=day["day"]).click()
    expect(page.get_by_role("heading", name="Calls", level=1)).to_be_visible()
    rows = page.get_by_role("region", name="Calls").locator("tbody tr")
    expect(rows).to_have_count(day["calls"])
    outputs = rows.locator("td:nth-child(6)").all_inner_texts()
    assert sum(map(int, outputs)) == day["output"]
    page.get_by_text("Where these numbers come from").click()
    files = page.get_by_role("region", name="Files").locator("tbody tr")
    expect(files).to_have_count(3)
    rows.filter(has_text="derived").first.get_by_role("link").click()
    expect(page.get_by_text("The difference of two readings of a running total")).to_be_visible()
    where = page.locator("code").filter(has_text="rollout-codex-0.137.jsonl").inner_text()
    file, _, line = where.rpartition(":")
    written = Path(file).read_text().splitlines()[int(line) - 1]
    assert page.get_by_label("The line").inner_text() == written
    session = page.locator("dd a").first.inner_text()
    page.get_by_role("link", name=session).click()
    expect(page.get_by_label("Chosen by")).to_contain_text(f"session: {session}")


def test_one_chooses_by_clicking_and_takes_it_back(place: Place, look: Look) -> None:
    settle(place, "UTC")
    calls = [made(n, project=f"/srv/{'ab'[n % 2]}", profile="p" if n else "") for n in range(5)]
    book(place, calls)
    page = look(place.link())
    visit(page, "usage?range=all&by=project", "Usage")
    page.get_by_role("link", name="/srv/b").click()
    rows = page.get_by_role("region", name="Calls").locator("tbody tr")
    expect(rows).to_have_count(2)
    page.get_by_role("link", name="Not only project: /srv/b").click()
    expect(rows).to_have_count(5)
    visit(page, "usage?range=all&by=profile", "Usage")
    page.get_by_role("link", name="(none)").click()
    expect(rows).to_have_count(1)


def test_days_are_chosen_in_the_zone_of_the_settings(place: Place, look: Look) -> None:
    settle(place, "Asia/Tokyo")
    late = datetime(2026, 5, 4, 20, tzinfo=UTC)  # the fifth in Tokyo, and the fourth in Vienna
    book(place, [made(1, at=late), made(2, at=late - timedelta(days=3))])
    page = look(place.link())
    visit(page, "usage?range=days&from=2026-05-05&to=2026-05-05", "Usage")
    assert sums(page, "model")["All"][0] == 1
    expect(page.get_by_text("Days of Asia/Tokyo")).to_be_visible()
    page.get_by_label("First day").fill("2026-05-06")
    page.get_by_label("Last day").fill("2026-05-07")
    expect(page.get_by_text("Nothing was used in this time")).to_be_visible()
    page.get_by_role("link", name="Look at all time").click()
    expect(
        page.get_by_role("region", name="Sums by model").locator("tbody tr").last
    ).to_contain_text("2,200")


def test_costs_are_in_the_currency_of_the_settings(place: Place, look: Look) -> None:
    settle(place, "UTC", 'currency = "EUR"\nrates = { EUR = 0.5 }\n')
    book(place, [made(1, price=3.0), made(2, model="mystery")])
    page = look(place.link())
    visit(page, "usage?range=all&by=model", "Usage")
    assert sums(page, "model") == {
        "openai/gpt-5.4": [1, 1000, 0, 100, 1100, 1.5],
        "openai/mystery": [1, 1000, 0, 100, 1100, None],
        "All": [2, 2000, 0, 200, 2200, 1.5],
    }
    expect(page.locator(".figures")).to_contain_text("≥ €1.50")
    expect(page.get_by_text("The price of 1 call is not known")).to_be_visible()
    visit(page, "usage/calls?range=all", "Calls")
    costs = page.get_by_role("region", name="Calls").locator("tbody td:nth-child(7)")
    expect(costs).to_have_text(["€1.50", "unknown"])


def test_what_is_shown_is_saved_as_csv(place: Place, look: Look) -> None:
    leave_rollouts(place)
    settle(place, "UTC")
    expected = place.agentos("usage", "--by", "day", "--by", "model", "--csv")
    page = look(place.link())
    visit(page, "usage?range=all&by=model&step=day", "Usage")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as CSV").click()
    assert saved.value.suggested_filename == "usage.csv"
    content = Path(saved.value.path()).read_text()
    assert content == expected
    assert len(list(csv.DictReader(io.StringIO(content)))) == 2


def test_new_calls_come_to_the_page_by_themselves(place: Place, look: Look) -> None:
    settle(place, "UTC")
    page = look(place.link())
    visit(page, "usage?range=all", "Usage")
    expect(page.get_by_text("Nothing was used in this time")).to_be_visible()
    leave_rollouts(place)  # which the hub reads within half a minute
    last = page.get_by_role("region", name="Sums by model").locator("tbody tr").last
    expect(last).to_contain_text("23,560", timeout=90_000)
    expect(page.locator(".chart canvas")).to_be_visible()


def test_budgets_are_set_and_removed(place: Place, look: Look) -> None:
    settle(place, "UTC")
    book(place, [made(1, at=datetime.now(UTC), project="/srv/site", price=0.5)])
    page = look(place.link())
    visit(page, "usage", "Usage")
    form = page.get_by_role("form", name="Set a budget of a day")
    expect(page.get_by_text("There is no budget")).to_be_visible()
    form.get_by_role("combobox").select_option("project")
    form.get_by_label("Its directory").fill("/srv/site")
    form.get_by_label("US dollars a day").fill("0.4")
    form.get_by_role("button", name="Set the budget").click()
    expect(page.get_by_role("meter")).to_have_attribute("value", "1")
    expect(page.get_by_text("used up", exact=True)).to_be_visible()
    assert "/srv/site" in place.agentos("budget", "list")
    form.get_by_label("Its directory").fill("site")
    form.get_by_label("Tokens a day").fill("5")
    form.get_by_role("button", name="Set the budget").click()
    expect(form.get_by_role("alert")).to_contain_text("whole path")
    page.get_by_role("button", name="Remove the budget of /srv/site").click()
    expect(page.get_by_text("There is no budget")).to_be_visible()
    assert "There is no budget" in place.agentos("budget", "list")
