"""What the list of commands costs: it imports what commands are called, not what they do."""

from __future__ import annotations

import subprocess
import sys

LOOK = """
import sys
from agentos.cli.entry import main
sys.argv = ["agentos", "--help"]
try:
    main()
finally:
    sys.stderr.write(" ".join(sys.modules))
"""
HEAVY = {"rich", "textual", "pydantic", "sqlalchemy", "fastapi", "mcp", "acp", "httpx2", "tomlkit"}
PARTS = {"sync", "usage", "skills", "memories", "machine", "sessions", "hub", "store", "settings"}


def test_the_list_of_commands_imports_no_part_of_the_product() -> None:
    ran = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=False)
    assert "Usage:" in ran.stdout
    imported = set(ran.stderr.split())
    assert "agentos.cli.main" in imported
    assert not imported & HEAVY
    assert not imported & {f"agentos.{part}" for part in PARTS}
