"""Actions with the real npm, and an editor's command line that notes what it is told."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

from agentos.errors import ActionError
from agentos.hub.actions import Actions, extension_actions
from agentos.hub.settings import Action

SCRIPTS = {
    "compile": "node -e \"console.log('compiled'); console.error('a warning')\"",
    "package": "node -e \"require('fs').writeFileSync('mine-1.0.1.vsix', 'PK')\"",
}


@pytest.fixture
def extension(tmp_path: Path) -> Path:
    """An extension's directory."""
    directory = tmp_path / "extension"
    directory.mkdir()
    manifest = {"name": "mine", "version": "1.0.1", "scripts": SCRIPTS}
    (directory / "package.json").write_text(json.dumps(manifest))
    return directory


def shell(directory: Path, script: str, **settings: float | str) -> Actions:
    return Actions([Action("do", directory, ("sh", "-c", script), **settings)])  # type: ignore[arg-type]


async def test_compile(extension: Path) -> None:
    lines: list[str] = []

    async def progress(line: str) -> None:
        lines.append(line)

    done = await Actions(extension_actions(extension)).run("compile", progress)
    assert (done.ok, done.exit_code, done.artefact) == (True, 0, None)
    assert {"compiled", "a warning"} <= set(lines)
    assert "compiled" in done.output


async def test_package_finds_what_it_made(extension: Path) -> None:
    (extension / "old-1.0.0.vsix").write_text("PK")
    done = await Actions(extension_actions(extension)).run("package")
    assert done.artefact == str(extension / "mine-1.0.1.vsix")
    again = await Actions(extension_actions(extension)).run("package")
    assert again.artefact == done.artefact


async def test_a_script_that_is_not_there(extension: Path) -> None:
    (extension / "package.json").write_text('{"name": "mine"}')
    done = await Actions(extension_actions(extension)).run("compile")
    assert not done.ok
    assert "failed: exit code 1" in done.summary
    assert "Missing script" in done.output


async def test_a_command_that_makes_nothing(tmp_path: Path) -> None:
    (tmp_path / "old.vsix").write_text("PK")
    done = await shell(tmp_path, "true", artefact="*.vsix").run("do")
    assert done.artefact is None
    assert done.summary.endswith("but made no *.vsix")


async def test_an_artefact_elsewhere_is_none(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    script = "echo x > ../out.vsix; ln -s ../out.vsix in.vsix"
    done = await shell(tmp_path / "project", script, artefact="*.vsix").run("do")
    assert done.artefact is None
    done = await shell(tmp_path / "project", script, artefact="../*.vsix").run("do")
    assert done.artefact is None


@pytest.fixture
def editors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory of PATH with editors in it."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in ("sh", "cat"):
        (directory / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(directory))
    return directory


def editor(directory: Path, name: str) -> Path:
    note = directory / f"{name}.note"
    (directory / name).write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {note}\necho installed\n')
    (directory / name).chmod(0o755)
    return note


@pytest.mark.parametrize("name", ["code", "cursor", "codium"])
async def test_install_takes_the_newest_package(extension: Path, editors: Path, name: str) -> None:
    note = editor(editors, name)
    for age, package in enumerate(("b-2.vsix", "a-9.vsix", "c-1.vsix")):
        (extension / package).write_text("PK")
        os.utime(extension / package, (1_700_000_000 - age, 1_700_000_000 - age))
    done = await Actions(extension_actions(extension)).run("install")
    assert done.ok
    assert done.output == "installed"
    newest = str(extension / "b-2.vsix")
    assert note.read_text().split("\n")[:2] == ["--install-extension", newest]


async def test_install_prefers_code(extension: Path, editors: Path) -> None:
    notes = [editor(editors, name) for name in ("codium", "cursor", "code")]
    (extension / "a.vsix").write_text("PK")
    await Actions(extension_actions(extension)).run("install")
    assert [note.exists() for note in notes] == [False, False, True]


async def test_install_without_a_package(extension: Path, editors: Path) -> None:
    editor(editors, "code")
    with pytest.raises(ActionError) as caught:
        await Actions(extension_actions(extension)).run("install")
    assert caught.value.code == "action_no_package"


async def test_install_without_an_editor(extension: Path, editors: Path) -> None:
    (extension / "a.vsix").write_text("PK")
    with pytest.raises(ActionError) as caught:
        await Actions(extension_actions(extension)).run("install")
    assert caught.value.code == "action_no_editor"
    assert "code, cursor, codium" in caught.value.message


async def test_an_action_that_is_not_declared(extension: Path) -> None:
    with pytest.raises(ActionError) as caught:
        await Actions(extension_actions(extension)).run("publish")
    assert caught.value.code == "action_not_found"
    assert "compile, package, install" in str(caught.value)


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ActionError) as caught:
        await Actions([Action("do", tmp_path, ("no-such-program",))]).run("do")
    assert caught.value.code == "action_program_absent"


