"""What several clients are given alike: instructions with memories, skills, files of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from agentos.skills.settings import SkillSettings
from agentos.sync.client import Places
from agentos.sync.desired import OwnedFile, OwnedSection
from agentos.sync.source import HubEntry, Source

#: The name of the managed section in AGENTS.md, CLAUDE.md and GEMINI.md.
SECTION = "agentos"


def section(source: Source, client: str, path: Path, memory: Path) -> OwnedSection:
    """Return the managed section of a client's instructions.

    Args:
        source: What there is.
        client: Whose instructions.
        path: Its AGENTS.md, or what it calls that.
        memory: Where the memories are as files, to be read there in full.
    """
    return OwnedSection(path, SECTION, guidance(source, client, memory))


def guidance(source: Source, client: str, memory: Path) -> str:
    """Return the user's instructions for a client, and what it is to remember."""
    parts = [source.instructions.get(client, "").strip("\n")]
    if source.memories:
        from agentos.memories.reading import memories_for
        from agentos.memories.section import section

        known = memories_for(source.memories, source.projects.get(client))
        parts.append(section(known).strip("\n"))
        parts.append(f"Each is a file in {memory}, which has all of it.")
    text = "\n\n".join(part for part in parts if part)
    return f"{text}\n" if text else ""


def memory_files(source: Source, root: Path) -> Iterator[OwnedFile]:
    """Return the memories with their index, as files below a directory of ours."""
    if not source.memories:
        return
    from agentos.memories.files import files

    for path, content in files(source.memories).items():
        yield OwnedFile(root / path, content, kind="memory")


def skill_files(
    source: Source, client: str, root: Path, warnings: list[str]
) -> Iterator[OwnedFile]:
    """Return the files of the skills that a client gets.

    Args:
        source: What there is.
        client: Who gets them.
        root: Its directory of skills.
        warnings: What the client cannot have is added here.
    """
    from agentos.skills.rendering import render
    from agentos.skills.support import unsupported
    from agentos.skills.switches import skills_for

    settings = source.skill_settings
    tokens = skill_tokens(settings, client, root, source.hub)
    for skill in skills_for(client, source.skills, settings):
        warnings.extend(unsupported(skill, client))
        for path, file in render(skill, client, tokens, report=settings.command_log).items():
            yield OwnedFile(root / skill.name / path, file.content, file.mode, kind="skill")


def skill_tokens(
    settings: SkillSettings, client: str, root: Path, hub: HubEntry | None
) -> dict[str, str]:
    """Return what each token of a skill stands for in a client, whose skills are at a root."""
    from agentos.skills.tokens import client_tokens

    url = hub.url if hub is not None else ""
    return client_tokens(settings, client, skills_dir=str(root), hub_url=url)


def own_files(source: Source, client: str, folder: str, root: Path) -> Iterator[OwnedFile]:
    """Return the files that the home has for one client in a folder, such as `commands`."""
    for name, content in source.files.get(client, {}).items():
        path = PurePosixPath(name)
        if path.parts[0] == folder:
            kind = folder.removesuffix("s")
            yield OwnedFile(root.joinpath(*path.parts[1:]), content, kind=kind)


def memory_place(places: Places) -> Path:
    """Return where the memories go as files, in a client that has no place for them."""
    return places.directory / "agentos" / "memory"
