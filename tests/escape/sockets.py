"""To the network, and to whoever listens on the host."""

from __future__ import annotations

from tests.escape.attempt import NOTHING, Attempt, shell

ATTEMPTS = [
    Attempt(
        "packets of the link",
        "print(tried(socket.socket, 17, socket.SOCK_RAW, 0x300), tried(socket.socket, "
        "17, socket.SOCK_DGRAM))",
    ),
    Attempt(
        "raw packets",
        "for f, p in ((2, 1), (2, 255), (10, 58), (10, 255)): "
        "print(tried(socket.socket, f, socket.SOCK_RAW, p))",
    ),
    Attempt(
        "netlink beyond routing",
        "for p in range(1, 32): print(tried(socket.socket, 16, socket.SOCK_RAW, p))",
        r"(EAFNOSUPPORT\s*)+",
    ),
    Attempt(
        "every rare family",
        "for f in range(64):\n"
        "    if f not in (1, 2, 10, 16):\n"
        "        for kind in (1, 2, 3, 5): print(tried(socket.socket, f, kind))",
        r"(EAFNOSUPPORT\s*)+",
    ),
    Attempt(
        "every rare family, with bits above",
        "for f in (17, 38, 40): print(call(41 if X86 else 198, f | 1 << 40, 1, 0))",
        r"(EAFNOSUPPORT\s*)+",
    ),
    Attempt(
        "every rare family, as a pair",
        "for f in range(2, 64): print(call(53 if X86 else 199, f, 1, 0, bytes(8)))",
        r"(EAFNOSUPPORT\s*)+",
    ),
    Attempt(
        "protocols that load a module",
        "for p in (33, 115, 132): print(call(41 if X86 else 198, 2, 1, p), call(41 if "
        "X86 else 198, 10, 5, p))",
        r"(EPROTONOSUPPORT\s*)+",
    ),
    Attempt(
        "the hypervisor",
        "print(tried(socket.socket, 40, 1), tried(os.open, '/dev/vsock', 0))",
    ),
    Attempt(
        "an abstract socket of the host",
        "print(tried(connect, 1, '\\0' + os.environ['HOST_ABSTRACT']))",
        "ECONNREFUSED",
    ),
    Attempt(
        "a socket file of the host",
        "print(tried(connect, 1, os.environ['HOST_SOCKET']))",
        "ENOENT",
    ),
    Attempt(
        "a port of the host's loopback",
        "print(tried(connect, 2, ('127.0.0.1', int(os.environ['HOST_PORT']))))",
        "ECONNREFUSED",
    ),
    Attempt(
        "a port of the host, by its own addresses",
        "for a in os.environ['HOST_ADDRESSES'].split(): print(tried(connect, 2, (a, "
        "int(os.environ['HOST_PORT']))))\n"
        "print(tried(connect, 2, ('0.0.0.0', int(os.environ['HOST_PORT']))))\n"
        "print(tried(connect, 10, ('::1', int(os.environ['HOST_PORT']))))",
        r"(ECONNREFUSED\s*|EADDRNOTAVAIL\s*|ENETUNREACH\s*)+",
    ),
    Attempt(
        "the metadata of a cloud, and other networks",
        "for a in ('169.254.169.254', '10.0.0.1', '192.168.0.1', '172.17.0.1', "
        "'192.0.2.1', '100.100.100.200'):\n"
        "    print(tried(connect, 2, (a, 80)))\n"
        "print(tried(connect, 10, ('fd00:ec2::254', 80)), tried(connect, 10, "
        "('fe80::1', 80)))",
    ),
    Attempt(
        "names that are not allowed",
        "for n in ('metadata.google.internal', 'host.agentos.internal'): "
        "print(tried(socket.getaddrinfo, n, 80))",
        r"(EAI\s*)+",
    ),
    Attempt(
        "what listens on the host",
        "text = open('/proc/net/unix').read() + open('/proc/net/tcp').read()\n"
        "print(os.environ['HOST_ABSTRACT'] in text, "
        "f\":{int(os.environ['HOST_PORT']):04X} 0\" in text)",
        "False False",
    ),
    Attempt(
        "interfaces beyond loopback",
        "print([n for _, n in socket.if_nameindex()])",
        r"\['lo'\]",
    ),
    shell(
        "a link of one's own",
        "ip link add dummy0 type dummy 2>/dev/null || ip link set lo down",
    ),
    shell(
        "an address of one's own",
        "ip addr add 10.9.8.7/8 dev lo || ip route add 10.0.0.0/8 dev lo",
    ),
    Attempt(
        "a tunnel",
        "print(tried(os.open, '/dev/net/tun', os.O_RDWR), tried(os.open, '/dev/ppp', os.O_RDWR))",
    ),
    Attempt(
        "settings of sockets that need privileges",
        "s = socket.socket(); u = socket.socket(2, 2)\n"
        "print(tried(s.setsockopt, 1, 36, 1), tried(s.setsockopt, 1, 33, 1 << 26))\n"
        "print(tried(u.setsockopt, 0, 19, 1))",
        r"(EPERM\s*)+",
    ),
    Attempt(
        "a message in root's name",
        "import array\n"
        "a, b = socket.socketpair(); b.setsockopt(1, 16, 1)\n"
        "print(tried(a.sendmsg, [b'x'], [(1, 2, struct.pack('=iII', 1, 0, 0))]))",
        "EPERM|EINVAL",
    ),
    Attempt(
        "the neighbour's abstract socket",
        "print(tried(connect, 1, '\\0' + os.environ['NEAR_ABSTRACT']))",
        "ECONNREFUSED",
    ),
    Attempt(
        "the neighbour's port",
        "print(tried(connect, 2, ('127.0.0.1', int(os.environ['NEAR_PORT']))))",
        "ECONNREFUSED",
    ),
    Attempt(
        "files of the host and the neighbour in shared places",
        "show(p for d in ('/tmp', '/dev/shm', '/home/agentos', '/var/tmp', '/run')\n"
        "    for p in glob.glob(d + '/*') if os.environ['MARKER'] in p)",
        NOTHING,
    ),
    Attempt(
        "System V memory, queues and semaphores of others",
        "key = int(os.environ['IPC_KEY'])\n"
        "print(call('shmget', key, 0, 0), call('msgget', key, 0), call('semget', key, "
        "0, 0))\n"
        "print(open('/proc/sysvipc/shm').read().count('\\n'))",
        r"ENOENT ENOENT ENOENT\s1",
    ),
    Attempt(
        "a POSIX queue of others",
        "print(call('mq_open', os.environ['MARKER'], 0, 0, None))",
        "ENOENT",
    ),
]