async def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ActionError) as caught:
        await shell(tmp_path / "none", "true").run("do")
    assert caught.value.code == "action_no_directory"


async def test_the_later_declaration_counts(tmp_path: Path) -> None:
    own = Action("compile", tmp_path, ("echo", "mine"))
    done = await Actions([*extension_actions(tmp_path), own]).run("compile")
    assert done.output == "mine"


async def test_a_timeout_ends_all_that_was_started(tmp_path: Path) -> None:
    script = "sleep 600 & echo $! > child; echo begun; wait"
    done = await shell(tmp_path, script, timeout=1.0).run("do")
    assert (done.ok, done.exit_code, done.output) == (False, None, "begun")
    assert "ended after 1 s" in done.summary
    await _is_gone(int((tmp_path / "child").read_text()))


async def test_a_cancellation_ends_all_that_was_started(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def progress(line: str) -> None:
        begun.set()

    actions = shell(tmp_path, "sleep 600 & echo $! > child; echo begun; wait")
    task = asyncio.create_task(actions.run("do", progress))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _is_gone(int((tmp_path / "child").read_text()))


async def test_what_is_left_behind_is_ended(tmp_path: Path) -> None:
    done = await shell(tmp_path, "sleep 600 & echo $! > child; echo done").run("do")
    assert (done.ok, done.output) == (True, "done")
    await _is_gone(int((tmp_path / "child").read_text()))


async def test_output_is_bounded(tmp_path: Path) -> None:
    counted = 0

    async def progress(line: str) -> None:
        nonlocal counted
        counted += 1
        assert len(line) <= 2000

    script = "seq 20001; head -c 3000000 /dev/zero | tr '\\0' x"
    done = await shell(tmp_path, script).run("do", progress)
    assert done.truncated
    assert len(done.output) <= 20_000
    assert done.output.endswith("x")
    assert counted > 20_000


async def test_output_does_not_steer_a_terminal(tmp_path: Path) -> None:
    script = r"printf '\033[31mred\033[0m\033]0;title\007\r\nbroken \377\n50%%\r100%%\n'"
    done = await shell(tmp_path, script).run("do")
    assert done.output == "red\nbroken \ufffd\n50%\n100%"


async def test_a_listener_that_fails_ends_the_command(tmp_path: Path) -> None:
    async def progress(line: str) -> None:
        raise ConnectionError("the client is gone")

    actions = shell(tmp_path, "echo $$ > pid; echo x; exec sleep 600")
    with pytest.raises(ConnectionError):
        await actions.run("do", progress)
    await _is_gone(int((tmp_path / "pid").read_text()))


async def test_the_hubs_keys_are_not_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTOS_TOKEN", "of-the-hub")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "of-the-gateway")
    monkeypatch.setenv("VSCE_PAT", "of-the-user")
    done = await shell(tmp_path, "env").run("do")
    assert "of-the-hub" not in done.output
    assert "of-the-gateway" not in done.output
    assert "of-the-user" in done.output


async def test_it_reads_nothing(tmp_path: Path) -> None:
    assert (await shell(tmp_path, "cat; echo end").run("do")).output == "end"


async def _is_gone(pid: int) -> None:
    stat = Path(f"/proc/{pid}/stat")
    while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
        await asyncio.sleep(0.01)
