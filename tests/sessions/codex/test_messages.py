"""The protocol that is checked in is that of the Codex that is installed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from agentos.sessions.codex import messages
from agentos.software import ensure

GENERATOR = Path(__file__).parents[3] / "scripts" / "codex_messages.py"
HEARD = {
    "error",
    "item/agentMessage/delta",
    "item/commandExecution/outputDelta",
    "item/completed",
    "item/plan/delta",
    "item/reasoning/summaryTextDelta",
    "item/reasoning/textDelta",
    "item/started",
    "mcpServer/startupStatus/updated",
    "thread/name/updated",
    "thread/tokenUsage/updated",
    "turn/completed",
    "turn/plan/updated",
    "warning",
}
ASKED = {"initialize", "model/list", "thread/start", "turn/interrupt", "turn/start"}
ANSWERED = {
    "item/commandExecution/requestApproval",
    "item/fileChange/requestApproval",
    "mcpServer/elicitation/request",
}


@pytest.fixture(scope="module")
def codex() -> Path:
    layers = {layer.name: layer.path for layer in asyncio.run(ensure(["codex"]))}
    return layers["codex"] / "bin" / "codex"


def test_a_new_codex_that_changes_what_is_used_is_noticed(codex: Path) -> None:
    made = subprocess.run([sys.executable, GENERATOR, codex], check=True, capture_output=True)
    assert made.stdout.decode() == Path(messages.__file__).read_text()


@pytest.mark.parametrize(
    ("file", "methods"),
    [
        ("ServerNotification.json", HEARD),
        ("ClientRequest.json", ASKED),
        ("ServerRequest.json", ANSWERED),
    ],
)
def test_every_method_that_is_used_exists(
    codex: Path, tmp_path: Path, file: str, methods: set[str]
) -> None:
    command = [str(codex), "app-server", "generate-json-schema", "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    known = json.loads((tmp_path / file).read_text())["oneOf"]
    assert methods <= {method["properties"]["method"]["enum"][0] for method in known}
