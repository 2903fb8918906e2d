"""`agentos sync`, the whole process, with homes of the test's own."""

from __future__ import annotations

import json
import os
import pty
import random
import string
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

AGENTOS = [sys.executable, "-c", "from agentos.cli.entry import main; main()"]
KEY = "mcp_servers.agentOS-portfolio.command"


class Workstation:
    """A user with an AgentOS home, and Codex's, Claude's and Cursor's files."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = os.environ | {"HOME": str(home), "PATH": os.defpath}
        for name in ("HOME", "STATE_DIR", "DATA_DIR"):
            self.env.pop(f"AGENTOS_{name}", None)
        for name in ("CODEX_HOME", "CLAUDE_CONFIG_DIR", "XDG_CONFIG_HOME"):
            self.env.pop(name, None)
        self.ok("init")
        self.config = home / ".codex/config.toml"
        self.config.parent.mkdir()
        self.config.write_text('# mine\nmodel = "gpt"\n')

    def run(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*AGENTOS, *words],
            capture_output=True,
            check=False,
            env=self.env,
            input=typed,
            text=True,
            timeout=60,
        )

    def ok(self, *words: str) -> str:
        ran = self.run(*words)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json").stdout)

    def edit(self) -> None:
        text = self.config.read_text()
        command = tomllib.loads(text)["mcp_servers"]["agentOS-portfolio"]["command"]
        self.config.write_text(text.replace(command, "mine"))


@pytest.fixture
def station(tmp_path: Path) -> Workstation:
    return Workstation(tmp_path)


def test_check_says_what_is_not_in_step_and_who_moved(station: Workstation) -> None:
    ran = station.run("sync", "check")
    assert ran.returncode == 1
    assert f"codex  ~/.codex/config.toml: {KEY}  AgentOS changed: to add" in ran.stdout

    said = station.ok("sync", "push")
    assert "agentos sync undo" in said
    for words in (
        ("sync", "check"),
        ("check-sync",),
        ("sync", "check", "--client", "codex,cursor"),
    ):
        assert station.ok(*words) == "in sync\n"

    station.edit()
    ran = station.run("sync", "check")
    assert ran.returncode == 1
    assert f'{KEY}  the file changed: "mine" there, ' in ran.stdout
    assert station.ok("sync", "check", "--client", "cursor") == "in sync\n"

    station.config.write_text("model = \n")
    for words in (("sync", "check"), ("sync", "check", "--client", "codex")):
        ran = station.run(*words)
        assert ran.returncode == 2
        assert f"{station.config}:1: " in ran.stderr
    assert station.json("sync", "check")["error"]["code"] == "malformed"
    assert station.run("sync", "check", "--client", "emacs").returncode == 2


def test_push_is_refused_until_a_side_is_taken(station: Workstation) -> None:
    station.ok("push-runtime")
    station.edit()
    edited = station.config.read_text()
    ran = station.run("sync", "push")
    assert ran.returncode == 1
    assert KEY in ran.stderr
    assert "--theirs" in ran.stderr
    assert station.config.read_text() == edited

    station.ok("sync", "push", "--theirs")
    assert station.config.read_text() == edited
    assert "1 yours" in station.ok("sync", "status")
    assert station.ok("sync", "check") == "in sync\n"
    station.ok("sync", "push", "--restore", KEY)
    assert "mine" not in station.config.read_text().replace("# mine", "")
    assert station.run("sync", "push", "--ours", "--theirs").returncode == 2


@pytest.mark.parametrize(("answer", "kept"), [("o", False), ("t", True), ("?\nt", True)])
def test_a_person_is_asked(station: Workstation, answer: str, kept: bool) -> None:
    station.ok("sync", "push")
    station.edit()
    said, code = _typed(station, f"{answer}\n", "sync", "push")
    assert code == 0
    assert 'the file  "mine"' in said
    assert ("mine" in station.config.read_text().replace("# mine", "")) is kept


def test_a_person_may_rather_not_say(station: Workstation) -> None:
    station.ok("sync", "push")
    station.edit()
    edited = station.config.read_text()
    assert _typed(station, "q\n", "sync", "push")[1] == 1
    assert station.config.read_text() == edited
    assert _typed(station, "n\n", "sync", "undo")[1] == 1
    assert _typed(station, "n\n", "sync", "clean")[1] == 1
    assert station.config.read_text() == edited


def _typed(station: Workstation, text: str, *words: str) -> tuple[str, int]:
    """Run a command at a terminal, and type."""
    ours, theirs = pty.openpty()
    with open(ours, "r+b", buffering=0) as terminal:
        process = subprocess.Popen(
            [*AGENTOS, *words], env=station.env, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        terminal.write(text.encode())
        said = b""
        try:
            while chunk := terminal.read(4096):
                said += chunk
        except OSError:
            pass  # the other end is closed: so a terminal says that all is said
        return said.decode(), process.wait(timeout=60)


def test_a_dry_run_changes_nothing(station: Workstation) -> None:
    before = sorted(station.home.rglob("*"))
    said = station.ok("sync", "push", "--dry-run")
    assert "to add" in said
    found = station.json("sync", "push", "--dry-run")
    assert found["dry_run"] is True
    assert found["backup"] is None
    assert str(station.config) in found["files"]
    station.ok("sync", "clean", "--dry-run")
    station.ok("sync", "pull", "--dry-run")
    left = set(station.home.rglob("*")) - set(before)
    assert {path.relative_to(station.home).parts[0] for path in left} == {".agentos"}


def test_a_dry_run_says_that_a_push_would_stop(station: Workstation) -> None:
    station.ok("sync", "push")
    station.edit()
    assert "--ours or --theirs" in station.ok("sync", "push", "--dry-run")


def test_programs_are_told_of_errors_as_of_all_else(station: Workstation) -> None:
    station.ok("sync", "push")
    station.edit()
    for words in (("push",), ("clean", "--yes"), ("undo", "--yes")):
        ran = station.run("sync", *words, "--json")
        assert ran.returncode == 1
        error = json.loads(ran.stdout)["error"]
        assert error["code"] == "sync_conflict"
        assert any(str(station.config) in name for name in error["names"])
    for verb in ("push", "pull", "diff", "status"):
        error = station.json("sync", verb, "--client", "emacs")["error"]
        assert error["code"] == "no_client"


def test_a_client_that_is_not_named_is_not_every_client(station: Workstation) -> None:
    for said in ("", " , "):
        for verb in ("push", "check", "status"):
            ran = station.run("sync", verb, "--client", said)
            assert ran.returncode != 0
            assert "--client names no client" in ran.stderr
    assert not (station.home / ".cursor").exists()
    station.ok("sync", "push", "--client", "codex,")
    assert not (station.home / ".cursor").exists()


def test_status_names_what_is_the_users(station: Workstation) -> None:
    station.ok("sync", "push")
    station.edit()
    station.ok("sync", "push", "--theirs")
    assert f"yours: ~/.codex/config.toml: {KEY}\n" in station.ok("sync", "status")
    assert KEY not in station.ok("sync", "status", "--client", "cursor")
    found = station.json("sync", "status")
    assert found["yours"]["codex"] == [{"path": str(station.config), "name": KEY}]


def test_what_is_not_known_is_not_restored(station: Workstation) -> None:
    station.ok("sync", "push")
    ran = station.run("sync", "push", "--restore", "comand")
    assert ran.returncode == 1
    assert "nothing that AgentOS deployed is called 'comand'" in ran.stderr


def test_diff_shows_what_a_push_would_do(station: Workstation) -> None:
    said = station.ok("sync", "diff")
    assert f"+++ {station.config}\n" in said
    assert "+[mcp_servers.agentOS-portfolio]\n" in said
    station.ok("sync", "push")
    station.edit()
    assert f"conflict: ~/.codex/config.toml: {KEY}" in station.ok("sync", "diff")
    station.config.unlink()
    found = station.json("sync", "diff")
    assert found["files"] == []
    assert {each["action"] for each in found["changes"]} == {"keep"}
    assert found["diff"] == ""


def test_undo_brings_all_back(station: Workstation) -> None:
    before = station.config.read_bytes()
    station.ok("sync", "push")
    assert station.json("sync", "status")["backups"] == [1]
    assert "would bring back 7 files" in station.ok("sync", "undo", "--dry-run")
    assert station.config.read_bytes() != before
    assert "brought back" in station.ok("sync", "undo", "--yes")
    assert station.config.read_bytes() == before
    assert not (station.home / ".cursor").exists()
    ran = station.run("sync", "undo", "--yes")
    assert ran.returncode == 1
    assert "nothing to undo" in ran.stderr
    assert "nothing is deployed" in station.ok("sync", "status")


def test_what_is_asked_is_no_part_of_what_programs_are_told(station: Workstation) -> None:
    station.ok("sync", "push")
    for words in (("clean",), ("undo",)):
        ran = station.run("sync", *words, "--json", typed="y\n")
        assert "[y/N]" in ran.stderr
        assert json.loads(ran.stdout)["dry_run"] is False


def test_clean_sets_the_files_up_anew(station: Workstation) -> None:
    station.ok("sync", "push")
    pushed = station.config.read_text()
    unmarked = "".join(line for line in pushed.splitlines(True) if "AgentOS" not in line[:18])
    station.config.write_text(unmarked)
    station.ok("clean-runtime", "--yes")
    assert station.config.read_text() == pushed
    assert station.ok("sync", "check") == "in sync\n"


def test_pull_brings_what_the_clients_have(station: Workstation) -> None:
    station.ok("sync", "push")
    memories = station.home / ".codex/memories"
    (memories / ".git").mkdir(parents=True)
    (memories / ".git/HEAD").write_text("x")
    (memories / "MEMORY.md").write_text("# What I know\n")
    (station.home / ".codex/skills/.system/x").mkdir(parents=True)
    (station.home / ".codex/skills/.system/x/SKILL.md").write_text("x")
    station.ok("sync", "pull", "--client", "codex")
    pulled = station.home / "AgentOS/clients/codex/pulled"
    found = {str(path.relative_to(pulled)) for path in pulled.rglob("*") if path.is_file()}
    assert {"managed/config.toml", "memory/MEMORY.md"} < found
    assert not [name for name in found if ".git" in name or ".system" in name]
    managed = tomllib.loads((pulled / "managed/config.toml").read_text())
    assert "model" not in managed
    assert "command" in managed["mcp_servers"]["agentOS-portfolio"]

    (memories / "MEMORY.md").unlink()
    station.ok("pull-runtime")
    assert not (pulled / "memory").exists()


def test_pull_brings_no_secret(station: Workstation) -> None:
    memories = station.home / ".codex/memories"
    memories.mkdir(parents=True)
    (memories / "a.md").write_text("harmless\n")
    token = "".join(random.Random(1).choices(string.ascii_letters + string.digits, k=36))
    (memories / "b.md").write_text(f"\nthe token is ghp_{token}\n")
    ran = station.run("sync", "pull")
    assert ran.returncode == 1
    assert "clients/codex/pulled/memory/b.md:2: " in ran.stderr
    assert token not in ran.stderr + ran.stdout
    assert not (station.home / "AgentOS/clients/codex/pulled").exists()


def test_check_imports_nothing_heavy(station: Workstation) -> None:
    station.ok("sync", "push")
    code = (
        "import sys; from agentos.cli.entry import main\ntry: main()\nfinally: print(*sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, "sync", "check"],
        capture_output=True,
        check=True,
        env=station.env,
        text=True,
    )
    heavy = {"typer", "click", "rich", "pydantic", "httpx2", "tomlkit", "asyncio", "sqlalchemy"}
    assert heavy & set(ran.stdout.split()) == set()
