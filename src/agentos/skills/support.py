"""What a skill asks for that a client cannot do."""

from __future__ import annotations

import re

from agentos.home.front_matter import key_lines, split_head
from agentos.skills.skill import Skill

_EVERYWHERE = frozenset({"name", "description", "license", "compatibility", "metadata"})
_CLAUDE = {
    *("allowed-tools", "disallowed-tools", "argument-hint", "arguments", "version", "when_to_use"),
    *("disable-model-invocation", "user-invocable", "model", "effort", "context", "agent"),
    *("hooks", "paths", "shell"),
}
#: What each client reads of a SKILL.md's front matter.
KEYS = {
    "claude": _EVERYWHERE | _CLAUDE,
    "codex": _EVERYWHERE,
    "cursor": _EVERYWHERE | {"disable-model-invocation", "paths"},
    "gemini": _EVERYWHERE,
    "opencode": _EVERYWHERE,
}
#: What AgentOS itself reads.
OWN_KEYS = frozenset({"groups", "clients"})
_ARGUMENTS = re.compile(r"\$(?:ARGUMENTS\b|\d\b)")
_COMMAND = re.compile(r"(?:^|[^`])!`[^`\n]+`", re.MULTILINE)


def unsupported(skill: Skill, client: str) -> tuple[str, ...]:
    """Return what a skill says that has no effect in a client, a sentence each."""
    block, body = split_head(str(skill.path), skill.text)
    known = KEYS.get(client, _EVERYWHERE) | OWN_KEYS
    found = [
        f"the skill {skill.name} says {key}, which {client} does not know"
        for _, key in key_lines(block)
        if key not in known
    ]
    if client != "claude":
        if "$" in body and _ARGUMENTS.search(body):
            found.append(f"the skill {skill.name} has $ARGUMENTS, which {client} leaves as it is")
        if "!`" in body and _COMMAND.search(body):
            found.append(f"the skill {skill.name} has !`commands`, which {client} does not run")
    return tuple(found)
