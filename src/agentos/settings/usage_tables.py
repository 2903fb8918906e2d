"""The table of usage: how it is told, and what each project may use in a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from agentos.errors import ConfigInvalid
from agentos.settings.table import Area, Table, Url

if TYPE_CHECKING:
    from agentos.settings.document import Document
    from agentos.usage.settings import UsageSettings


Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class ProjectBudgetTable(Table):
    project: str = Field(min_length=1)
    money: float | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, gt=0)


class UsageTable(Table):
    time_zone: str | None = None
    currency: Currency = "USD"
    rates: dict[Currency, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    prices_url: Url | None = None
    budgets: list[ProjectBudgetTable] = Field(default_factory=list)


class UsageArea(Table):
    usage: UsageTable = UsageTable()


def usage_settings(document: Document) -> UsageSettings:
    """Return what a document says of usage."""
    from agentos.usage.budget import ProjectBudget
    from agentos.usage.calendar import zone
    from agentos.usage.money import Currency as Money
    from agentos.usage.settings import UsageSettings

    said = document.tables(UsageArea).usage
    with document.at("usage", "time_zone"):
        zone(said.time_zone)
    if said.currency != "USD" and said.currency not in said.rates:
        with document.at("usage", "currency"):
            raise ConfigInvalid(
                f"it is not known how many {said.currency} a US dollar is",
                hint=f"say it under [usage]: rates = {{ {said.currency} = ... }}",
            )
    budgets = []
    for number, budget in enumerate(said.budgets):
        with document.at("usage", "budgets", number):
            project = str(document.place(budget.project))
            budgets.append(ProjectBudget(project, budget.money, budget.tokens))
    return UsageSettings(
        time_zone=said.time_zone,
        currency=Money(said.currency, said.rates.get(said.currency, 1.0)),
        prices_url=said.prices_url,
        budgets=tuple(budgets),
    )


AREA = Area(UsageArea, usage_settings)
