"""What sync runs for each push and check takes none of the slow imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.skills.conftest import Write

PROGRAM = """
import sys
from pathlib import Path
from agentos.memories.files import files
from agentos.memories.reading import load_memories
from agentos.memories.section import section
from agentos.skills.reading import load_skills
from agentos.skills.rendering import render
from agentos.skills.settings import load_skill_settings
from agentos.skills.support import unsupported
from agentos.skills.switches import skills_for
from agentos.skills.tokens import client_tokens

home = Path(sys.argv[1])
settings = load_skill_settings(home / "agentos.toml")
tokens = client_tokens(settings, "codex", skills_dir="", hub_url="")
[skill] = skills_for("codex", load_skills(home), settings)
assert render(skill, "codex", tokens) and not unsupported(skill, "codex")
assert section(load_memories(home)) and files(load_memories(home))
slow = {"pydantic", "typer", "rich", "asyncio", "httpx2", "sqlalchemy", "tomlkit", "sqlite3"}
assert not slow & sys.modules.keys(), slow & sys.modules.keys()
"""


def test_none_is_slow(home: Path, write: Write) -> None:
    write("one", body="{{team}}\n")
    (home / "agentos.toml").write_text('[skills.tokens]\nteam = "blue"\n')
    memory = home / "clients/shared/memory"
    memory.mkdir()
    (memory / "a.md").write_text("---\ntype: user\ndescription: x\n---\ny\n")
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(home)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
