"""`agentos demo`: the real Codex repairs a failing project, with no key and no account."""

from __future__ import annotations

import tempfile
from pathlib import Path

import typer

from agentos.cli.event_loop import run_command
from agentos.cli.options import Json

_INTRODUCTION = """\
The real Codex repairs a small Python project inside a machine of its own.
Codex, its tools, the commands and the isolation are real. Its model is played:
a rehearsal model on this host answers from a script, so no key is needed.
"""
_NEXT = """
With a key, the same works on your own code:
  agentos run codex "Fix the failing test" --workspace . --env OPENAI_API_KEY
"""


def demo(as_json: Json = False) -> None:
    """Watch the real Codex repair a failing project, with no key and no account."""
    if not as_json:
        typer.echo(_INTRODUCTION)
    code = run_command(_demo(as_json))
    if not as_json and code == 0:
        typer.echo(_NEXT)
    raise typer.Exit(code)


async def _demo(as_json: bool) -> int:
    import shutil

    from agentos.cli.render import renderer
    from agentos.cli.run import Task, perform
    from agentos.models.rehearsal import RehearsalModel

    pace = 0.0 if as_json else 0.02
    with tempfile.TemporaryDirectory(prefix="agentos-demo-") as directory:
        async with RehearsalModel("fix-failing-test", pace=pace) as model:
            project = Path(directory) / "project"
            assert model.scenario.project
            assert model.scenario.prompt
            shutil.copytree(model.scenario.project, project)
            prompt = model.scenario.prompt
            show = renderer(as_json)
            show.asked(prompt)
            return await perform(Task("codex", prompt, workspace=project, provider=model), show)
