#!/usr/bin/python3 -I
"""A played `msb`: what microsandbox does for a machine, without a virtual machine.

It takes the command line of the real one, looks around in its room as the real one would, and
then runs the guest's program right there, on the socket that the real one leads a vsock port to.
What it saw it leaves in the machine as `/tmp/room.json`. A guest called `unbootable` does not
boot, one called `silent` never serves, and one called `brittle` dies as soon as it is heard of.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time


def _option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


def _look_around(root: str) -> dict[str, object]:
    with open(os.devnull) as nothing, open("/proc/self/status", encoding="ascii") as status:
        fields = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
        return {
            "root": sorted(os.listdir(root)),
            "proc": os.listdir(f"{root}/proc"),
            "dev": os.listdir(f"{root}/dev"),
            "capabilities": fields["CapEff"],
            "seccomp": fields["Seccomp"],
            "kvm": os.access("/dev/kvm", os.R_OK | os.W_OK),
            "home": os.environ["MSB_HOME"],
            "home_is_ours": os.access(os.environ["MSB_HOME"], os.W_OK),
            "null": nothing.read(),
            "words": sys.argv[1:],
        }


def main() -> None:
    """Play `msb run`."""
    end = sys.argv.index("--")
    words, program = sys.argv[1:end], sys.argv[end + 1 :]
    root, at, _ = _option(words, "--mount-dir").split(":")
    if _option(words, "--hostname") == "unbootable":
        sys.exit("error: failed to start: KVM_EXIT_INTERNAL_ERROR")
    if _option(words, "--hostname") == "silent":
        time.sleep(1000)
    with open(f"{root}/tmp/room.json", "w", encoding="utf-8") as report:
        json.dump(_look_around(root), report)
    path, _, port = _option(words, "--vsock").rpartition(":")
    init, *arguments = program
    open_files = arguments[2]
    if arguments != ["guest", f"vsock:{port}", open_files, at] or not init.startswith(at):
        sys.exit(f"error: unexpected program {program}")
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.connect(path)
    if _option(words, "--hostname") == "brittle":
        sys.exit("error: the guest's kernel panicked")
    line.set_inheritable(True)
    os.execv(root + init.removeprefix(at), [init, "guest", f"fd:{line.fileno()}", open_files])


if __name__ == "__main__":
    main()
