"""Time a loop in a KVM guest: a program of its own, since a guest may never return.

Prints one JSON object: how many iterations, and the seconds of processor time that the fastest
run took; or the step that failed and its errno. It imports nothing of AgentOS, so it runs by
its path in a bare interpreter.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import mmap
import os
import struct
import sys
import time

ITERATIONS = 0xFFFF
RUNS = 3

_PAGE = 0x1000
#: mov cx, ITERATIONS; loop to itself; hlt. Sixteen-bit code: no page tables to set up.
_CODE = b"\xb9" + struct.pack("<H", ITERATIONS) + b"\xe2\xfe" + b"\xf4"

_WRITE, _READ = 1, 2


def _request(number: int, size: int = 0, direction: int = 0) -> int:
    return direction << 30 | size << 16 | 0xAE << 8 | number


_CREATE_VM = _request(0x01)
_VCPU_MMAP_SIZE = _request(0x04)
_CREATE_VCPU = _request(0x41)
_SET_MEMORY = _request(0x46, 32, _WRITE)
_RUN = _request(0x80)
_SET_REGISTERS = _request(0x82, 144, _WRITE)
_GET_SEGMENTS = _request(0x83, 312, _READ)
_SET_SEGMENTS = _request(0x84, 312, _WRITE)
_EXIT_HALTED = 5


def run_loop(device: str) -> float:
    """Run the loop in a new virtual machine; return the seconds of processor time it took."""
    kvm = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    vm = fcntl.ioctl(kvm, _CREATE_VM, 0)
    memory = mmap.mmap(-1, _PAGE, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
    memory[: len(_CODE)] = _CODE
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    # Slot 0, no flags; the page is guest memory from 0x1000 on.
    fcntl.ioctl(vm, _SET_MEMORY, struct.pack("IIQQQ", 0, 0, _PAGE, _PAGE, address))
    vcpu = fcntl.ioctl(vm, _CREATE_VCPU, 0)
    state = mmap.mmap(vcpu, fcntl.ioctl(kvm, _VCPU_MMAP_SIZE), mmap.MAP_SHARED)
    segments = bytearray(312)
    fcntl.ioctl(vcpu, _GET_SEGMENTS, segments)
    struct.pack_into("<QIH", segments, 0, 0, 0xFFFF, 0)  # the code segment starts at 0
    fcntl.ioctl(vcpu, _SET_SEGMENTS, bytes(segments))
    # Sixteen general registers, then the instruction pointer and the flags.
    fcntl.ioctl(vcpu, _SET_REGISTERS, struct.pack("<18Q", *[0] * 16, _PAGE, 2))
    # The time of this thread, guest included: other load of the host does not count.
    started = time.thread_time()
    fcntl.ioctl(vcpu, _RUN)
    took = time.thread_time() - started
    reason = struct.unpack_from("<I", state, 8)[0]
    if reason != _EXIT_HALTED:
        raise OSError(0, f"the guest ended with KVM exit {reason}")
    for fd in (vcpu, vm, kvm):
        os.close(fd)
    return took


def main() -> None:
    """Time the loop and print what was found."""
    try:
        took = min(run_loop(sys.argv[1]) for _ in range(RUNS))
    except OSError as error:
        found: dict[str, object] = {"error": error.errno or 0, "reason": error.strerror}
    else:
        found = {"iterations": ITERATIONS, "seconds": took}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
