"""Hosts that do not permit machines say so, and what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import agentos
from agentos.errors import IsolationUnavailable
from agentos.machine.isolation import namespace
from agentos.machine.isolation.namespace import NamespaceMachine
from agentos.machine.layers.host_image import host_image
from agentos.machine.machine import AgentOs

IN_USER_NAMESPACE = Path(__file__).parents[1] / "data" / "in_user_namespace.py"

ATTEMPT = """
import asyncio, json, os
from agentos.errors import AgentOsError
from agentos.machine.machine import AgentOs

async def main():
    before = set(os.listdir("/proc/self/fd"))
    try:
        async with AgentOs() as vm:
            answer = {"stdout": (await vm.exec("echo hello")).stdout}
    except AgentOsError as error:
        answer = {"type": type(error).__name__, "code": error.code, "text": str(error)}
    answer["left"] = sorted(set(os.listdir("/proc/self/fd")) - before)
    print(json.dumps(answer))

asyncio.run(main())
"""


def attempt(*wrapper: str) -> dict[str, object]:
    """Try to use a machine in a process of its own; what came of it."""
    done = subprocess.run(
        [*wrapper, sys.executable, "-c", ATTEMPT], capture_output=True, text=True, check=True
    )
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def in_user_namespace(setup: str) -> tuple[str, ...]:
    return (sys.executable, str(IN_USER_NAMESPACE), setup)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has an id that must not be used")
def test_root_that_has_no_other_id() -> None:
    answer = attempt("unshare", "-Ur")
    assert (answer["type"], answer["code"]) == ("IsolationUnavailable", "only_root")
    assert answer["left"] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be given some ids and not others")
def test_root_with_few_ids_gives_the_machine_another_than_its_own() -> None:
    wrapper = ("env", "IDS=5000", *in_user_namespace("true"))
    assert attempt(*wrapper) == {"stdout": "hello\n", "left": []}


def test_user_namespaces_forbidden() -> None:
    answer = attempt(*in_user_namespace("echo 0 > /proc/sys/user/max_user_namespaces"))
    assert (answer["type"], answer["code"]) == ("IsolationUnavailable", "user_namespaces_forbidden")
    assert "sysctl" in str(answer["text"])
    assert answer["left"] == []


@pytest.mark.parametrize("kind", ["pid", "mnt", "net", "uts"])
def test_another_namespace_forbidden(kind: str) -> None:
    answer = attempt(*in_user_namespace(f"echo 0 > /proc/sys/user/max_{kind}_namespaces"))
    assert answer["type"] == "IsolationUnavailable"
    assert answer["left"] == []


def test_a_user_namespace_of_one_id_is_enough() -> None:
    assert attempt(*in_user_namespace("true")) == {"stdout": "hello\n", "left": []}


async def test_a_missing_launcher(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(namespace, "LAUNCHER", tmp_path / "none")
    with pytest.raises(IsolationUnavailable) as caught:
        await AgentOs.create()
    assert caught.value.code == "launcher_missing"
    assert "gcc" in str(caught.value)


async def test_a_failed_start_can_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    vm = AgentOs()
    with monkeypatch.context() as broken:
        broken.setattr(namespace, "LAUNCHER", Path("/no/such"))
        with pytest.raises(IsolationUnavailable):
            await vm.start()
    async with AgentOs() as other:
        assert (await other.exec("true")).exit_code == 0


async def test_what_cannot_be_bound_is_named() -> None:
    image = host_image()
    try:
        with pytest.raises(IsolationUnavailable, match="/no/such"):
            await NamespaceMachine.start(lambda: image, binds=((Path("/no/such"), "/x"),))
    finally:
        os.close(image.lock)


async def test_a_machine_within_a_machine_is_refused_cleanly(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert agentos.__file__
    async with AgentOs(env={"PYTHONPATH": "/home/agentos/lib", "AGENTOS_DATA_DIR": "/tmp/d"}) as vm:
        await vm.mkdir("lib")
        await vm.upload(Path(agentos.__file__).parent, "lib/agentos")
        done = await vm.exec(["python3", "-c", ATTEMPT], check=True)
    answer = json.loads(done.stdout)
    assert (answer["type"], answer["code"]) == ("IsolationUnavailable", "user_namespaces_forbidden")
    assert answer["left"] == []
