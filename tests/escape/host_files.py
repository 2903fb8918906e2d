"""To the host's files, by every route."""

from __future__ import annotations

from tests.escape.attempt import NOTHING, Attempt, shell

ATTEMPTS = [
    shell(
        "a host file by its path",
        'cat "$SECRET_PATH"',
    ),
    shell(
        "a host file up from the root",
        'cat "/../../../../..$SECRET_PATH"',
    ),
    Attempt(
        "the root of init",
        "print(tried(os.listdir, '/proc/1/root'))",
    ),
    Attempt(
        "the working directory of init",
        "print(tried(os.listdir, '/proc/1/cwd'))",
    ),
    Attempt(
        "the program of init",
        "print(tried(os.readlink, '/proc/1/exe'))",
    ),
    Attempt(
        "the root of every process",
        "show(readable(glob.glob('/proc/*/root' + SECRET) + "
        "glob.glob('/proc/*/task/*/root' + SECRET)))",
        NOTHING,
    ),
    Attempt(
        "the working directory of every process",
        "show(readable(p + '/../' * 20 + SECRET for p in glob.glob('/proc/*/cwd')))",
        NOTHING,
    ),
    Attempt(
        "the descriptors of init",
        "print(tried(os.listdir, '/proc/1/fd'))",
    ),
    Attempt(
        "a descriptor of init, by number",
        "for n in range(8): print(tried(os.open, f'/proc/1/fd/{n}', os.O_RDWR))",
    ),
    Attempt(
        "the descriptors of every thread of init",
        "print(tried(os.listdir, '/proc/1/task/1/fd'), tried(os.listdir, '/proc/1/fdinfo'))",
    ),
    Attempt(
        "the mapped files of init",
        "print(tried(os.listdir, '/proc/1/map_files'))",
    ),
    Attempt(
        "a symbolic link",
        "os.symlink(SECRET, 'link-out'); print(tried(open, 'link-out'))",
        "ENOENT",
    ),
    Attempt(
        "a symbolic link through a magic link",
        "os.symlink('/proc/1/root' + SECRET, 'magic-out'); print(tried(open, 'magic-out'))",
    ),
    Attempt(
        "a hard link to a host file",
        "print(tried(os.link, '/usr/bin/env', 'env'), tried(os.link, '/proc/self/exe', 'exe'))",
    ),
    Attempt(
        "a hard link by descriptor",
        "fd = os.open('/usr/bin/env', os.O_PATH)\n"
        "print(tried(os.link, f'/proc/self/fd/{fd}', 'linked', follow_symlinks=True))",
    ),
    Attempt(
        "a bind mount of the root",
        "os.mkdir('m1'); print(call('mount', '/', 'm1', None, 0x5000, None))",
    ),
    shell(
        "mount by the tool",
        "mkdir m2; mount --bind / m2",
    ),
    shell(
        "mount of a new proc",
        "mkdir m3; mount -t proc proc m3",
    ),
    Attempt(
        "a read-only mount made writable",
        "print(call('mount', None, '/usr', None, 0x1000 | 0x20, None))\n"
        "print(call('mount', None, '/proc/sys', None, 0x1000 | 0x20, None))",
    ),
    Attempt(
        "what a mount covers",
        "for p in ('/proc/kcore', '/proc/sys', '/dev', '/usr/local/etc', '/'):\n"
        "    print(call('umount2', p, 2))",
    ),
    Attempt(
        "a file opened without rights, opened again for writing",
        "fd = os.open('/usr/bin/env', os.O_PATH)\n"
        "print(tried(os.open, f'/proc/self/fd/{fd}', os.O_RDWR))\n"
        "fd = os.open('/usr/bin/env', os.O_RDONLY)\n"
        "print(tried(os.open, f'/proc/self/fd/{fd}', os.O_RDWR), tried(os.ftruncate, "
        "fd, 0))",
    ),
    Attempt(
        "its own program, opened for writing",
        "print(tried(os.open, '/proc/self/exe', os.O_WRONLY))",
    ),
    Attempt(
        "openat2 without a bound",
        "how = struct.pack('=QQQ', os.O_RDONLY, 0, 0)\n"
        "fd = os.open('/', os.O_PATH)\n"
        "print(call('openat2', fd, '../' * 40 + SECRET[1:], how, 24))",
    ),
    Attempt(
        "above a directory that is moved",
        "os.makedirs('deep/er'); fd = os.open('deep/er', os.O_PATH); "
        "os.rename('deep/er', '/tmp/er')\n"
        "print(tried(os.open, '../' * 40 + SECRET[1:], os.O_RDONLY, dir_fd=fd))",
        "ENOENT",
    ),
    Attempt(
        "the classic way out of chroot",
        "os.mkdir('jail'); fd = os.open('/', os.O_RDONLY); print(tried(os.chroot, "
        "'jail'))\n"
        "os.fchdir(fd)\n"
        "for _ in range(40): os.chdir('..')\n"
        "print(tried(os.chroot, '.'), tried(open, '.' + SECRET))",
    ),
    Attempt(
        "a file by its handle: the root's inode",
        "handle = struct.pack('=IiQ', 8, 1, 2)\n"
        "fd = os.open('/usr', os.O_RDONLY)\n"
        "print(call('open_by_handle_at', fd, handle, 0))\n"
        "print(call('name_to_handle_at', AT_FDCWD, '/usr', bytes(256), bytes(8), 0))",
    ),
    Attempt(
        "an overlay redirect",
        "os.makedirs('o/x'); before = os.listdir('o/x')\n"
        "for name, value in (('redirect', b'/../../../etc'), ('opaque', b'y'), "
        "('metacopy', b'')):\n"
        "    tried(os.setxattr, 'o/x', 'user.overlay.' + name, value)\n"
        "os.rename('o/x', 'o/y')\n"
        "print(os.listdir('o/y') == before)",
        "True",
    ),
    Attempt(
        "overlay attributes on what comes from a layer",
        "before = os.listdir('/etc')\n"
        "for name in ('redirect', 'opaque', 'origin', 'upper'):\n"
        "    tried(os.setxattr, '/etc', 'user.overlay.' + name, b'/usr')\n"
        "print(os.listdir('/etc') == before)",
        "True",
    ),
    Attempt(
        "an overlay whiteout as a device",
        "tried(os.mknod, 'white', stat.S_IFCHR | 0o666, 0); print(tried(os.open, "
        "'white', os.O_RDWR))",
    ),
    Attempt(
        "an overlay of one's own",
        "for d in 'luw': os.mkdir(f'ov-{d}')\n"
        "print(call('mount', 'o', 'ov-w', 'overlay', 0, 'lowerdir=/,upperdir=ov-u,"
        "workdir=ov-w'))",
    ),
    Attempt(
        "a mount point moved away",
        "print(tried(os.rename, '/proc', '/tmp/proc'), tried(os.rename, '/usr', '/tmp/usr'))",
    ),
    Attempt(
        "writing to the host's directories",
        "show(p for d in ('/usr', '/usr/local', '/opt/agentos', '/usr/bin', "
        "'/proc/sys/kernel')\n"
        "    for p in [os.path.join(d, 'x')] if tried(os.open, p, "
        "os.O_CREAT).startswith('got'))",
        NOTHING,
    ),
    Attempt(
        "changing the host's files",
        "for p in ('/usr/bin/env', '/usr'):\n"
        "    print(tried(os.chmod, p, 0o777), tried(os.chown, p, 1000, 1000), "
        "tried(os.utime, p))\n"
        "    print(tried(os.setxattr, p, 'user.x', b'x'), tried(os.unlink, p))",
    ),
    Attempt(
        "what only root may read",
        "show(p for p in ('/etc/shadow', '/etc/gshadow', '/etc/sudoers', '/etc/ssh', "
        "'/root/.ssh',\n"
        "    '/etc/machine-id', '/var/lib/dpkg', '/boot/grub', '/run/docker.sock', "
        "'/var/run/dbus')\n"
        "    if os.path.exists(p))",
        NOTHING,
    ),
    Attempt(
        "a host file in a shared directory",
        "name = os.path.basename(SECRET)\n"
        "show(d for d in ('/tmp', '/dev/shm', '/var/tmp', '/run') if "
        "os.path.exists(f'{d}/{name}'))",
        NOTHING,
    ),
    Attempt(
        "a leased file of the host",
        "fd = os.open('/usr/bin/env', os.O_RDONLY)\n"
        "print(tried(fcntl.fcntl, fd, fcntl.F_SETLEASE, 0))",
    ),
    Attempt(
        "more inodes than there are",
        "made = 0\n"
        "os.mkdir('many')\n"
        "for n in range(20000):\n"
        "    try: os.close(os.open(f'many/{n}', os.O_CREAT))\n"
        "    except OSError: break\n"
        "    made += 1\n"
        "print('bounded' if 0 < os.statvfs('many').f_files < 2**31 and made else "
        "'endless')",
        "bounded",
    ),
    Attempt(
        "a larger file than there is room",
        "f = open('big', 'wb'); print(tried(os.posix_fallocate, f.fileno(), 0, 2**50))",
    ),
    shell(
        "a loop device",
        "losetup -f || mount -o loop /usr/bin/env /mnt",
    ),
    Attempt(
        "a quota, through any mount",
        "print(call(443, os.open('/usr', os.O_RDONLY), 0x80000700, 0, None))",
    ),
]
