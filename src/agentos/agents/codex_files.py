"""Where Codex reads what it is given: skills, AGENTS.md, profiles.

Memories go into AGENTS.md: Codex's own feature for them makes model calls that nobody asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from stat import S_IFREG

from agentos.agents.codex_config import codex_home, profile_file
from agentos.agents.definition import AgentRequest
from agentos.agents.guidance import Guidance
from agentos.agents.machine import AgentMachine
from agentos.agents.provisions import Provisions, Section
from agentos.agents.skills import FILE
from agentos.machine.patch import Entry
from agentos.skills.settings import load_skill_settings
from agentos.skills.tokens import client_tokens


async def codex_files(machine: AgentMachine, request: AgentRequest) -> Provisions | None:
    """Return what Codex shall find in its home directory; None if nothing was given."""
    profile = request.profile
    if request.guidance.is_empty and (profile is None or profile.text is None):
        return None
    home = codex_home(machine.environment(request.env))
    files: dict[str, Entry] = {}
    settings = await asyncio.to_thread(load_skill_settings)
    tokens = client_tokens(settings, "codex", skills_dir=f"{home}/skills", hub_url="")
    for skill in (each.expanded(tokens) for each in request.guidance.skills):
        place = f"skills/{skill.name}"
        files[f"{place}/{FILE}"] = Entry(S_IFREG | 0o644, skill.text.encode())
        files |= {f"{place}/{path}": entry for path, entry in skill.files.items()}
    if profile is not None and profile.text is not None:
        files[profile_file(profile.name)] = Entry(S_IFREG | 0o600, profile.text.encode())
    whole = [f"skills/{skill.name}" for skill in request.guidance.skills]
    path = await _agents_file(machine, home)
    return Provisions(home, files, whole, list(_sections(path, request.guidance)))


async def _agents_file(machine: AgentMachine, home: str) -> str:
    """Return which file Codex reads: the override, if there is one."""
    override = f"{home}/AGENTS.override.md"
    try:
        found = await machine.read_file(override)
    except (FileNotFoundError, NotADirectoryError):
        found = b""
    return override if found.strip() else f"{home}/AGENTS.md"


def _sections(path: str, guidance: Guidance) -> Iterator[Section]:
    if guidance.instructions:
        yield Section(path, "instructions", guidance.instructions)
    if guidance.memories:
        items = [memory.strip().replace("\n", "\n  ") for memory in guidance.memories]
        text = "".join(f"- {item}\n" for item in items)
        yield Section(path, "memories", f"## Memories of earlier work\n\n{text}")
