"""Budgets: how far they are used up, and changing them."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from agentos.config import expanded
from agentos.errors import ConfigInvalid
from agentos.hub.errors import Refused
from agentos.hub.hub import Hub
from agentos.hub.rest.usage.answers import BudgetInfo, BudgetList, CurrencyInfo
from agentos.hub.rest.usage.asked import Observer, Owner, hub_of, plain
from agentos.hub.tagged import tagged
from agentos.usage import questions
from agentos.usage.budget import BudgetStatus
from agentos.usage.budget_settings import clear_budget, set_budget
from agentos.usage.settings import load_usage_settings

router = APIRouter(prefix="/api/v1/usage/budgets", tags=["usage"])


def _whole(said: str) -> str:
    try:
        path = expanded(plain(said))
    except ConfigInvalid as error:  # ~SOMEBODY
        raise ValueError(error.message) from error
    if not path.is_absolute():
        raise ValueError("a project is told by its whole path")
    return str(path)


Directory = Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(_whole)]
Profile = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(plain)]


class BudgetChange(BaseModel):
    """What may be used in a day: by a project, by a profile, or else by all."""

    model_config = ConfigDict(extra="forbid")

    money: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)] | None = None
    tokens: Annotated[int, Field(gt=0, lt=2**53)] | None = None
    project: Directory | None = None
    profile: Profile | None = None


@router.get("", response_model=BudgetList)
async def budgets(request: Request, principal: Observer) -> Response:
    """Tell how far the budgets are used up, and how far they will be."""
    if principal.session is not None:
        raise Refused(403, "scope_missing", "budgets are not of one session")
    return tagged(request, await _budgets(hub_of(request)))


@router.put("", response_model=BudgetList)
async def put_budget(request: Request, owner: Owner, change: BudgetChange) -> BudgetList:
    """Set what may be used in a day; one for the same is replaced. Amounts are in US dollars."""
    project = _one(change.project, change.profile)
    if change.money is None and change.tokens is None:
        raise Refused(422, "budget_empty", "the budget limits nothing", hint="give money or tokens")
    hub_of(request).require_home()
    await asyncio.to_thread(
        set_budget,
        money=change.money,
        tokens=change.tokens,
        project=project,
        profile=change.profile,
    )
    return await _budgets(hub_of(request))


@router.delete("", response_model=BudgetList)
async def delete_budget(
    request: Request,
    owner: Owner,
    project: Annotated[Directory | None, Query()] = None,
    profile: Annotated[Profile | None, Query()] = None,
) -> BudgetList:
    """Take a budget of a day away: a project's, a profile's, or that of all."""
    where = _one(project, profile)
    if not await asyncio.to_thread(clear_budget, project=where, profile=profile):
        raise Refused(404, "budget_unknown", "there is no such budget", hint="it may be gone now")
    return await _budgets(hub_of(request))


def _one(project: str | None, profile: str | None) -> Path | None:
    if project is not None and profile is not None:
        raise Refused(
            422,
            "budget_of_two",
            "a budget is of a project or of a profile",
            hint="name one of them",
        )
    return None if project is None else Path(project)


async def _budgets(hub: Hub) -> BudgetList:
    found = await questions.budgets(store=hub.store)
    settings = await asyncio.to_thread(load_usage_settings)
    return BudgetList(
        currency=CurrencyInfo.of(settings.currency), budgets=[_info(status) for status in found]
    )


def _info(status: BudgetStatus) -> BudgetInfo:
    return BudgetInfo(
        **asdict(status),
        editable=status.scope == "day",
        share=status.share,
        share_ahead=status.share_ahead,
    )
