"""docs/cli.md holds the command's own help. Run this file to bring it up to date."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
COMMANDS = [
    [],
    ["demo"],
    ["run"],
    ["exec"],
    ["shell"],
    ["record"],
    ["replay"],
    ["doctor"],
    ["gc"],
    ["serve"],
    ["open"],
    ["top"],
    ["up"],
    ["down"],
    ["restart"],
    ["status"],
    ["logs"],
    ["service", "install"],
    ["service", "uninstall"],
    ["service", "status"],
    ["token", "show"],
    ["token", "rotate"],
    ["token", "create"],
    ["token", "list"],
    ["token", "revoke"],
    ["init"],
    ["config", "path"],
    ["config", "get"],
    ["config", "set"],
    ["config", "unset"],
    ["portfolio", "list"],
    ["portfolio", "show"],
    ["portfolio", "search"],
    ["portfolio", "check"],
    ["portfolio", "inbox"],
    ["portfolio", "diff"],
    ["portfolio", "accept"],
    ["portfolio", "reject"],
    ["agents", "list"],
    ["agents", "info"],
    ["agents", "install"],
    ["git", "requests"],
    ["git", "approve"],
    ["git", "reject"],
    ["git", "trust"],
    ["net", "log"],
    ["log"],
    ["usage"],
    ["usage", "today"],
    ["usage", "live"],
    ["usage", "session"],
    ["usage", "doctor"],
    ["usage", "statusline"],
    ["prices", "list"],
    ["prices", "show"],
    ["prices", "refresh"],
    ["budget", "set"],
    ["budget", "list"],
    ["budget", "clear"],
    ["project", "use"],
    ["project", "list"],
    ["project", "show"],
    ["project", "clear"],
    ["skills", "list"],
    ["skills", "show"],
    ["skills", "lint"],
    ["skills", "enable"],
    ["skills", "disable"],
    ["skills", "new"],
    ["log-command"],
    ["memory", "list"],
    ["memory", "show"],
    ["memory", "add"],
    ["memory", "search"],
    ["memory", "promote"],
    ["memory", "index"],
    ["memory", "inbox"],
    ["memory", "accept"],
    ["memory", "reject"],
    ["image", "build"],
    ["image", "import"],
    ["image", "list"],
    ["image", "rm"],
    ["mcp"],
    ["mcp", "preinstall"],
    ["models", "list"],
    ["models", "check"],
    ["sessions", "list"],
    ["sessions", "show"],
    ["sessions", "search"],
    ["sessions", "export"],
    ["sessions", "rm"],
    ["software", "list"],
    ["software", "install"],
    ["software", "remove"],
    ["snapshot", "list"],
    ["snapshot", "rm"],
    ["snapshot", "diff"],
    ["snapshot", "export"],
    ["snapshot", "import"],
]
_FIRST = "\n## `agentos`"


def _help(words: list[str]) -> str:
    program = "import sys; sys.argv[0] = 'agentos'; from agentos.cli.main import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", program, *words, "--help"],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "90", "NO_COLOR": "1", "TERM": "dumb"},
        check=True,
    )
    return "\n".join(line.rstrip() for line in ran.stdout.strip().splitlines())


def page() -> str:
    """The page as it should be."""
    preface = PAGE.read_text().partition(_FIRST)[0].rstrip("\n")
    sections = [f"## `agentos{''.join(f' {w}' for w in words)}`" for words in COMMANDS]
    texts = [f"{s}\n\n```text\n{_help(w)}\n```\n" for s, w in zip(sections, COMMANDS, strict=True)]
    return preface + "\n\n" + "\n".join(texts)


def test_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), f"run: python {Path(__file__).name}"


if __name__ == "__main__":
    PAGE.write_text(page())
