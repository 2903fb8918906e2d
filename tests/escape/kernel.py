"""To the kernel that all share, and to its devices."""

from __future__ import annotations

from tests.escape.attempt import NOTHING, Attempt, shell

ATTEMPTS = [
    Attempt(
        "the keyrings",
        "print(call('keyctl', 0, -3, 0), call('keyctl', 1, None), call('keyctl', 6, "
        "-4, bytes(64), 64))\n"
        "print(call('add_key', 'user', 'x', 'y', 1, -3), call('request_key', 'user', "
        "'x', None, -3))",
        r"(EPERM\s*)+",
    ),
    Attempt(
        "io_uring",
        "print(call('io_uring_setup', 1, bytes(120)), call(426, 0, 0, 0, 0), call(427,"
        " 0, 0, 0, 0))",
        r"(EPERM\s*)+",
    ),
    Attempt(
        "page faults in user space",
        "print(call('userfaultfd', 1), tried(os.open, '/dev/userfaultfd', os.O_RDWR))",
    ),
    Attempt(
        "programs in the kernel",
        "print(call('bpf', 0, bytes(72), 72), call('bpf', 5, bytes(72), 72), "
        "call('bpf', 11, bytes(72), 72))",
        r"(EPERM\s*)+",
    ),
    Attempt(
        "counters of the processor",
        "print(call('perf_event_open', struct.pack('=II', 1, 112) + bytes(104), 0, -1, -1, 0))",
        "EPERM",
    ),
    Attempt(
        "modules",
        "print(call('init_module', b'', 0, b''), call('finit_module', 0, b'', 0), "
        "call('delete_module', b'none', 0))",
        r"(EPERM\s*)+",
    ),
    shell(
        "the tool modprobe",
        "command -v modprobe || exit 1; modprobe dummy",
    ),
    Attempt(
        "another kernel",
        "print(call('kexec_load', 0, 0, None, 0), call('kexec_file_load', -1, -1, 0, None, 0))",
        r"(EPERM\s*)+",
    ),
    Attempt(
        "the end of the host",
        "print(call('reboot', 0xfee1dead, 672274793, 0, None))",
        "EPERM",
    ),
    Attempt(
        "swap",
        "open('swap', 'w').close(); print(call('swapon', 'swap', 0), call('swapoff', 'swap'))",
        r"(EPERM\s*)+",
    ),
    Attempt(
        "accounting",
        "print(call('acct', 'acct'))",
        "EPERM",
    ),
    Attempt(
        "the kernel's log",
        "print(call('syslog', 3, bytes(64), 64), tried(os.open, '/dev/kmsg', 0))",
    ),
    Attempt(
        "the clock",
        "import time\n"
        "now = struct.pack('=qq', int(time.time()), 0)\n"
        "print(call('clock_settime', 0, now), call('settimeofday', now, None))\n"
        "print(call('adjtimex', bytes(208)), tried(os.open, '/dev/rtc0', 0))",
    ),
    Attempt(
        "what others do with shared files",
        "print(call('fanotify_init', 0x200, 0), call('cachestat', 0, bytes(16), bytes(40), 0))",
    ),
    Attempt(
        "devices made here",
        "for kind, number in ((stat.S_IFBLK, (8, 0)), (stat.S_IFBLK, (7, 0)), "
        "(stat.S_IFCHR, (1, 1)), (stat.S_IFCHR, (5, 1)), (stat.S_IFCHR, (10, 229))):\n"
        "    print(tried(os.mknod, 'device', kind | 0o666, os.makedev(*number)))",
    ),
    Attempt(
        "devices that are there",
        "show(set(os.listdir('/dev')) - set('null zero full random urandom tty pts "
        "shm ptmx fd stdin stdout stderr'.split()))",
        NOTHING,
    ),
    Attempt(
        "physical memory and ports",
        "for n in ('mem', 'kmem', 'port', 'kvm', 'fuse', 'loop-control', "
        "'mapper/control', 'sda', 'vda', 'dri/card0', 'console', 'tty0', 'uinput'):\n"
        "    print(tried(os.open, '/dev/' + n, 0))",
        r"(ENOENT\s*)+",
    ),
    Attempt(
        "the trees of devices",
        "show(os.listdir('/sys'))",
        NOTHING,
    ),
    Attempt(
        "what /proc hides",
        "show(readable('/proc/' + n for n in ('kcore', 'keys', 'kallsyms', "
        "'timer_list', 'sched_debug', 'latency_stats', 'kmsg', 'config.gz', "
        "'kpagecount', 'kpageflags', 'slabinfo', 'vmallocinfo', 'iomem0')))",
        NOTHING,
    ),
    Attempt(
        "settings of the kernel",
        "show(writable(os.path.join(d, f) for d, _, fs in os.walk('/proc/sys') for f in fs))",
        NOTHING,
    ),
    Attempt(
        "a handler of core dumps, and others that the kernel runs",
        "show(writable('/proc/sys/' + n for n in ('kernel/core_pattern', "
        "'kernel/modprobe', 'kernel/hotplug', 'kernel/poweroff_cmd', "
        "'kernel/usermodehelper/bset', 'fs/binfmt_misc/register', "
        "'kernel/ns_last_pid', 'vm/drop_caches', 'kernel/panic')))",
        NOTHING,
    ),
    Attempt(
        "the magic key",
        "show(writable(['/proc/sysrq-trigger', '/proc/sys/kernel/sysrq']))",
        NOTHING,
    ),
    Attempt(
        "all else that is writable in /proc",
        "ok = {'/proc/pressure/cpu', '/proc/pressure/io', '/proc/pressure/memory', "
        "'/proc/pressure/irq'}\n"
        "hidden = {'/proc/' + n for n in ('kcore', 'keys', 'kallsyms', 'timer_list', "
        "'sched_debug', 'latency_stats', 'kmsg', 'config.gz')}\n"
        "found = []\n"
        "for d, ds, fs in os.walk('/proc'):\n"
        "    ds[:] = [n for n in ds if not n.isdigit() and n not in ('self', "
        "'thread-self')]\n"
        "    found += writable(os.path.join(d, f) for f in fs)\n"
        "show(set(found) - ok - hidden)",
        NOTHING,
        by_root="/proc/mounts",  # to be opened, as any file of its own: no write is implemented
    ),
    Attempt(
        "typing into a terminal",
        "m, s = os.openpty()\n"
        "for request in (0x5412, 0x541c, 0x5423):\n"
        "    print(tried(fcntl.ioctl, s, request, bytes(8)), call(16 if X86 else 29, "
        "s, request | 1 << 32, bytes(8)))",
        r"(EPERM\s*)+",
    ),
    Attempt(
        "hardware ports and segments",
        "print(*[call(n, 0, 0, 0) for n in ((172, 173, 154) if X86 else ())] or ['EPERM'])",
        r"(EPERM\s*)+",
    ),
    Attempt(
        "another personality is one's own alone",
        "import subprocess\n"
        "libc.personality(0x0040000); print(open('/proc/1/comm').read().strip())",
        "agentos-init",
    ),
    Attempt(
        "the page at address 0",
        "import mmap\n"
        "libc.mmap.restype = ctypes.c_long\n"
        "libc.personality(0x0100000)\n"
        "print(call(9 if X86 else 222, 0, 4096, 3, 0x32, -1, 0))",
        "EPERM|EACCES",
    ),
    Attempt(
        "relics",
        "print(*[call(n, 0, 0, 0) for n in ((134, 136, 139, 156, 180, 212) if X86 else (18, 42))])",
        r"(ENOSYS\s*)+",
    ),
    shell(
        "a filesystem in user space",
        "fusermount -u /tmp || fusermount3 -u /tmp || test -e /dev/fuse",
        r"exit \d+",
    ),
    shell(
        "control groups",
        "ls /sys/fs/cgroup",
    ),
    shell(
        "tracing and debugging of the kernel",
        "ls /sys/kernel/debug /sys/kernel/tracing /sys/fs/bpf /sys/firmware",
    ),
]
