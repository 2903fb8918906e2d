"""To the host's processes, to init, and past the bounds of one's own."""

from __future__ import annotations

from tests.escape.attempt import NOTHING, Attempt, shell

ATTEMPTS = [
    Attempt(
        "the host's processes in /proc",
        "show(p for p in glob.glob('/proc/[0-9]*/cmdline')\n"
        "    if os.environ['MARKER'].encode() in open(p, 'rb').read()\n"
        "    and p.split('/')[2] != str(os.getpid()))",
        NOTHING,
    ),
    Attempt(
        "a signal to a host process",
        "print(tried(os.kill, int(os.environ['HOST_PID']), 0))",
        "ESRCH",
    ),
    Attempt(
        "a signal to its group",
        "print(tried(os.killpg, int(os.environ['HOST_PID']), 0))",
        "ESRCH",
    ),
    Attempt(
        "a descriptor of a host process",
        "print(call('pidfd_open', int(os.environ['HOST_PID']), 0))",
        "ESRCH|EINVAL",
    ),
    Attempt(
        "priority of a host process",
        "pid = int(os.environ['HOST_PID'])\n"
        "print(tried(os.setpriority, os.PRIO_PROCESS, pid, 19), "
        "tried(os.sched_setaffinity, pid, {0}))\n"
        "print(call('ioprio_set', 1, pid, 3 << 13), call('prlimit64', pid, 7, None, "
        "bytes(16)))",
    ),
    Attempt(
        "priority of every process of the user",
        "tried(os.setpriority, os.PRIO_USER, 0, 19); call('ioprio_set', 3, os.getuid(), 3 << 13)",
        NOTHING,
    ),
    Attempt(
        "signals by descriptor owner",
        "r, w = os.pipe()\nprint(tried(fcntl.fcntl, r, 8, int(os.environ['HOST_PID'])))",
        "ESRCH",
    ),
    Attempt(
        "attaching to init",
        "print(call('ptrace', 16, 1, 0, 0), call('ptrace', 0x4206, 1, 0, 0))",
    ),
    Attempt(
        "the memory of init, by call",
        "data = ctypes.create_string_buffer(8)\n"
        "vec = struct.pack('=QQ', ctypes.addressof(data), 8)\n"
        "print(call('process_vm_readv', 1, vec, 1, vec, 1, 0))\n"
        "print(call('process_vm_writev', 1, vec, 0, vec, 0, 0))",
    ),
    Attempt(
        "the memory of init, by file",
        "print(tried(os.open, '/proc/1/mem', os.O_RDONLY), tried(os.open, "
        "'/proc/1/mem', os.O_RDWR))",
    ),
    Attempt(
        "what /proc tells of init",
        "show(readable(f'/proc/1/{n}' for n in ('environ', 'maps', 'smaps', 'auxv', "
        "'stack', 'syscall',\n"
        "    'io', 'personality', 'pagemap', 'wchan0', 'mem', 'task/1/environ', "
        "'task/1/maps')))",
        NOTHING,
    ),
    Attempt(
        "changing init through /proc",
        "show(writable(p for p in glob.glob('/proc/1/*') if not "
        "p.endswith('/timerslack_ns')))\n"
        "def slack(): open('/proc/1/timerslack_ns', 'w', 1).write('1\\n')\n"
        "if not tried(slack).startswith('E'): print('timerslack_ns')",
        NOTHING,
    ),
    Attempt(
        "the control socket of init",
        "fd = libc.syscall(434, 1, 0)\nfor n in range(8): print(call('pidfd_getfd', fd, n, 0))",
    ),
    Attempt(
        "the namespaces of init",
        "for n in ('mnt', 'net', 'user', 'pid'): print(tried(os.open, f'/proc/1/ns/{n}', 0))",
    ),
    Attempt(
        "every signal to init, in three ways",
        "fd = libc.syscall(434, 1, 0)\n"
        "for n in range(1, 65):\n"
        "    tried(os.kill, 1, n); call('pidfd_send_signal', fd, n, None, 0)\n"
        "    libc.sigqueue(1, n, None)",
        NOTHING,
    ),
    Attempt(
        "attaching to the thread of init that has capabilities",
        "print(call('ptrace', 16, 2, 0, 0), call('ptrace', 0x4206, 2, 0, 0))\n"
        "for n in ('mem', 'maps', 'environ', 'syscall'):\n"
        "    print(tried(os.open, f'/proc/2/{n}', 0), tried(os.open, f'/proc/1/task/2/{n}', 0))",
        "(EPERM EPERM\n)((EACCES|EPERM) (EACCES|EPERM)\n?){4}",
    ),
    Attempt(
        "every signal to the thread of init that has capabilities",
        "for n in range(1, 65): call('tgkill', 1, 2, n)",
        NOTHING,
    ),
    shell(
        "killing all there is",
        "trap '' TERM; kill -TERM -1; echo on",
        "on",
    ),
    Attempt(
        "advice about init's memory",
        "print(call('process_madvise', libc.syscall(434, 1, 0), bytes(16), 1, 4, 0))",
    ),
    Attempt(
        "real time",
        "for policy in (os.SCHED_FIFO, os.SCHED_RR):\n"
        "    print(tried(os.sched_setscheduler, 0, policy, os.sched_param(1)))\n"
        "print(call('ioprio_set', 1, 0, 1 << 13), tried(os.nice, -5))",
    ),
    Attempt(
        "larger limits",
        "import resource\n"
        "for n in range(16):\n"
        "    hard = resource.getrlimit(n)[1]\n"
        "    if hard == -1: continue\n"
        "    try: resource.setrlimit(n, (hard, -1)); n == 4 or print('raised', n)\n"
        "    except (ValueError, OSError): pass\n"
        "print(resource.getrlimit(4)[1] in (0, 1))",
        "True",
    ),
    Attempt(
        "a core for the host's handler",
        "import resource\n"
        "before = resource.getrlimit(4)\n"
        "resource.setrlimit(4, (0, 0)); resource.setrlimit(4, (-1, -1))\n"
        "resource.prlimit(0, 4, (0, 0)); call('prlimit64', 0, 2**32 | 4, bytes(16), "
        "None)\n"
        "print(before == resource.getrlimit(4) and before in ((1, 1), (0, 0)))",
        "True",
    ),
    shell(
        "a core in the working directory",
        "sh -c 'kill -SEGV $$'; ls core*",
        "exit 2",
    ),
    Attempt(
        "less likely to be killed for memory",
        "def write(path, text):\n"
        "    with open(path, 'w') as file: file.write(text)\n"
        "now = int(open('/proc/self/oom_score_adj').read())\n"
        "print(tried(write, '/proc/self/oom_score_adj', str(now - 1)))\n"
        "print(tried(write, '/proc/1/oom_score_adj', '1000'))",
    ),
    Attempt(
        "descriptors that came along",
        "print(sorted(map(int, os.listdir('/proc/self/fd'))))",
        r"\[0, 1, 2, 3\]",
    ),
    Attempt(
        "the environment of the host",
        "show(k for k, v in os.environ.items() if 'HOST_TOKEN' in k)\n"
        "show(p for p in glob.glob('/proc/[0-9]*/environ') if p in readable([p])\n"
        "    and b'HOST_TOKEN' in open(p, 'rb').read())",
        NOTHING,
    ),
    Attempt(
        "terminals of others",
        "show(set(os.listdir('/dev/pts')) - {'ptmx'})",
        NOTHING,
    ),
    Attempt(
        "the terminal that started the host's program",
        "print(tried(os.open, '/dev/tty', os.O_RDWR), tried(os.tcgetpgrp, 0))",
    ),
]
