"""Uploaded into the machine: what attempts are written with."""

# ruff: noqa: F401, T201 - attempts import all of it, and print what they see
from __future__ import annotations

import ctypes
import errno
import fcntl
import glob
import os
import platform
import signal
import socket
import stat
import struct
import sys
from collections.abc import Callable, Iterable
from typing import Any

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

X86 = platform.machine() == "x86_64"
#: On x86_64, and on aarch64; from 424 on the numbers are the same.
NUMBERS = {
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "unshare": (272, 97), "setns": (308, 268), "clone": (56, 220), "keyctl": (250, 219),
    "add_key": (248, 217), "request_key": (249, 218), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "kexec_load": (246, 104),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89),
    "syslog": (103, 116), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "adjtimex": (159, 171), "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "ptrace": (101, 117),
    "fanotify_init": (300, 262), "sethostname": (170, 161), "setdomainname": (171, 162),
    "prctl": (157, 167), "ioprio_set": (251, 30), "sched_setscheduler": (144, 119),
    "capset": (126, 91), "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190),
    "mq_open": (240, 180), "prlimit64": (302, 261), "setgroups": (116, 159),
    "kexec_file_load": (320, 294), "pidfd_send_signal": (424, 424), "clone3": (435, 435),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "pidfd_open": (434, 434),
    "openat2": (437, 437), "pidfd_getfd": (438, 438), "process_madvise": (440, 440),
    "mount_setattr": (442, 442), "io_uring_setup": (425, 425), "cachestat": (451, 451),
    "open_tree_attr": (467, 467), "tgkill": (234, 131),
}  # fmt: skip

AT_FDCWD = -100
#: New namespaces: time, mount, cgroup, UTS, IPC, user, process, network.
FLAGS = (0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
#: In `clone` the lowest byte is a signal: a time namespace has no flag there.
CLONE_FLAGS = FLAGS[1:]
SECRET = os.environ.get("SECRET_PATH", "")


def word(value: Any) -> Any:
    """An argument of a system call."""
    if value is None or isinstance(value, bytes | ctypes.Array):
        return value
    if isinstance(value, str):
        return value.encode()
    return ctypes.c_long(value)


def call(name: str | int, *arguments: Any) -> str:
    """Make a system call by name or number; its error's name, or what it returned."""
    number = name if isinstance(name, int) else NUMBERS[name][0 if X86 else 1]
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *map(word, arguments))
    return errno.errorcode[ctypes.get_errno()] if result == -1 else f"returned {result}"


def tried(function: Callable[..., Any], *arguments: Any, **options: Any) -> str:
    """Call a function; the name of its error, or what came of it."""
    try:
        return f"got {function(*arguments, **options)!r}"
    except OSError as error:
        if isinstance(error, socket.gaierror):
            return "EAI"
        return errno.errorcode.get(error.errno or 0, repr(error))


def connect(family: int, address: Any) -> None:
    """Connect a stream; what would wait for an answer gives up."""
    with socket.socket(family, socket.SOCK_STREAM) as stream:
        stream.settimeout(3)
        stream.connect(address)


def readable(paths: Iterable[str]) -> list[str]:
    """Those of the paths that can be opened and that tell something."""
    found = []
    for path in paths:
        try:
            with open(path, "rb") as file:
                if file.read(1):
                    found.append(path)
        except OSError:
            continue
    return found


def writable(paths: Iterable[str]) -> list[str]:
    """Those of the paths that can be opened for writing; nothing is written."""
    found = []
    for path in paths:
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY))
        except OSError:
            continue
        found.append(path)
    return found


def show(things: Iterable[Any]) -> None:
    """Print what was found, if anything."""
    print(*things, sep="\n", end="")


def in_child(number: str | int, *arguments: Any) -> None:
    """Make a system call that may return twice."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        home = os.getpid()
        shown = call(number, *arguments)
        if os.getpid() == home:
            print(shown, flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
