"""The network on the command line."""

from __future__ import annotations

import json
import subprocess
import sys


def agentos(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agentos", *words], capture_output=True, text=True, check=False
    )


def test_a_command_reaches_what_a_preset_and_its_options_allow() -> None:
    names = "getent hosts api.anthropic.com more.example && ! getent hosts other.example"
    ran = agentos("exec", "--network", "agents", "--allow", "more.example", "--", "sh", "-c", names)
    assert ran.returncode == 0, ran.stderr


def test_a_preset_that_is_none_is_named() -> None:
    ran = agentos("exec", "--network", "everything", "--", "true")
    assert ran.returncode == 1
    assert "there is no network preset 'everything'" in ran.stderr
    assert "none, packages, agents, open" in ran.stderr


def test_the_doctor_tells_whether_ports_stay_free() -> None:
    findings = [json.loads(line) for line in agentos("doctor", "--json").stdout.splitlines()]
    [network] = [finding for finding in findings if finding["name"] == "network"]
    assert network["ok"]
    assert "every port" in network["detail"]
