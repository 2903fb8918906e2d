"""Where a machine of isolation "landlock" shows something else than one of namespaces does.

Each row is an attempt of the other files, what it may show here, and why. What is not named
holds as it does in a machine of namespaces.
"""

from __future__ import annotations

#: Its files are the host's by name: to open them is refused, where otherwise nothing is there.
_BY_NAME = "names of the host lead to what they name, which cannot be opened"
_NO_SOCKETS = "no socket can be made at all"
_HOST_PROC = "/proc is the host's, for reading"

OTHERWISE: dict[str, tuple[str, str]] = {
    # ---- held, by another refusal ----
    "files: a symbolic link": ("EACCES", _BY_NAME),
    "files: above a directory that is moved": ("exit 1", "/tmp is the host's: no move to it"),
    "files: the classic way out of chroot": ("exit 1", "the root itself cannot be opened"),
    "files: a file by its handle: the root's inode": ("exit 1", "/usr itself cannot be opened"),
    "files: a quota, through any mount": ("exit 1", "/usr itself cannot be opened"),
    "files: overlay attributes on what comes from a layer": ("exit 1", "/etc cannot be listed"),
    "sockets: an abstract socket of the host": ("EACCES", _NO_SOCKETS),
    "sockets: a socket file of the host": ("EACCES", _NO_SOCKETS),
    "sockets: a port of the host's loopback": ("EACCES", _NO_SOCKETS),
    "sockets: a port of the host, by its own addresses": (r"(EACCES\s*)+", _NO_SOCKETS),
    "sockets: interfaces beyond loopback": ("exit 1", _NO_SOCKETS),
    "sockets: settings of sockets that need privileges": ("exit 1", _NO_SOCKETS),
    "sockets: the neighbour's abstract socket": ("EACCES", _NO_SOCKETS),
    "sockets: the neighbour's port": ("EACCES", _NO_SOCKETS),
    "sockets: a POSIX queue of others": ("EACCES", "the host's queues are refused"),
    "kernel: physical memory and ports": (r"(ENOENT\s*|EACCES\s*)+", _BY_NAME),
    "kernel: devices that are there": ("exit 1", "/dev cannot be listed"),
    "kernel: the trees of devices": ("exit 1", "/sys cannot be opened"),
    "kernel: typing into a terminal": ("exit 1", "no terminal can be made"),
    "kernel: another personality is one's own alone": (r"(?!agentos).+", "pid 1 is the host's"),
    "processes: a signal to a host process": ("EPERM", "it is seen, and out of reach"),
    "processes: terminals of others": ("exit 1", "/dev/pts cannot be opened"),
    # ---- not hidden: what this kind of machine does not give ----
    "namespaces: a program with set-user-ID": (r"([1-9]\d*)\s\1", "the user is the host's user"),
    "namespaces: a program from memory": (
        r"(Cap(?!Bnd)\w+:\s0{16}\s+){3}CapBnd:\s[0-9a-f]{16}\s+CapAmb:\s0{16}\s+"
        r"NoNewPrivs:\s1\s+Seccomp:\s2",
        "who is not root cannot empty the bounding set; there is no privilege to gain with it",
    ),
    "files: what only root may read": (
        r"(/[\w/.-]+\s*)+",
        "whether a file is there, its size, owner and times can be asked",
    ),
    "files: a loop device": (r"/dev/loop\d+|exit \d+", "the name of a device, not its content"),
    "kernel: a filesystem in user space": (r"|exit \d+", "that /dev/fuse is there"),
    "kernel: what /proc hides": (r"(/proc/(kallsyms|config\.gz|keys)\s*)*", _HOST_PROC),
    "sockets: what listens on the host": ("True True", _HOST_PROC),
    "sockets: System V memory, queues and semaphores of others": (
        r"EACCES EACCES EACCES\s\d+",
        "they cannot be opened; /proc lists them",
    ),
    "processes: the host's processes in /proc": (
        r"(/proc/\d+/cmdline\s*)+|exit 1",
        "process ids and command lines of the host can be read, if it does not end meanwhile",
    ),
    "processes: a descriptor of a host process": (
        r"returned \d+",
        "by which nothing can be sent, and nothing taken",
    ),
    "processes: signals by descriptor owner": (
        "got 0",
        "the kernel asks when it sends, and then refuses",
    ),
    "host: working in init's directories": (
        r"(\w+Error ){3}ExecResult\(exit_code=0.*",
        "a command may start in any directory that its user may enter, without reading it",
    ),
}
