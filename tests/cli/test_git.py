"""`agentos git`: approving pushes, trusting repositories."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agentos.hub.git.requests import PushRequests, new_request


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PushRequests:
    monkeypatch.setenv("AGENTOS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    return PushRequests()


def agentos(*arguments: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "agentos", *arguments]
    return subprocess.run(command, input=answer, capture_output=True, text=True)


def ask(inbox: PushRequests, commit: str = "1f" * 20) -> str:
    about = {"repository": "/project", "remote": "origin", "url": "https://example.com/x"}
    return inbox.ask(
        new_request(**about, target="work", commit=commit, commits=("1f1f1f1 Add a",))
    ).id


def test_an_empty_inbox(inbox: PushRequests) -> None:
    assert agentos("git", "requests").stderr == "no push waits for approval\n"
    assert json.loads(agentos("git", "requests", "--json").stdout) == []


def test_requests_are_shown_with_what_they_push(inbox: PushRequests) -> None:
    id = ask(inbox)
    shown = agentos("git", "requests").stdout
    assert id in shown
    assert "/project -> origin (https://example.com/x) work" in shown
    assert "1f1f1f1 Add a" in shown
    assert json.loads(agentos("git", "requests", "--json").stdout)[0]["id"] == id


def test_what_an_agent_wrote_moves_no_cursor(inbox: PushRequests) -> None:
    about = {"repository": "/project", "remote": "origin", "url": "https://example.com/x"}
    hidden = "1f1f1f1 Add a\x1b[1A\x1b[2K\u202e\rgood\nafter"
    id = inbox.ask(new_request(**about, target="work", commit="1f" * 20, commits=(hidden,))).id
    for shown in (
        agentos("git", "requests").stdout,
        agentos("git", "approve", id, answer="n\n").stdout,
    ):
        assert shown.splitlines()[-1].startswith("    1f1f1f1 Add a\ufffd[1A\ufffd[2K")
        assert not {"\x1b", "\r", "\u202e"} & set(shown)


@pytest.mark.parametrize(
    ("answer", "state"), [("y\n", "approved"), ("n\n", "waiting"), ("", "waiting")]
)
def test_approving_asks_first(inbox: PushRequests, answer: str, state: str) -> None:
    id = ask(inbox)
    done = agentos("git", "approve", id, answer=answer)
    assert (done.returncode == 0) is (state == "approved")
    assert inbox.get(id).state == state


def test_rejecting(inbox: PushRequests) -> None:
    id = ask(inbox)
    assert agentos("git", "reject", id).stdout == f"rejected {id}\n"
    assert inbox.get(id).state == "rejected"
    assert agentos("git", "requests").stdout == ""
    assert id in agentos("git", "requests", "--all").stdout
    assert "is rejected" in agentos("git", "approve", "--yes", id).stderr


@pytest.mark.parametrize("id", ["00000000", "../../etc/passwd", "nonsense"])
def test_a_request_that_is_not_there(inbox: PushRequests, id: str) -> None:
    done = agentos("git", "approve", "--yes", id)
    assert done.returncode == 1
    assert "there is no push request" in done.stderr


def test_requests_are_the_users_alone(inbox: PushRequests, tmp_path: Path) -> None:
    id = ask(inbox)
    file = tmp_path / "state/push-requests" / f"{id}.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_trusting_a_repository(inbox: PushRequests, tmp_path: Path) -> None:
    top = tmp_path / "project"
    subprocess.run(["git", "init", "--quiet", str(top)], check=True)
    assert "names no programs" in agentos("git", "trust", str(top)).stdout
    subprocess.run(["git", "config", "core.hooksPath", ".husky"], cwd=top, check=True)
    refused = agentos("git", "trust", str(top), answer="n\n")
    assert refused.returncode == 1
    assert not (tmp_path / "state/git-trust").exists()
    done = agentos("git", "trust", str(top), "--yes")
    assert "core.hookspath = .husky" in done.stdout
    assert len(list((tmp_path / "state/git-trust").iterdir())) == 1


def test_trust_is_for_repositories(inbox: PushRequests, tmp_path: Path) -> None:
    done = agentos("git", "trust", str(tmp_path))
    assert done.returncode == 1
    assert f"{tmp_path} is not the top directory of a git repository" in done.stderr
    assert "registered" not in done.stderr
    assert "there is no directory" in agentos("git", "trust", str(tmp_path / "none")).stderr
