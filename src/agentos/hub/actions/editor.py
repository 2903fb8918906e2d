"""Install a packaged extension into an editor."""

from __future__ import annotations

import shutil

from agentos.errors import ActionError
from agentos.hub.actions.artefact import matching
from agentos.hub.settings import Action

EDITORS = ("code", "cursor", "codium")


def install_command(action: Action) -> tuple[str, ...]:
    """Return the command that installs the newest .vsix of a directory.

    Raises:
        ActionError: There is no .vsix, or no editor.
    """
    packages = matching(action.directory, action.artefact or "*.vsix")
    if not packages:
        raise ActionError(
            f"there is no .vsix in {action.directory}",
            code="action_no_package",
            hint="package the extension first",
        )
    editor = next((name for name in EDITORS if shutil.which(name)), None)
    if editor is None:
        raise ActionError(
            f"none of {', '.join(EDITORS)} is installed",
            code="action_no_editor",
            hint="install an editor's command line and have it in PATH",
        )
    newest = max(packages, key=lambda path: packages[path])
    return (editor, "--install-extension", str(newest), "--force")
