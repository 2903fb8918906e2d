"""Where Codex writes its sessions down."""

from __future__ import annotations


def rollouts_of(session: str, place: str) -> list[str]:
    """Return where Codex writes a session down, and what its sub-agents do in it.

    Args:
        session: Its id.
        place: The directory of all sessions.
    """
    every = f"{place}/*/*/*/rollout-*"
    return [f"{every}-{session}.jsonl", f'{every}.jsonl#"session_id":"{session}"']
