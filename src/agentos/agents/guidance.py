"""What an agent shall know in every session: skills, instructions, memories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agentos.agents.given import text_of
from agentos.agents.skills import Skill
from agentos.errors import ConfigInvalid


@dataclass(frozen=True)
class Guidance:
    """What a caller gives an agent to read.

    Attributes:
        skills: Looked up when a task calls for them.
        instructions: The text of an AGENTS.md.
        memories: What was learned earlier, a text each.
    """

    skills: Sequence[Skill] = ()
    instructions: str | None = None
    memories: Sequence[str] = ()

    @classmethod
    def of(
        cls,
        skills: Sequence[Skill | str | Path] = (),
        instructions_file: str | Path | None = None,
        memories: Sequence[str | Path] = (),
    ) -> Guidance:
        """Read what a caller gives; see `AgentOs.create_session`.

        Raises:
            ConfigInvalid: Something cannot be read, or two skills have one name.
        """
        for name, given in (("skills", skills), ("memories", memories)):
            if isinstance(given, (str, Path)):
                raise ConfigInvalid(f"{name}= is a list", hint=f"{name}=[...]")
        read = [Skill.of(skill) for skill in skills]
        names = [skill.name for skill in read]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ConfigInvalid(f"two skills are named {min(twice)!r}")
        instructions = None
        if instructions_file is not None:
            instructions = text_of(instructions_file, "instructions_file=")
        return cls(read, instructions, [_memory(memory) for memory in memories])

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to read."""
        return not (self.skills or self.instructions or self.memories)


def _memory(given: str | Path) -> str:
    return text_of(given, "memories=") if isinstance(given, Path) else given
