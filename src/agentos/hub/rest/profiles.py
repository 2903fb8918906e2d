"""Profiles over REST, for their owner: what they are, changing one, trying one."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi import Path as InPath
from pydantic import BaseModel, ConfigDict, Field

from agentos.config import expanded
from agentos.hub.errors import Refused
from agentos.hub.hub import Hub
from agentos.hub.rest.sync.asking import Owner
from agentos.hub.tagged import tagged
from agentos.sync.clients import CLIENTS
from agentos.sync.profile_editing import set_profile
from agentos.sync.profile_trial import find_codex, try_profile
from agentos.sync.settings import PROFILE_NAME, load_sync_settings
from agentos.sync.source import Profile

Name = Annotated[str, InPath(pattern=f"^{PROFILE_NAME.pattern}$")]
Said = Annotated[str, Field(min_length=1, max_length=500)]


class ProfileTrial(BaseModel):
    """What came of trying a profile; a played model answered unless it was `live`."""

    at: datetime
    works: bool
    answer: str
    live: bool


class ProfileInfo(BaseModel):
    """A role: a model and its settings, started by name. The key itself is nowhere."""

    name: str
    enabled: bool
    model: str
    provider: str
    base_url: str
    env_key: str
    key_found: bool
    settings: dict[str, str]
    tried: ProfileTrial | None


class ProfileList(BaseModel):
    """Profiles, the usual ones first."""

    profiles: list[ProfileInfo]


class ProfileChange(BaseModel):
    """What is to be said of a profile; all else stays."""

    model_config = ConfigDict(extra="forbid")

    model: Said | None = None
    provider: Said | None = None
    base_url: Said | None = None
    env_key: Said | None = None
    enabled: bool | None = None
    settings: Annotated[dict[Said, Annotated[str, Field(max_length=5000)]] | None, Field()] = None


class TrialWish(BaseModel):
    """How a profile is tried; the provider itself is asked only if it is to be `live`."""

    model_config = ConfigDict(extra="forbid")

    live: bool = False


def add(app: FastAPI, hub: Hub) -> None:
    """Add the routes."""
    router = APIRouter(prefix="/api/v1/profiles", tags=["profiles"])
    file = hub.home / "agentos.toml"
    tried: dict[str, ProfileTrial] = {}
    trying = asyncio.Lock()

    def listed() -> ProfileList:
        settings = load_sync_settings(file)
        found = [_info(each, True, tried) for each in settings.profiles]
        found += [_info(each, False, tried) for each in settings.off]
        return ProfileList(profiles=found)

    @router.get("", response_model=ProfileList)
    async def list_profiles(request: Request, owner: Owner) -> Response:
        """List the profiles, those that are switched off last."""
        return tagged(request, await asyncio.to_thread(listed))

    @router.patch("/{name}")
    async def change_profile(owner: Owner, name: Name, change: ProfileChange) -> ProfileList:
        """Change a profile in `agentos.toml`, or add one; a push deploys it."""
        await asyncio.to_thread(set_profile, file, name, **change.model_dump())
        tried.pop(name, None)  # it was of another profile
        return await asyncio.to_thread(listed)

    @router.post("/{name}/trial")
    async def try_one(owner: Owner, name: Name, wish: TrialWish) -> ProfileTrial:
        """Start Codex with a profile and get an answer, which takes some seconds."""
        settings = await asyncio.to_thread(load_sync_settings, file)
        profile = next((each for each in settings.profiles if each.name == name), None)
        if profile is None:
            message = f"there is no profile {name!r} that is switched on"
            raise Refused(404, "profile_unknown", message, hint="switch it on, or add it")
        config = await asyncio.to_thread(_codex_config, settings.directories)
        async with trying:
            trial = await try_profile(
                profile, find_codex(os.environ), config=config, live=wish.live
            )
        found = ProfileTrial(
            at=datetime.now(UTC), works=trial.works, answer=trial.answer[:5000], live=trial.live
        )
        tried[name] = found
        return found

    app.include_router(router)


def _info(profile: Profile, enabled: bool, tried: Mapping[str, ProfileTrial]) -> ProfileInfo:
    return ProfileInfo(
        name=profile.name,
        enabled=enabled,
        model=profile.model,
        provider=profile.provider,
        base_url=profile.base_url,
        env_key=profile.env_key,
        key_found=bool(os.environ.get(profile.env_key)),
        settings={
            key: json.dumps(value, default=str, ensure_ascii=False)
            for key, value in profile.settings.items()
        },
        tried=tried.get(profile.name),
    )


def _codex_config(directories: Mapping[str, str]) -> str:
    said = directories.get("codex")
    usual = CLIENTS["codex"].places(os.environ).directory
    config = (expanded(said) if said else usual) / "config.toml"
    return config.read_text() if config.is_file() else ""
