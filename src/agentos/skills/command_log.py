"""The block that has an agent report to the hub that it uses a skill.

The report goes through the hub's MCP tool, or through a command that reads the token itself: the
token stands in no skill.
"""

from __future__ import annotations

import re

BEGIN = "<!-- agentos: report -->"
END = "<!-- agentos: end of report -->"
_BLOCK = re.compile(rf"{re.escape(BEGIN)}\r?\n.*?{re.escape(END)}\r?\n(?:\r?\n)?", re.DOTALL)


def command_log(skill: str, client: str) -> str:
    """Return the block of a skill for a client; it ends in an empty line."""
    return (
        f"{BEGIN}\n"
        f"Once, when you begin to use this skill, report it: call the tool `agentOS_log_command`\n"
        f'with `{{"command": "{skill}"}}`; without that tool, run\n'
        f"`agentos log-command {skill} --client {client}`. If neither works, go on all the same.\n"
        f"{END}\n\n"
    )


def without_command_log(text: str) -> str:
    """Return a text without such blocks."""
    return _BLOCK.sub("", text) if BEGIN in text else text
