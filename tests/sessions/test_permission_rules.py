"""What rules decide about a tool call."""

from __future__ import annotations

from typing import Any

import pytest

from agentos.errors import ConfigInvalid
from agentos.sessions import PermissionRules

GIT = PermissionRules([("execute:git *", "allow"), ("execute:git push*", "reject")])


def run(command: str | list[str]) -> dict[str, Any]:
    return {"kind": "execute", "rawInput": {"command": command}}


def edit(*paths: str) -> dict[str, Any]:
    return {"kind": "edit", "content": [{"type": "diff", "path": path} for path in paths]}


@pytest.mark.parametrize(
    ("command", "decision"),
    [
        ("git status", "allow"),
        ("/bin/bash -lc 'git status'", "allow"),
        (["bash", "-lc", "git log --oneline"], "allow"),
        ("git log 'a;b'", "allow"),
        ("git push origin", "reject"),
        ("git log && git push", "reject"),
        ("bash -c 'git log; git push'", "reject"),
        ("make", "ask"),
        ("git status; make", "ask"),
        ("git status | sh", "ask"),
        ("git log $(make)", "ask"),
        ("git log `make`", "ask"),
        ("git log > /etc/passwd", "ask"),
        ("git log\nmake", "ask"),
        ("git log 'unended", "ask"),
        ("", "ask"),
    ],
)
def test_commands(command: str | list[str], decision: str) -> None:
    assert GIT.decide(run(command)) == decision


@pytest.mark.parametrize(
    ("paths", "decision"),
    [
        (["/home/agentos/site/index.html"], "allow"),
        (["/home/agentos/site/a", "/home/agentos/site/b"], "allow"),
        (["/home/agentos/site/a", "/etc/passwd"], "ask"),
        (["/home/agentos/site/../.ssh/id"], "ask"),
        (["/home/agentos/site/.env"], "reject"),
    ],
)
def test_paths(paths: list[str], decision: str) -> None:
    rules = PermissionRules([("edit:/home/agentos/site/*", "allow"), ("*:*/.env", "reject")])
    assert rules.decide(edit(*paths)) == decision


def test_a_path_of_a_call_without_edits() -> None:
    rules = PermissionRules([("read:/etc/*", "reject")], default="allow")
    assert rules.decide({"kind": "read", "locations": [{"path": "/etc/hosts"}]}) == "reject"
    assert rules.decide({"kind": "read"}) == "allow"


def test_kinds_and_the_last_match() -> None:
    rules = PermissionRules([("*", "reject"), ("fetch", "allow"), ("execute", "allow")])
    assert rules.decide({"kind": "fetch"}) == "allow"
    assert rules.decide({"title": "of no kind"}) == "reject"
    assert rules.decide(run("anything $(at all)")) == "allow"
    assert PermissionRules([("fetch", "allow"), ("*", "reject")]).decide({"kind": "fetch"}) == (
        "reject"
    )


@pytest.mark.parametrize("rule", [("", "allow"), ("execute", "perhaps")])
def test_what_is_no_rule(rule: Any) -> None:
    with pytest.raises(ConfigInvalid, match="no permission rule"):
        PermissionRules([rule])
