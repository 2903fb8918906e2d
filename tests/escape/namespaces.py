"""To other namespaces and ids, by every entry of the kernel."""

from __future__ import annotations

from tests.escape.attempt import NOTHING, Attempt, shell

ATTEMPTS = [
    Attempt(
        "unshare, each namespace",
        "for f in FLAGS: in_child('unshare', f)",
        r"(EPERM\s*)+",
    ),
    Attempt(
        "clone, each namespace",
        "for f in CLONE_FLAGS: in_child('clone', f | 17, 0, 0, 0, 0)",
        r"(EPERM\s*)+",
    ),
    Attempt(
        "clone, with bits above the flags",
        "for f in CLONE_FLAGS: in_child('clone', f | 17 | 1 << 40, 0, 0, 0, 0)",
        r"(EPERM\s*)+",
    ),
    Attempt(
        "clone3, each namespace",
        "for f in FLAGS: in_child('clone3', struct.pack('=8Q', f, 0, 0, 0, 17, 0, 0, 0), 64)",
        r"(ENOSYS\s*)+",
    ),
    Attempt(
        "setns to each of one's own",
        "for n in os.listdir('/proc/self/ns'):\n"
        "    print(call('setns', os.open(f'/proc/self/ns/{n}', os.O_RDONLY), 0))",
        r"(EPERM\s*)+",
    ),
    Attempt(
        "setns by the process of init",
        "fd = libc.syscall(434, 1, 0)\n"
        "print(call('setns', fd, 0x20000), call('setns', fd, 0x40000000))",
    ),
    Attempt(
        "the namespace above one's own",
        "for name, request in (('user', 0xb702), ('pid', 0xb702), ('mnt', 0xb701)):\n"
        "    try: fd = fcntl.ioctl(os.open(f'/proc/self/ns/{name}', os.O_RDONLY), "
        "request)\n"
        "    except OSError as error: print(errno.errorcode[error.errno])\n"
        "    else: print(call('setns', fd, 0))",
    ),
    Attempt(
        "the x32 entry",
        "for n in (165, 272, 56, 161, 512, 520, 521, 528, 539, 540): "
        "in_child(0x40000000 | n, 0, 0, 0, 0, 0)",
        r"(ENOSYS\s*)+",
    ),
    Attempt(
        "numbers of x32 by the common entry",
        "for n in range(512, 548): in_child(n, 0, 0, 0, 0, 0)",
        r"(ENOSYS\s*)+",
    ),
    Attempt(
        "calls that nobody has decided on",
        "for n in range(467, 512): in_child(n, 0, 0, 0, 0, 0)",
        r"(ENOSYS\s*)+",
    ),
    Attempt(
        "negative numbers",
        "for n in (-1, -165, -2**31): print(call(n, 0, 0, 0))",
        r"(ENOSYS\s*)+",
    ),
    Attempt(
        "mount, in its newer form",
        "print(call('fsopen', 'tmpfs', 0), call('open_tree', AT_FDCWD, '/', 1))\n"
        "print(call('fsconfig', 0, 6, None, None, 0), call('fsmount', 0, 0, 0))\n"
        "print(call('fspick', AT_FDCWD, '/', 0), call('move_mount', AT_FDCWD, '/usr', "
        "AT_FDCWD, '/tmp', 0))\n"
        "print(call('mount_setattr', AT_FDCWD, '/usr', 0, struct.pack('=4Q', 0, 1, 0, "
        "0), 32))",
        r"(EPERM\s*)+",
    ),
    Attempt(
        "a detached mount, with attributes",
        "print(call('open_tree_attr', AT_FDCWD, '/', 1, bytes(32), 32))",
        "ENOSYS",
    ),
    Attempt(
        "another root",
        "print(call('pivot_root', '.', '.'), call('chroot', '/tmp'))",
    ),
    shell(
        "the tool unshare",
        "unshare -Urm true",
    ),
    shell(
        "the tool nsenter",
        "nsenter -t 1 -a true",
    ),
    shell(
        "the tool chroot",
        "chroot /tmp true",
    ),
    shell(
        "the tool setpriv",
        "setpriv --reuid 0 --clear-groups id -u | grep -x 0",
        by_root="0",
    ),
    Attempt(
        "the id maps",
        "def write(path, text):\n"
        "    with open(path, 'w') as file: file.write(text)\n"
        "for p in ('self', '1'):\n"
        "    for n in ('uid_map', 'gid_map', 'setgroups'):\n"
        "        print(tried(write, f'/proc/{p}/{n}', 'allow' if n == 'setgroups' "
        "else '0 0 1'))",
    ),
    Attempt(
        "the time of the namespace",
        "print(tried(os.open, '/proc/1/timens_offsets', os.O_WRONLY))",
    ),
    Attempt(
        "becoming somebody else",
        "for f in (os.setuid, os.setgid, os.seteuid, os.setegid): print(tried(f, 0), "
        "tried(f, 65534))\n"
        "print(tried(os.setresuid, 0, 0, 0), tried(os.setresgid, 0, 0, 0), "
        "tried(os.setgroups, [0]))",
        # Of the ids of the machine, and nobody comes back to root.
        by_root=r"got None got None\sgot None EPERM\sEPERM got None\sgot None EPERM\s"
        r"EPERM got None EPERM",
    ),
    Attempt(
        "giving files to root",
        "open('gift', 'w').close(); print(tried(os.chown, 'gift', 0, 0), "
        "tried(os.chown, 'gift', -1, 65534))",
        by_root="got None got None",
    ),
    shell(
        "a program with set-user-ID",
        "cp /usr/bin/id id; chmod 6755 id; ./id -u; ./id -g",
        r"1000\s1000",
        by_root=r"0\s0",
    ),
    shell(
        "the host's programs with set-user-ID",
        "for p in $(find /usr -xdev -perm -4000 -type f 2>/dev/null); do\n"
        'case "$p" in */su|*/sudo|*/pkexec|*/doas) "$p" id -u </dev/null '
        "2>/dev/null;; esac; done; true",
        NOTHING,
    ),
    shell(
        "su to root",
        "su -c 'id -u' root </dev/null 2>&1 | grep -x 0",
    ),
    Attempt(
        "a file with capabilities",
        "open('capable', 'w').close()\n"
        "cap = struct.pack('=IIIII', 0x02000001, 0xffffffff, 0, 0xffffffff, 0)\n"
        "print(tried(os.setxattr, 'capable', 'security.capability', cap))",
    ),
    shell(
        "the host's programs with capabilities",
        "for p in ping newuidmap newgidmap; do command -v $p; done | while read p; do\n"
        "case $p in */ping) $p -c1 -W1 127.0.0.1;; *) $p $$ 0 0 1;; esac && echo "
        "worked $p; done; true",
        r"(?s)(?!.*worked \S*new.idmap).*",
    ),
    Attempt(
        "capabilities taken back",
        "header = struct.pack('=Ii', 0x20080522, 0)\n"
        "print(call('capset', header, struct.pack('=6I', 1 << 21, 1 << 21, 0, 0, 0, "
        "0)))\n"
        "print(call('prctl', 47, 2, 21, 0, 0), call('prctl', 28, 1, 0, 0, 0))",
    ),
    Attempt(
        "a filter taken off",
        "print(call('prctl', 22, 0, 0, 0, 0), call('prctl', 38, 0, 0, 0, 0))\n"
        "print([l for l in open('/proc/self/status') if l.startswith(('Seccomp:', "
        "'NoNewPrivs:'))])",
        r"EINVAL EINVAL\s\['NoNewPrivs:\\t1\\n', 'Seccomp:\\t2\\n'\]",
    ),
    Attempt(
        "a program from memory",
        "fd = os.memfd_create('x')\n"
        "os.write(fd, open('/bin/grep', 'rb').read())\n"
        "os.execve(fd, ['grep', '-E', '^(Cap|NoNew|Seccomp:)', '/proc/self/status'], "
        "{})",
        r"(Cap\w+:\s0{16}\s+){5}NoNewPrivs:\s1\s+Seccomp:\s2",
        by_root=r"(Cap(Inh|Prm|Eff):\s0{14}fb\s+){3}(Cap(Bnd|Amb):\s0{16}\s+){2}"
        r"NoNewPrivs:\s1\s+Seccomp:\s2",
    ),
    Attempt(
        "the name of the machine",
        "print(tried(socket.sethostname, 'x'), call('setdomainname', 'x', 1))",
    ),
]

#: On x86_64 only: a program that makes a call by `int 0x80` dies of SIGSYS.
BY_INT80 = [
    shell(f"the 32-bit entry: call {number}", f"./int80 {number}", "exit 159")
    for number in (20, 21, 120, 310, 346)
]
