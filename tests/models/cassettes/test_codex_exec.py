"""The host's own Codex under `agentos record` and `agentos replay`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tests.models.conftest import Installed

from agentos import RehearsalModel, Scenario, Step

PROGRAM = """
cd "$HOME/work" && exec "$CODEX" exec --json --skip-git-repo-check -m gpt-5.5 \
    --dangerously-bypass-approvals-and-sandbox \
    -c openai_base_url="\\"$OPENAI_BASE_URL\\"" "$PROMPT" </dev/null
"""


async def test_codex_exec_gives_the_same_answers(
    codex_home: Path, installed: Installed, tmp_path: Path
) -> None:
    tape = tmp_path / "exec.yaml"
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "HOME": str(codex_home),
        "CODEX_HOME": str(codex_home / "codex"),
        "CODEX": str(installed("codex", "codex/0.169.0/bin/codex", "AGENTOS_TEST_CODEX")),
        "AGENTOS_HOME": str(tmp_path),
        "AGENTOS_STORE_URL": f"sqlite:///{tmp_path}/agentos.db",
        "PROMPT": "look around",
    }

    async def run(command: str, **more: str) -> tuple[int | None, str]:
        words = (sys.executable, "-m", "agentos", command, str(tape), "--", "sh", "-c", PROGRAM)
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *words, stdout=pipe, stderr=pipe, env=env | more
        )
        out, err = await asyncio.wait_for(process.communicate(), 90)
        return process.returncode, (out + err).decode()

    scenario = Scenario(steps=[Step(say="I look.", run="echo $((6*7))"), Step(say="It is done.")])
    async with RehearsalModel(scenario) as model:
        reach = {"OPENAI_API_KEY": model.api_key, "OPENAI_BASE_URL": model.base_url}
        code, shown = await run("record", **reach)
        assert (code, len(model.turns)) == (0, 2), shown
    assert model.api_key not in tape.read_text()
    code, again = await run("replay")
    assert code == 0, again
    for said in ("I look.", '"aggregated_output":"42\\n"', "It is done."):
        assert said in shown
        assert said in again
    code, again = await run("replay", PROMPT="look elsewhere")
    assert code == 1
    assert "+      text: look elsewhere" in again
