"""What attempts show of gVisor's kernel where it answers otherwise than Linux does.

Each of them is held: what was reached is a thing of that kernel itself, which is the machine's
own, and nothing of the host's.
"""

from __future__ import annotations

_STATUS = r"\s*(Cap\w+:\s0{16}\s+){4}Seccomp:\s2"

#: By the attempt's name: what it may show here.
HELD = {
    # Init is another user's and holds descriptors 0 to 5: its /dev/null but for 3, its socket, and
    # 5, of its signals.
    "files: the descriptors of init": r"got \['0', '1', '2', '3', '4', '5'\]",
    "files: a descriptor of init, by number": r"(got [345]\s){3}ENXIO\sgot 6\sENODEV(\sENOENT)*",
    "files: the descriptors of every thread of init": r"(got \['0', '1', '2', '3', '4', '5'\]\s*)+",
    # /tmp is a mount of its own, which nothing can be moved to.
    "files: above a directory that is moved": "exit 1",
    # Its /proc has no line for it; the filter is in force.
    "namespaces: a filter taken off": r"EINVAL EINVAL\s\['Seccomp:\\t2\\n'\]",
    "namespaces: a program from memory": _STATUS,
    # Taken note of, and of no effect.
    "sockets: settings of sockets that need privileges": r"got None EPERM\sgot None",
    # Its /proc has no list of them.
    "sockets: System V memory, queues and semaphores of others": "exit 1",
    # Its own file systems in user space, which nobody may mount; and a copy of our init.
    "kernel: devices that are there": r"fuse\sagentos-inside|agentos-inside\sfuse",
    "kernel: physical memory and ports": r"(ENOENT\s)+got 3\s(ENOENT\s*)+",
    "kernel: a filesystem in user space": "",
    # It has a /sys of its own, with nothing in it that is the host's.
    "kernel: the trees of devices": r"[a-z\s]*",
    "kernel: control groups": "",
    "kernel: another personality is one's own alone": "agentos-inside",
    "kernel: the page at address 0": "ENOMEM",
    # It has no 32-bit entry.
    "entry: the 32-bit entry: call 20": "exit 1",
    "entry: the 32-bit entry: call 21": "exit 1",
    "entry: the 32-bit entry: call 120": "exit 1",
    "entry: the 32-bit entry: call 310": "exit 1",
    "entry: the 32-bit entry: call 346": "exit 1",
    "processes: a descriptor of a host process": "ENOSYS",
    # Of init inside, whose environment is empty; its memory is not among them.
    "processes: what /proc tells of init": r"(/proc/1/(task/1/)?(environ|maps|smaps|auxv)\s*)*",
    # It is one thread.
    "processes: attaching to the thread of init that has capabilities": r"(ESRCH|ENOENT|\s)+",
    "processes: the namespaces of init": r"(got [3-6]\s*)+",
    # Numbers of its own, which the host's scheduler and memory killer never see.
    "processes: real time": r"EINVAL\sEINVAL\sEPERM got -5",
    "processes: less likely to be killed for memory": r"got None\sEACCES",
}
