"""What `[usage]` and `[prices]` may say, and what they may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos.errors import ConfigInvalid
from agentos.usage.budget import ProjectBudget
from agentos.usage.money import DOLLAR, Currency
from agentos.usage.settings import UsageSettings, load_usage_settings


def test_nothing_said_is_dollars_and_no_budget(tmp_path: Path) -> None:
    assert load_usage_settings(tmp_path / "agentos.toml") == UsageSettings()


def test_what_is_said_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "agentos.toml"
    file.write_text(
        """
        [usage]
        time_zone = "Asia/Tokyo"
        currency = "JPY"
        rates = { JPY = 150, EUR = 0.9 }
        prices_url = "http://127.0.0.1:8000/prices"
        [[usage.budgets]]
        project = "site"
        money = 5.0
        """
    )
    found = load_usage_settings(file)
    assert found.time_zone == "Asia/Tokyo"
    assert found.currency == Currency("JPY", 150)
    assert found.currency.show(found.currency.of(2.5)) == "¥375.00"
    assert found.budgets == (ProjectBudget(str(tmp_path / "site"), money=5.0),)
    assert DOLLAR.show(1234.5, at_least=True) == "≥ $1,234.50"


@pytest.mark.parametrize(
    ("said", "place", "words"),
    [
        ('[usage]\ntime_zone = "Mars/Olympus"', "2:1", "no time zone 'Mars/Olympus'"),
        ('[usage]\ntime_zone = "../passwd"', "2:1", "no time zone"),
        ('[usage]\ncurrency = "EUR"', "2:1", "how many EUR a US dollar is"),
        ('[usage]\ncurrency = "euro"', "2:1", "usage.currency"),
        ("[usage]\nrates = { EUR = 0 }", "2:", "greater than 0"),
        ('[usage]\nprices_url = "prices"', "2:1", "usage.prices_url"),
        ('[[usage.budgets]]\nproject = "a"', "1:3", "limits nothing"),
        ('[[usage.budgets]]\nproject = "a"\nmoney = -1', "3:1", "greater than 0"),
        ('[prices."a/b"]\ninput = 1\noutput = 1\nlong = { above = 5 }', "4:", "long"),
        ('[prices."a/b"]\ninput = -1\noutput = 1', "2:1", "greater than or equal to 0"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, said: str, place: str, words: str
) -> None:
    file = tmp_path / "agentos.toml"
    file.write_text(said)
    with pytest.raises(ConfigInvalid) as caught:
        load_usage_settings(file)
    assert caught.value.message.startswith(f"{file}:{place}")
    assert words in caught.value.message
