"""What clients and hooks report: a portfolio read, a skill's run, the project they work on."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from agentos.hub.auth.needs import needs
from agentos.hub.errors import Refused
from agentos.hub.scopes import Principal, Scope
from agentos.hub.telemetry.clients import client_name
from agentos.hub.telemetry.event import OK, HubEvent, Kind
from agentos.hub.telemetry.telemetry import Telemetry

router = APIRouter(tags=["telemetry"])
Reporter = Annotated[Principal, needs(Scope.TELEMETRY_WRITE)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Report(BaseModel):
    """What all reports may say."""

    model_config = ConfigDict(extra="forbid")

    client: Annotated[str, Field(max_length=100)] | None = None


class PortfolioRead(Report):
    """A portfolio file was read from disk, past the hub."""

    file: Name
    project: Annotated[str, Field(max_length=100)] | None = None


class CommandRun(Report):
    """A skill or command ran."""

    command: Name
    project: Annotated[str, Field(max_length=100)] | None = None
    outcome: Annotated[str, Field(min_length=1, max_length=100)] = OK
    duration_ms: Annotated[float, Field(ge=0, le=1e12)] = 0.0
    arguments: dict[str, JsonValue] | None = None


class ProjectChoice(Report):
    """The project to work on from now; null for none."""

    project: Annotated[str, Field(min_length=1, max_length=100)] | None


@router.post("/portfolio-read", status_code=202)
async def portfolio_read(
    report: PortfolioRead, request: Request, reporter: Reporter
) -> dict[str, bool]:
    """Record that a portfolio file was read from disk."""
    event = HubEvent(kind=Kind.PORTFOLIO_READ, name=report.file, project=report.project)
    return _record(request, reporter, report, event)


@router.post("/command-log", status_code=202)
async def command_log(report: CommandRun, request: Request, reporter: Reporter) -> dict[str, bool]:
    """Record that a skill or command ran."""
    event = HubEvent(
        kind=Kind.COMMAND,
        name=report.command,
        project=report.project,
        outcome=report.outcome,
        duration_ms=report.duration_ms,
        arguments=report.arguments,
    )
    return _record(request, reporter, report, event)


@router.post("/set-project")
@router.post("/api/v1/set-project")  # where browsers send the cookie of the page
async def set_project(
    choice: ProjectChoice, request: Request, reporter: Reporter
) -> dict[str, Any]:
    """Set the active project, for everybody or for one client."""
    telemetry: Telemetry = request.app.state.telemetry
    _hold_to_own(reporter, choice)
    telemetry.projects.use(choice.project, choice.client)
    event = HubEvent(kind=Kind.PROJECT, name=choice.project or "", project=choice.project or "")
    _record(request, reporter, choice, event)
    chosen = telemetry.projects.choice()
    return {"active": chosen.project, "clients": chosen.clients}


def _hold_to_own(reporter: Principal, choice: ProjectChoice) -> None:
    """The project decides what of the portfolio is seen: no session widens its own view."""
    if reporter.session is not None or not reporter.allows(Scope.ALL):
        raise Refused(
            403,
            "project_not_yours",
            f"the token {reporter.name} may not change the active project",
            hint="`agentos project use` does, and so does the user's own token",
        )


def _record(
    request: Request, reporter: Principal, report: Report, event: HubEvent
) -> dict[str, bool]:
    telemetry: Telemetry = request.app.state.telemetry
    agent = request.headers.get("user-agent", "")
    event.client = report.client or client_name(agent, reporter.name)
    event.principal = reporter.name
    telemetry.record(event)
    return {"recorded": True}
