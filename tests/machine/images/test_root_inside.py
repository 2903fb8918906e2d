"""Commands as root of a machine: over its own files, and no further."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.machine.images.conftest import needs_ids

from agentos import AgentOs, IsolationUnavailable, Limits
from agentos.machine.limits import choose

#: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID.
OVER_OWN_FILES = "00000000000000fb"
_STATUS = "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status"


@pytest.fixture
async def vm() -> AsyncIterator[AgentOs]:
    """A machine with a range of ids."""
    async with AgentOs(root=True) as machine:
        yield machine


def status_of(text: str) -> dict[str, str]:
    return dict(line.split(":\t") for line in text.splitlines())


@needs_ids
async def test_root_owns_the_files_of_the_machine(vm: AgentOs) -> None:
    await vm.write_file("mine", "x")
    await vm.chmod("mine", 0)
    script = "id -u; cat ~agentos/mine; chown 33:44 ~agentos/mine; echo $HOME $USER; touch /run/new"
    assert (await vm.exec(script, user="root", check=True)).stdout == "0\nx/root root\n"
    assert (await vm.stat("mine")).uid == 33
    with pytest.raises(PermissionError):
        await vm.write_file("/run/new", "only root's")


@needs_ids
@pytest.mark.parametrize("contain", [False, True])
async def test_root_has_these_capabilities_and_no_others(vm: AgentOs, contain: bool) -> None:
    async with await vm.spawn(_STATUS, user="root", contain=contain) as process:
        assert process.stdout
        found = status_of((await process.stdout.read()).decode())
    assert found == {
        **dict.fromkeys(("CapInh", "CapPrm", "CapEff"), OVER_OWN_FILES),
        **dict.fromkeys(("CapBnd", "CapAmb"), "0" * 16),
        "NoNewPrivs": "1",
        "Seccomp": "2",
    }


@needs_ids
async def test_commands_of_the_user_have_none_of_it(vm: AgentOs) -> None:
    await vm.exec("true", user="root", check=True)
    found = status_of((await vm.exec(_STATUS)).stdout)
    assert {found[f"Cap{name}"] for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    dropped = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "sh", "-c", _STATUS]
    found = status_of((await vm.exec(dropped, user="root", check=True)).stdout)
    assert {found[f"Cap{name}"] for name in ("Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}


@needs_ids
async def test_the_user_cannot_become_root(vm: AgentOs) -> None:
    await vm.exec("cp /usr/bin/id /tmp/id; chmod 4755 /tmp/id", user="root", check=True)
    assert (await vm.exec("/tmp/id -u")).stdout == "1000\n"
    async with await vm.spawn(["sleep", "1000"], user="root") as process:
        assert (await vm.exec(f"kill {process.pid}")).exit_code != 0
        assert (await vm.exec(f"cat /proc/{process.pid}/environ")).exit_code != 0
        assert process.exit_code is None


@needs_ids
@pytest.mark.parametrize(
    "attempt",
    [
        "mount -t tmpfs none /mnt",
        "umount /proc",
        "chroot / true",
        "mknod /disk b 8 0",
        "mknod /memory c 1 1",
        "unshare -U true",
        "unshare -m true",
        "nsenter -t 1 -m true",
        "ls /proc/1/fd",
        "ls /proc/1/root",
        "cat /proc/1/environ",
        "echo 1 > /proc/sys/kernel/panic",
        "echo b > /proc/sysrq-trigger",
        "touch /usr/bin/new",
        "rm /usr/bin/env",
        "chown 1000 /usr/bin/env",
        "touch /opt/agentos/new",
        "hostname other",
        "setpriv --inh-caps +sys_admin true",
        "ip link add type dummy",
        "prlimit --nofile=9999999 true",
    ],
)
async def test_root_gets_no_further(vm: AgentOs, attempt: str) -> None:
    await vm.exec("mkdir -p /mnt", user="root", check=True)
    assert (await vm.exec(attempt, user="root")).exit_code != 0


@needs_ids
async def test_root_cannot_end_init(vm: AgentOs) -> None:
    await vm.exec("kill -9 1; kill -STOP 1; kill -9 -1", user="root")
    assert (await vm.exec("echo on")).stdout == "on\n"


@needs_ids
async def test_what_root_started_ends_with_the_command(vm: AgentOs) -> None:
    script = (
        "setsid sleep 1000 & setpriv --reuid=33 --regid=33 --clear-groups sleep 1000 & echo up; cat"
    )
    process = await vm.spawn(script, user="root", contain=True)
    async with process:
        assert process.stdout
        assert await process.stdout.readline() == b"up\n"
    while await vm.processes():
        await asyncio.sleep(0)


@needs_ids
async def test_terminal_as_root(vm: AgentOs) -> None:
    async with await vm.terminal("id -un; tty", user="root") as terminal:
        shown = b""
        while chunk := await terminal.read():
            shown += chunk
    assert shown.split() == [b"root", b"/dev/pts/0"]


@needs_ids
async def test_directories_of_root_alone(vm: AgentOs) -> None:
    await vm.exec("mkdir -m 700 /root", user="root", check=True)
    assert (await vm.exec("pwd", user="root", cwd="/root")).stdout == "/root\n"
    with pytest.raises(PermissionError):
        await vm.exec("pwd", cwd="/root")


@needs_ids
async def test_root_could_become_many_users_that_are_counted_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choose, "hierarchies", list)  # as where no group is delegated
    async with AgentOs(root=True, limits=Limits(pids=50)) as vm:
        assert (await vm.exec("echo held")).stdout == "held\n"
        with pytest.raises(IsolationUnavailable, match="pids") as caught:
            await vm.exec("id", user="root")
    assert caught.value.code == "limit_unavailable"


async def test_users_that_are_none(vm: AgentOs) -> None:
    with pytest.raises(ValueError, match="nobody"):
        await vm.exec("id", user="nobody")  # type: ignore[arg-type]
