"""Look for a secret in the whole of a machine."""

from __future__ import annotations

from agentos import AgentOs

_SEARCH = r"""
import os, sys
secret = sys.argv[1].encode()
own = str(os.getpid())
found = []

def look(path):
    try:
        with open(path, "rb") as file:
            rest = b""
            while piece := file.read(1 << 20):
                if secret in rest + piece:
                    found.append(path)
                    return
                rest = piece[-len(secret):]
    except OSError:
        pass

for root in ("/home", "/root", "/tmp", "/var", "/etc", "/run", "/dev/shm", "/srv", "/mnt"):
    for place, directories, files in os.walk(root):
        for name in files:
            path = os.path.join(place, name)
            if os.path.isfile(path) and not os.path.islink(path):
                look(path)
for pid in os.listdir("/proc"):
    if pid.isdigit() and pid != own:
        for name in ("environ", "cmdline"):
            look(f"/proc/{pid}/{name}")
print("\n".join(found))
"""


async def places_of(secret: str, vm: AgentOs) -> list[str]:
    """Search files, environments and command lines.

    Args:
        secret: What to look for.
        vm: The machine; the search itself does not count.

    Returns:
        The files that hold it, those of `/proc` too.
    """
    done = await vm.exec(["python3", "-c", _SEARCH, secret], check=True)
    return done.stdout.split()
