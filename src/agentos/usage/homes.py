"""Where the clients of this user keep their own records of use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agentos.config import user_home
from agentos.usage.call import Source


@dataclass(frozen=True, slots=True)
class UsageHome:
    """A client's directory, and whose use it is.

    Attributes:
        source: Which client's records lie there.
        path: Such as `~/.codex`.
        session: The AgentOS session that they are of; empty on the host.
        profile: The profile that session is booked under.
        agent: Its agent.
    """

    source: Source
    path: Path
    session: str = ""
    profile: str = ""
    agent: str = ""


def user_homes(environ: Mapping[str, str] | None = None) -> list[UsageHome]:
    """Return this user's own directories of all clients that are known, there or not.

    Args:
        environ: By default this process's: `CODEX_HOME` and `CLAUDE_CONFIG_DIR` may name
            several directories, with commas between them.
    """
    environ = os.environ if environ is None else environ
    home = Path(environ.get("HOME") or user_home())
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local/share")
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    claude = _several(environ.get("CLAUDE_CONFIG_DIR")) or [home / ".claude", config / "claude"]
    gemini = Path(environ.get("GEMINI_CLI_HOME") or home) / ".gemini"
    found = [UsageHome(Source.CODEX, path) for path in _several(environ.get("CODEX_HOME"))]
    found = found or [UsageHome(Source.CODEX, home / ".codex")]
    found += [UsageHome(Source.CLAUDE, path) for path in claude]
    found.append(UsageHome(Source.GEMINI, gemini))
    found.append(UsageHome(Source.OPENCODE, data / "opencode"))
    return found


def _several(value: str | None) -> list[Path]:
    return [
        Path(os.path.expanduser(part.strip())) for part in (value or "").split(",") if part.strip()
    ]
