"""The skills as the clients of a workstation get them, and which of them they have."""

from __future__ import annotations

from typing import Literal

from agentos.skills.rendering import RenderedFile, render
from agentos.skills.settings import load_skill_settings
from agentos.skills.skill import Skill
from agentos.sync.clients.guidance import skill_tokens
from agentos.sync.loading import hub_entry
from agentos.sync.settings import load_sync_settings
from agentos.sync.workstation import Workstation


def copy_of(skill: Skill, client: str, here: Workstation) -> dict[str, RenderedFile]:
    """Return the files of a skill as sync deploys them to a client.

    Raises:
        SyncError: There is no client of that name.
        ConfigInvalid: A token stands for nothing, or a file cannot be read.
    """
    file = here.home / "agentos.toml"
    settings = load_skill_settings(file)
    found, places = here.places(client)
    hub = hub_entry(here.home, load_sync_settings(file), here.env)
    tokens = skill_tokens(settings, client, found.skills(places), hub)
    return render(skill, client, tokens, report=settings.command_log)


def deployed_skills(client: str, here: Workstation) -> dict[str, Literal["deployed", "yours"]]:
    """Return the skills that a client has from AgentOS; `yours` if the user took a file over.

    Raises:
        SyncError: There is no client of that name.
    """
    named, places = here.places(client)
    root = named.skills(places)
    found: dict[str, Literal["deployed", "yours"]] = {}
    for path, record in here.sync.state.of(client).items():
        if path.is_relative_to(root) and record.whole:
            name = path.relative_to(root).parts[0]
            if record.whole.yielded or found.get(name) == "yours":
                found[name] = "yours"
            else:
                found[name] = "deployed"
    return found
