"""Whether KVM virtualises here, found out by timing a loop in a guest.

That `/dev/kvm` opens and creates a machine proves nothing: inside some virtual machines KVM
interprets a guest's kernel instruction by instruction, and no stock kernel boots on it. Measured
on such a host (Linux 6.18 with `kvm_pvm`): 595 ns for each iteration of a two-byte `loop`, and
Debian's kernel still unpacking itself after 32 s. A processor takes 1 to 6 cycles, so below
6 ns, also nested. `TOO_SLOW` lies a factor of ten from either.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from agentos.errors import IsolationUnavailable

DEVICE = "/dev/kvm"
#: Seconds for one iteration of the guest's loop from which on KVM counts as absent.
TOO_SLOW = 60e-9
#: Seconds after which a guest that does not return is killed.
PATIENCE = 10.0

_GUEST = Path(__file__).with_name("kvm_guest.py")


@dataclass(frozen=True, slots=True)
class KvmFinding:
    """What running a guest showed.

    Attributes:
        code: `"kvm_works"`, or the code of the error: `"kvm_missing"`, `"kvm_too_slow"`, or
            `"kvm_unmeasured"` on a processor that this probe has no guest for.
        detail: What was seen, with the figure.
        per_iteration: Seconds for one iteration of the guest's loop; None if it did not end.
        hint: What to do about it.
    """

    code: str
    detail: str
    per_iteration: float | None = None
    hint: str | None = None

    @property
    def usable(self) -> bool:
        """Whether a virtual machine runs here at the processor's own speed."""
        return self.code == "kvm_works"


async def probe_kvm(
    device: str = DEVICE, *, patience: float = PATIENCE, guest: Path = _GUEST
) -> KvmFinding:
    """Run a guest in a child process and time it.

    Args:
        device: The KVM device.
        patience: Seconds after which the child is killed, as a guest may never return.
        guest: The program that runs it.
    """
    machine = platform.machine()
    if machine != "x86_64":
        return KvmFinding("kvm_unmeasured", f"no guest to time KVM with on {machine} yet")
    if (refusal := _refusal(device)) is not None:
        return refusal
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(guest), device),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(patience):
            answer, complaint = await child.communicate()
    except TimeoutError:
        return KvmFinding(
            "kvm_too_slow", f"a guest's loop did not end within {patience} s", hint=_SLOW_HINT
        )
    finally:
        if child.returncode is None:
            child.kill()
            await child.communicate()
    if child.returncode:
        last = complaint.decode(errors="replace").strip().rpartition("\n")[2]
        ending = last or f"ended with {child.returncode}"
        return KvmFinding("kvm_missing", f"the program that runs a guest failed: {ending}")
    return judge(json.loads(answer))


def judge(answer: dict[str, float]) -> KvmFinding:
    """Say what the figures of a guest mean."""
    if "error" in answer:
        return KvmFinding("kvm_missing", f"KVM runs no guest: {answer['reason']}", hint=_OFF_HINT)
    each = answer["seconds"] / answer["iterations"]
    measured = f"{each * 1e9:.1f} ns for an iteration of a guest's loop"
    if each < TOO_SLOW:
        return KvmFinding("kvm_works", f"{measured}: the processor runs it", each)
    limit = f"from {TOO_SLOW * 1e9:.0f} ns on it is interpreted and boots no kernel"
    return KvmFinding("kvm_too_slow", f"{measured}: {limit}", each, _SLOW_HINT)


async def require_kvm() -> KvmFinding:
    """Return the finding if KVM works; what works is probed once in a process.

    Raises:
        IsolationUnavailable: It does not; `code` and the message say what was measured.
    """
    global _works
    if _works is None:
        finding = await probe_kvm()
        if not finding.usable:
            raise IsolationUnavailable(
                f"KVM is of no use here: {finding.detail}", code=finding.code, hint=finding.hint
            )
        _works = finding
    return _works


_works: KvmFinding | None = None

_SLOW_HINT = (
    "use a host whose processor virtualises: bare metal, or a virtual machine with nested "
    'virtualisation; or isolation="gvisor"'
)
_OFF_HINT = "enable virtualisation in the firmware, or nested virtualisation on the host"


def _refusal(device: str) -> KvmFinding | None:
    try:
        os.close(os.open(device, os.O_RDWR | os.O_CLOEXEC))
    except FileNotFoundError:
        return KvmFinding("kvm_missing", f"there is no {device}", hint=_OFF_HINT)
    except PermissionError:
        return KvmFinding(
            "kvm_missing",
            f"{device} is closed to this user",
            hint="sudo usermod -aG kvm $USER, then log in again",
        )
    except OSError as error:
        return KvmFinding("kvm_missing", f"{device}: {error.strerror}", hint=_OFF_HINT)
    return None
