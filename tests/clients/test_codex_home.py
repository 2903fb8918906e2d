"""What the AgentOS home has reaches the real Codex: a rendered skill, the section of memories."""

from __future__ import annotations

from pathlib import Path

from tests.clients.conftest import StageMaker

from agentos import Step
from agentos.memories.memory import Memory
from agentos.memories.section import section
from agentos.models.rehearsal import When
from agentos.skills.making import new_skill
from agentos.skills.reading import load_skills
from agentos.skills.rendering import render
from agentos.skills.settings import SkillSettings
from agentos.skills.tokens import client_tokens

MEMORIES = [
    Memory("tone", "feedback", "How to answer", "Answer in verse."),
    Memory("deploy", "project", "How to deploy", "Only ever by rsync.", "site"),
]


def rendered(home: Path, skills_dir: str) -> dict[str, bytes]:
    path = new_skill(home, "ship-it", "Ships a {{team}} release, when asked to.")
    path.write_text(path.read_text() + "\nRun {{skills_dir}}/ship-it/check.sh for {{client}}.\n")
    (path.parent / "check.sh").write_text("#!/bin/sh\necho checked for {{client}}\n")
    (path.parent / "check.sh").chmod(0o755)
    settings = SkillSettings(tokens={"team": {"default": "blue"}})
    tokens = client_tokens(settings, "codex", skills_dir=skills_dir, hub_url="http://hub")
    files = render(load_skills(home)[0], "codex", tokens)
    assert files["check.sh"].mode == 0o755
    return {f"{skills_dir}/ship-it/{name}": file.content for name, file in files.items()}


async def test_codex_offers_the_skill_and_knows_the_memories(
    stage: StageMaker, tmp_path: Path
) -> None:
    skills = "/home/agentos/.codex/skills"
    files: dict[str, bytes | str] = {**rendered(tmp_path, skills), "AGENTS.md": section(MEMORIES)}
    steps = [
        Step(say="I know."),
        Step(run=f"sh {skills}/ship-it/check.sh"),
        Step(when=When(exit_code=0, output="checked for codex\n"), say="Shipped."),
    ]
    async with stage(*steps, files=files) as s:
        await s.session.prompt("hello")
        seen = s.model.turns[0].input_text
        assert "ship-it: Ships a blue release, when asked to." in seen
        assert "- tone (feedback): How to answer" in seen
        assert "Only ever by rsync." in seen
        assert "log-command" not in seen  # only what is used is read
        result = await s.session.prompt("use $ship-it")
        used = s.model.turns[1].input_text
        assert f"Run {skills}/ship-it/check.sh for codex." in used
        assert "`agentos log-command ship-it --client codex`" in used
    assert result.text.endswith("Shipped.")
    assert not s.model.mismatches
