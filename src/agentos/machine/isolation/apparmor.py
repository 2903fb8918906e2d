"""The AppArmor profile that the launcher needs where user namespaces are restricted by it."""

from __future__ import annotations

import re
from pathlib import Path

from agentos.machine.isolation import namespace

#: What an administrator runs once; the profile is about the launcher of this installation.
INSTALL = (
    "agentos doctor --apparmor | sudo tee /etc/apparmor.d/agentos-vm >/dev/null && "
    "sudo apparmor_parser -r /etc/apparmor.d/agentos-vm"
)
_TEMPLATE = Path(__file__).with_name("apparmor.profile")
_RESTRICTED = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")


def profile() -> str:
    """Return the text of the profile, for the launcher where it really is."""
    launcher = str(namespace.LAUNCHER.resolve())
    escaped = re.sub(r'([\\"*?\[\]{}^@])', r"\\\1", launcher)  # what is a pattern in a profile
    return _TEMPLATE.read_text(encoding="utf-8").replace("@LAUNCHER@", escaped)


def says_that_it_restricts() -> bool:
    """Tell whether the kernel's setting would explain a machine that could not be built."""
    try:
        return _RESTRICTED.read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False  # no AppArmor, or one that cannot restrict them
