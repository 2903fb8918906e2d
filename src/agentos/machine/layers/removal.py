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
    if _is_ours(top):
        shutil.rmtree(top, ignore_errors=True)
    else:
        _remove_lent(top)


def _is_ours(top: Path) -> bool:
    """Whether the caller may remove all of it, once its closed directories are opened."""
    own = os.geteuid()
    for directory, names, files in os.walk(top):
        for name in (*names, *files):
            path = os.path.join(directory, name)
            status = os.lstat(path)
            if own and status.st_uid != own:
                return False
            if stat.S_ISDIR(status.st_mode) and status.st_mode & 0o700 != 0o700:
                os.chmod(path, status.st_mode | 0o700)
    return True


def _remove_lent(top: Path) -> None:
    try:
        remove_as_owner(choose_id_map(root=True), top)
    except MachineError as error:
        raise MachineError(
            f"cannot remove {top}: it belongs to ids that were lent to you ({error.message})",
            code="layer_stuck",
            hint=f"{error.hint}; or: sudo rm -rf {top}" if error.hint else f"sudo rm -rf {top}",
        ) from error
