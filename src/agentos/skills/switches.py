"""Which skills a client gets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agentos.skills.settings import GROUP, SkillSettings
from agentos.skills.skill import Skill


def skills_for(client: str, skills: Iterable[Skill], settings: SkillSettings) -> tuple[Skill, ...]:
    """Return the skills that a client gets, in the order they came."""
    return tuple(skill for skill in skills if is_enabled(skill, client, settings))


def is_enabled(skill: Skill, client: str, settings: SkillSettings) -> bool:
    """Whether a client gets a skill.

    What its front matter says of `clients` always holds. Then what the settings say of the skill
    for this client, of a group of its for this client, of the skill, and of a group: the first of
    them that says anything. Of several groups, one that is off is enough.
    """
    if skill.clients is not None and client not in skill.clients:
        return False
    for switches in (settings.clients.get(client, {}), settings.enabled):
        said = _said(skill, switches)
        if said is not None:
            return said
    return True


def _said(skill: Skill, switches: Mapping[str, bool]) -> bool | None:
    if skill.name in switches:
        return switches[skill.name]
    groups = [switches[key] for group in skill.groups if (key := GROUP + group) in switches]
    return all(groups) if groups else None
