"""Project actions: the commands that a tool may run, by name."""

from agentos.hub.actions.actions import Actions, extension_actions
from agentos.hub.actions.result import ActionResult

__all__ = ["ActionResult", "Actions", "extension_actions"]
