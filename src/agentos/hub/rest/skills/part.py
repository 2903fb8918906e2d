"""Skills over REST, for their owner: who gets which, what is wrong with them, who used them."""

from __future__ import annotations

import asyncio
import os
from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, FastAPI, Query, Request, Response

from agentos.errors import ConfigInvalid
from agentos.hub.auth.needs import needs
from agentos.hub.errors import Refused
from agentos.hub.hub import Hub
from agentos.hub.rest.skills.answers import (
    GroupInfo,
    SkillFinding,
    SkillFindings,
    SkillForClient,
    SkillInfo,
    SkillList,
    SkillSwitch,
    SkillText,
    SkillUse,
)
from agentos.hub.rest.skills.uses import Use, skill_uses
from agentos.hub.scopes import Principal, Scope
from agentos.hub.tagged import tagged
from agentos.skills.lint import Finding, lint_skills
from agentos.skills.reading import FILE, load_skills, read_skill, skill_directories
from agentos.skills.settings import GROUP, SkillSettings, load_skill_settings
from agentos.skills.skill import Skill
from agentos.skills.support import KEYS, unsupported
from agentos.skills.switches import is_enabled
from agentos.skills.switching import switch, unknown
from agentos.sync.settings import load_sync_settings
from agentos.sync.skill_copies import copy_of, deployed_skills
from agentos.sync.workstation import Workstation

Owner = Annotated[Principal, needs(Scope.ALL)]
After = Annotated[str | None, Query(max_length=300, description="The `next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500)]
ClientName = Annotated[str, Query(max_length=100)]


def add(app: FastAPI, hub: Hub) -> None:
    """Add the routes."""
    here = Workstation(hub.home, hub.state, os.environ)
    router = APIRouter(prefix="/api/v1", tags=["skills"])
    _add_list(router, hub, here)
    _add_one(router, hub, here)
    app.include_router(router)


def _add_list(router: APIRouter, hub: Hub, here: Workstation) -> None:
    @router.get("/skills", response_model=SkillList)
    async def list_skills(
        request: Request, owner: Owner, after: After = None, limit: Limit = 100
    ) -> Response:
        """List the skills by name: who gets each, where it is, who used it."""
        hub.require_home()
        listed = await asyncio.to_thread(_listed, here, after, limit)
        await hub.telemetry.flush()
        for use in await skill_uses(hub.store, [each.name for each in listed.skills]):
            next(one for one in listed.skills if one.name == use.skill).uses.append(_use(use))
        return tagged(request, listed)

    @router.get("/skill-findings", response_model=SkillFindings)
    async def lint(request: Request, owner: Owner) -> Response:
        """Tell what is wrong with the skills: front matter, links, tokens, secrets, size."""
        home = hub.require_home()

        def read() -> list[Finding]:
            return lint_skills(home, load_skill_settings(home / "agentos.toml"))

        found = [_finding(each, home) for each in await asyncio.to_thread(read)]
        return tagged(request, SkillFindings(findings=found))

    @router.post("/skill-switches", status_code=204)
    async def switch_skill(owner: Owner, said: SkillSwitch) -> None:
        """Switch a skill or a group on or off in `agentos.toml`; a push makes it so."""
        home = hub.require_home()
        if said.client is not None and said.client not in KEYS:
            raise unknown(said.client, KEYS, "client")

        def do() -> None:
            switch(
                home / "agentos.toml",
                load_skills(home),
                said.name,
                on=said.on,
                client=said.client,
                group=said.group,
            )

        await asyncio.to_thread(do)


def _add_one(router: APIRouter, hub: Hub, here: Workstation) -> None:
    @router.get("/skills/{name}", response_model=SkillText)
    async def read_one(
        request: Request, owner: Owner, name: str, client: ClientName | None = None
    ) -> Response:
        """Read a skill's SKILL.md, as it is or as a client gets it."""
        home = hub.require_home()

        def read() -> SkillText:
            skill = _skill(home, name)
            text, warnings = skill.text, tuple[str, ...]()
            if client is not None:
                text = copy_of(skill, client, here)[FILE].content.decode()
                warnings = unsupported(skill, client)
            files = [_plain(each) for each in skill.files]
            return SkillText(
                name=name, client=client, text=text, files=files, warnings=list(warnings)
            )

        return tagged(request, await asyncio.to_thread(read))


def _skill(home: Path, name: str) -> Skill:
    places = {place.name: place for place in skill_directories(home)}
    if name not in places:
        error = unknown(name, places, "skill")
        raise Refused(404, error.code, error.message, hint=error.hint)
    return read_skill(places[name])


def _listed(here: Workstation, after: str | None, limit: int) -> SkillList:
    settings_file = here.home / "agentos.toml"
    settings = load_skill_settings(settings_file)
    clients = list(load_sync_settings(settings_file).clients)
    copies = {client: deployed_skills(client, here) for client in clients}
    places = skill_directories(here.home)
    begin = bisect_right(places, after, key=lambda place: place.name) if after else 0
    some, more = places[begin : begin + limit], begin + limit < len(places)
    found = []
    for place in some:
        try:
            found.append(_info(read_skill(place), settings, copies))
        except ConfigInvalid as error:
            found.append(_broken(place, error))
    return SkillList(
        skills=found,
        groups=_groups(places, settings, clients),
        clients=clients,
        next=some[-1].name if more else None,
    )


def _info(
    skill: Skill,
    settings: SkillSettings,
    copies: dict[str, dict[str, Literal["deployed", "yours"]]],
) -> SkillInfo:
    return SkillInfo(
        name=skill.name,
        description=skill.description,
        path=_plain(str(skill.path)),
        groups=list(skill.groups),
        broken=None,
        clients=[
            SkillForClient(
                client=client,
                enabled=is_enabled(skill, client, settings),
                allowed=skill.clients is None or client in skill.clients,
                copy_there=there.get(skill.name, "absent"),
            )
            for client, there in copies.items()
        ],
        uses=[],
    )


def _broken(place: Path, error: ConfigInvalid) -> SkillInfo:
    return SkillInfo(
        name=_plain(place.name),
        description="",
        path=_plain(str(place)),
        groups=[],
        broken=_plain(error.message),
        clients=[],
        uses=[],
    )


def _groups(places: Iterable[Path], settings: SkillSettings, clients: list[str]) -> list[GroupInfo]:
    counts: dict[str, int] = {}
    for place in places:
        try:
            groups = read_skill(place).groups
        except ConfigInvalid:  # the list tells why
            continue
        for group in groups:
            counts[group] = counts.get(group, 0) + 1
    return [
        GroupInfo(
            name=group,
            skills=count,
            enabled=settings.enabled.get(GROUP + group, True),
            off_for=[
                each
                for each in clients
                if settings.clients.get(each, {}).get(GROUP + group) is False
            ],
        )
        for group, count in sorted(counts.items())
    ]


def _use(use: Use) -> SkillUse:
    return SkillUse(client=use.client, count=use.count, failed=use.failed, last=use.last)


def _finding(finding: Finding, home: Path) -> SkillFinding:
    top = home / "clients" / "shared" / "skills"
    inside = finding.path.is_relative_to(top) and finding.path != top
    return SkillFinding(
        skill=_plain(finding.path.relative_to(top).parts[0]) if inside else "",
        path=_plain(str(finding.path)),
        line=finding.line,
        level=finding.level,
        message=_plain(finding.message),
    )


def _plain(text: str) -> str:
    """Write a text so that UTF-8 can hold it: a file's name may be no text."""
    return text.encode(errors="backslashreplace").decode()
