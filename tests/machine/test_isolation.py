"""What a program in a machine can and cannot do to the rest of the world."""

from __future__ import annotations

import os
import re
import signal
import socket
from pathlib import Path

import pytest

from agentos.machine.isolation.id_map import choose_id_map
from agentos.machine.machine import AgentOs

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="about what root's machines may do")


def status_of(pid: int | str) -> dict[str, str]:
    lines = Path("/proc", str(pid), "status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


async def run_c(vm: AgentOs, source: str) -> str:
    """Compile and run a C program in the machine; what it prints."""
    await vm.write_file("probe.c", "#define _GNU_SOURCE\n" + source)
    await vm.exec("cc -w -o probe probe.c", check=True)
    return (await vm.exec(["./probe"])).stdout


async def test_commands_hold_no_privileges(vm: AgentOs) -> None:
    text = (await vm.exec(["cat", "/proc/self/status"])).stdout
    status = dict(re.findall(r"^(\w+):\s*(.*?)\s*$", text, re.M))
    assert {status[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert (status["Uid"], status["Gid"]) == ("1000\t" * 3 + "1000",) * 2
    assert (await vm.exec("ulimit -c")).stdout.strip() in ("0", "1")


async def test_a_contained_command_and_its_supervisor_hold_none_either(vm: AgentOs) -> None:
    process = await vm.spawn(["sleep", "1000"], contain=True)
    for pid in (process.pid, process.supervisor):
        text = await vm.read_text(f"/proc/{pid}/status")
        assert "CapEff:\t" + "0" * 16 in text
        assert "Seccomp:\t2" in text
    await process.kill()


async def test_init_serves_locked_down_and_only_its_keeper_has_capabilities(vm: AgentOs) -> None:
    await (await vm.spawn(["sleep", "1000"])).kill()  # which takes the keeper, so it is settled
    tasks = Path(f"/proc/{vm.channel.init_pid}/task")
    server, keeper = (status_of(f"{tasks}/{n}") for n in sorted(os.listdir(tasks), key=int))
    assert {server[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert (server["NoNewPrivs"], server["Seccomp"]) == ("1", "2")
    kill, bind, admin, mount = 1 << 5, 1 << 10, 1 << 12, 1 << 21
    assert int(keeper["CapEff"], 16) == kill | bind | admin | mount
    assert keeper["CapBnd"] == "0" * 16
    assert server["Uid"] == keeper["Uid"]


async def test_no_signal_from_inside_reaches_the_keeper(vm: AgentOs) -> None:
    shown = await run_c(
        vm,
        r"""
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
    int sent = 0;
    for (int n = 1; n < 65; n++) sent += !syscall(SYS_tgkill, 1, 2, n);
    printf("%d sent\n", sent);
}
""",
    )
    assert shown == "64 sent\n"
    sleeping = await vm.spawn(["sleep", "1000"])
    await sleeping.kill()  # which takes the keeper
    assert await sleeping.wait() == 128 + signal.SIGKILL


async def test_only_the_machines_own_processes_are_visible(vm: AgentOs) -> None:
    shown = (await vm.exec("ls /proc | grep -x '[0-9]*' | wc -l")).stdout
    assert int(shown) <= 6


async def test_the_view_of_files_cannot_be_changed(vm: AgentOs) -> None:
    shown = await run_c(
        vm,
        r"""
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#define TRY(call) printf("%s %s\n", #call, (call) < 0 ? strerror(errno) : "OK")
int main(void) {
    TRY(mount("none", "/tmp", "tmpfs", 0, 0));
    TRY(mount("/etc", "/tmp", 0, MS_BIND, 0));
    TRY(umount("/proc/sys"));
    TRY(chroot("/tmp"));
    TRY(syscall(SYS_pivot_root, ".", "."));
    TRY(syscall(428, AT_FDCWD, "/", 1));
    TRY(syscall(430, "tmpfs", 0));
    TRY(unshare(CLONE_NEWUSER));
    TRY(unshare(CLONE_NEWNS));
    TRY(setns(0, 0));
    TRY(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
    TRY(syscall(SYS_clone, CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0));
    TRY(syscall(SYS_bpf, 0, 0, 0));
    TRY(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
    TRY(syscall(SYS_io_uring_setup, 1, 0));
    TRY(syscall(SYS_perf_event_open, 0, 0, 0, 0, 0));
    TRY(syscall(SYS_process_vm_readv, 1, 0, 0, 0, 0, 0));
    TRY(ptrace(PTRACE_ATTACH, 1, 0, 0));
    TRY(sethostname("x", 1));
    TRY(mknod("/tmp/disk", 0060666, 0x800));
}
""",
    )
    answers = dict(line.rsplit(") ", 1) for line in shown.splitlines())
    assert len(answers) == 20
    assert set(answers.values()) == {"Operation not permitted"}


async def test_other_doors_of_the_kernel_are_shut(vm: AgentOs) -> None:
    shown = await run_c(
        vm,
        r"""
#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
    for (int family = 0; family < 46; family++) {
        int fd = socket(family, SOCK_STREAM, 0);
        if (fd >= 0 || (errno != EAFNOSUPPORT)) printf("family %d\n", family);
    }
    for (int protocol = 0; protocol < 23; protocol++)
        if (socket(AF_NETLINK, SOCK_RAW, protocol) >= 0) printf("netlink %d\n", protocol);
    printf("raw %d\n", socket(AF_INET, SOCK_RAW, 1) < 0 ? errno : 0);
    char c = 'x';
    printf("tiocsti %d\n", ioctl(0, TIOCSTI, &c) ? errno : 0);
    printf("clone3 %d\n", syscall(435, 0, 0) ? errno : 0);
#ifdef __x86_64__
    printf("x32 %d\n", syscall(0x40000000 | 39) < 0 ? errno : 0);
#endif
    fflush(stdout);
}
""",
    )
    lines = shown.splitlines()
    expected = ["family 1", "family 2", "family 10", "family 16", "netlink 0"]
    expected += ["raw 1", "tiocsti 1", "clone3 38"] + ["x32 38"] * (os.uname().machine == "x86_64")
    assert lines == expected


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the 32-bit door of x86")
async def test_the_32_bit_entry_kills(vm: AgentOs) -> None:
    await vm.write_file("probe.c", 'int main(void) { __asm__("int $0x80" :: "a"(20)); return 0; }')
    await vm.exec("cc -o probe probe.c", check=True)
    assert (await vm.exec(["./probe"])).exit_code == 128 + signal.SIGSYS


async def test_init_is_closed(vm: AgentOs) -> None:
    for path in ("environ", "maps", "mem", "auxv", "stack"):
        assert (await vm.exec(["cat", f"/proc/1/{path}"])).exit_code != 0
    for path in ("root", "cwd", "exe", "fd/3"):
        assert (await vm.exec(["readlink", f"/proc/1/{path}"])).exit_code != 0
    assert (await vm.exec("ls /proc/1/fd /proc/1/map_files")).stdout == ""


async def test_init_survives_any_signal_from_inside(vm: AgentOs) -> None:
    for number in range(1, 65):
        await vm.exec(["python3", "-c", f"import os; os.kill(1, {number})"])
    await vm.exec("kill -9 -1")
    assert (await vm.exec("echo alive")).stdout == "alive\n"


async def test_no_descriptor_of_the_host_comes_along(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s")
    with secret.open() as file:
        high = os.dup2(file.fileno(), 200)
        os.set_inheritable(high, True)
        os.set_inheritable(file.fileno(), True)
        try:
            async with AgentOs() as vm:
                listing = "import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))"
                plain = await vm.exec(["python3", "-c", listing])
                contained = await vm.spawn(["python3", "-c", listing], contain=True)
                assert contained.stdout is not None
                shown = (await contained.stdout.read()).decode()
                supervisor = contained.supervisor
                init = vm.channel.init_pid
                if os.geteuid() == 0:
                    held = [os.readlink(p) for p in Path(f"/proc/{init}/fd").iterdir()]
                    assert not any("secret" in name for name in held)
                assert supervisor
        finally:
            os.close(high)
    assert plain.stdout == shown == "[0, 1, 2, 3]\n"  # 3 is the listing itself


async def test_proc_tells_nothing_secret(vm: AgentOs) -> None:
    for name in ("kcore", "keys", "kallsyms", "timer_list", "kmsg"):
        assert (await vm.exec(f"head -c 100 /proc/{name}")).stdout == ""
    for name in ("sys/kernel/core_pattern", "sys/kernel/hostname", "sysrq-trigger"):
        assert (await vm.exec(f"echo x > /proc/{name}")).exit_code != 0
    assert not await vm.exists("/sys/kernel")


async def test_set_uid_programs_gain_nothing(vm: AgentOs) -> None:
    for mount in (await vm.read_text("/proc/self/mounts")).splitlines():
        _, place, _, options, *_ = mount.split()
        if not (await vm.stat(place)).is_dir:
            continue  # one of the six devices
        flags = options.split(",")
        assert "nosuid" in flags, mount
        assert "nodev" in flags or place in ("/dev", "/dev/pts"), mount
        assert "ro" in flags or place not in ("/usr", "/opt/agentos", "/proc/sys"), mount


async def test_servers_may_take_any_port_and_only_loopback_exists(vm: AgentOs) -> None:
    shown = await vm.exec(
        ["python3", "-c", "import socket as s; a = s.create_server(('127.0.0.1', 80));"
         "c = s.create_connection(('127.0.0.1', 80)); print([n for _, n in s.if_nameindex()])"]
    )  # fmt: skip
    assert shown.stdout == "['lo']\n", shown.stderr


async def test_the_hosts_loopback_is_out_of_reach(vm: AgentOs) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        code = f"import socket as s; s.create_connection(('127.0.0.1', {port}), 5)"
        shown = await vm.exec(["python3", "-c", code])
        assert "ConnectionRefusedError" in shown.stderr
        with pytest.raises(BlockingIOError):
            server.accept()


async def test_the_hosts_abstract_sockets_are_out_of_reach(vm: AgentOs) -> None:
    name = f"agentos-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0{name}")
        server.listen()
        code = f"import socket as s; s.socket(s.AF_UNIX).connect('\\0{name}')"
        shown = await vm.exec(["python3", "-c", code])
    assert "ConnectionRefusedError" in shown.stderr
    assert name not in (await vm.exec("cat /proc/net/unix")).stdout


async def test_the_host_sees_no_machine_process_as_root(vm: AgentOs) -> None:
    process = await vm.spawn(["sleep", "1000"])
    (host_pid,) = (
        Path(f"/proc/{vm.channel.init_pid}/task/{vm.channel.init_pid}/children").read_text().split()
    )
    for pid in (host_pid, str(vm.channel.init_pid)):
        status = status_of(pid)
        assert "0" not in status["Uid"].split() + status["Gid"].split()
    own = status_of("self")
    if os.geteuid() == 0:
        assert status_of(host_pid)["Groups"] == ""
        uids = Path(f"/proc/{host_pid}/uid_map").read_text().split()
        assert int(uids[1]) >= 0x70000000
    else:
        assert status_of(host_pid)["Uid"] == own["Uid"]
    await process.kill()


@as_root
async def test_two_machines_of_root_rarely_share_ids() -> None:
    assert len({choose_id_map().uid for _ in range(20)}) > 10
