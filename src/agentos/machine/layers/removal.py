"""Remove trees of a machine's files, whoever of the machine's ids they belong to."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from agentos.errors import MachineError
from agentos.machine.isolation.id_map import choose_id_map
from agentos.machine.layers.owner import remove_as_owner


def remove_tree(top: Path) -> None:
    """Remove a tree, also one with directories that their owner closed.

    Raises:
        MachineError: Something in it belongs to ids that were lent to the caller, and cannot be
            removed as their owner.
    """
    if os.geteuid() and _holds_lent_ids(top):
        _remove_lent(top)
        return
    for directory, names, _ in os.walk(top):
        for name in names:
            path = os.path.join(directory, name)
            mode = os.lstat(path).st_mode
            if stat.S_ISDIR(mode) and mode & 0o700 != 0o700:
                os.chmod(path, mode | 0o700)
    shutil.rmtree(top, ignore_errors=True)


def _holds_lent_ids(top: Path) -> bool:
    """Whether something in it is not the caller's; what only its owner may list is not, either."""
    own = os.geteuid()
    return any(
        os.lstat(os.path.join(directory, name)).st_uid != own
        for directory, names, files in os.walk(top)
        for name in (*names, *files)
    )


def _remove_lent(top: Path) -> None:
    try:
        remove_as_owner(choose_id_map(root=True), top)
    except MachineError as error:
        raise MachineError(
            f"cannot remove {top}: it belongs to ids that were lent to you ({error.message})",
            code="layer_stuck",
            hint=f"{error.hint}; or: sudo rm -rf {top}" if error.hint else f"sudo rm -rf {top}",
        ) from error
