"""Begin a new skill."""

from __future__ import annotations

import json
from pathlib import Path

from agentos.errors import ConfigInvalid
from agentos.home.replacing import replace_file
from agentos.skills.reading import DIRECTORY, FILE, LONGEST_DESCRIPTION, check_name

_TEXT = """\
---
name: {name}
description: {description}
---

# {title}

1. First ...

The skill's own files are in {{{{skills_dir}}}}/{name}.
"""


def new_skill(home: Path, name: str, description: str) -> Path:
    """Make a skill to go on from.

    Args:
        home: The AgentOS home.
        name: Its name.
        description: When an agent is to use it.

    Returns:
        Its SKILL.md.

    Raises:
        ConfigInvalid: It cannot have this name or description, or there is one already.
    """
    if wrong := check_name(name):
        raise ConfigInvalid(f"{name!r} is no name of a skill", hint=wrong)
    description = " ".join(description.split())
    if not 0 < len(description) <= LONGEST_DESCRIPTION:
        raise ConfigInvalid(
            f"the description has {len(description)} characters",
            hint=f"say in up to {LONGEST_DESCRIPTION} what the skill does, and when to use it",
        )
    place = home / DIRECTORY / name
    if not home.is_dir():
        raise ConfigInvalid(f"there is no AgentOS home at {home}", hint="run agentos init")
    try:
        place.mkdir(parents=True)
    except FileExistsError as error:
        raise ConfigInvalid(f"{place} is there already", hint="take another name") from error
    quoted = json.dumps(description, ensure_ascii=False)
    title = name.replace("-", " ").capitalize()
    text = _TEXT.format(name=name, description=quoted, title=title)
    try:
        replace_file(place / FILE, text.encode())
    except BaseException:
        place.rmdir()  # a folder without it would be no skill, and in the way of the next try
        raise
    return place / FILE
