"""`agentos exec` with limits, and what `agentos doctor` says of them."""

from __future__ import annotations

import json
import subprocess
import sys

AGENTOS = [sys.executable, "-m", "agentos"]


def agentos(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*AGENTOS, *words], capture_output=True, text=True, check=False)


def test_a_bomb_ends_and_the_user_is_told_why() -> None:
    bomb = "held = [bytearray(4 << 20) for _ in range(10_000)]"
    ran = agentos("exec", "--memory", "48M", "--pids", "50", "--", "python3", "-c", bomb)
    assert ran.returncode == 137
    assert "agentos: memory: used up, so a process was killed" in ran.stderr


def test_too_little_is_one_readable_line() -> None:
    ran = agentos("exec", "--pids", "1", "--", "true")
    assert ran.returncode == 1
    assert ran.stderr.splitlines() == [
        "agentos: Limits(pids=1) cannot work",
        "         pids is at least 4",
    ]


def test_doctor_says_what_is_in_force() -> None:
    ran = agentos("doctor", "--json")
    findings = {finding["name"]: finding for finding in map(json.loads, ran.stdout.splitlines())}
    limits = findings["limits"]
    ways = dict(part.split(" by ") for part in limits["detail"].split(", "))
    assert list(ways) == ["memory", "cpus", "pids"]
    assert limits["ok"] == all(way.startswith("cgroup") for way in ways.values())
    assert "Delegate=yes" in limits["remedy"]
