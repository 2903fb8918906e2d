"""Secrets and personal data, which hold up a memory before it is in the repository."""

from __future__ import annotations

from pathlib import Path

from agentos.errors import SecretsFound
from agentos.home.allowed_secrets import allowed_secrets
from agentos.memories.memory import Memory
from agentos.memories.reading import memory_path
from agentos.memories.writing import memory_text


def findings(home: Path, memory: Memory) -> tuple[str, ...]:
    """Return the secrets and personal data in a memory, a line each, which tell where they are."""
    from agentos.secret_scan import scan_text

    name = memory_path(home, memory.name, memory.project).relative_to(home).as_posix()
    found = scan_text(memory_text(memory), name, personal=True, allow=allowed_secrets(home))
    return tuple(f"{each.rule}: {each.excerpt}" for each in found)


def require_clean(home: Path, memory: Memory, command: str) -> None:
    """Let no memory pass with secrets or personal data in it.

    Raises:
        SecretsFound: There are such.
    """
    found = findings(home, memory)
    if found:
        raise SecretsFound(
            f"the memory {memory.name} has what may not be for a repository: {'; '.join(found)}",
            findings=found,
            hint=f"take it out, or confirm it: {command} --despite-findings",
        )
