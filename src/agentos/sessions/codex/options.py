"""Codex's modes, models and reasoning efforts, as ACP's options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agentos.errors import AgentError
from agentos.sessions.codex.messages import Model

Approval = Literal["untrusted", "on-request", "never"]

#: The modes: the machine is the sandbox in all of them, they differ in what is asked.
MODES: dict[str, tuple[Approval, str]] = {
    "agent-full-access": ("never", "Full access, asks nothing"),
    "agent": ("on-request", "Asks before what Codex deems risky"),
    "ask": ("untrusted", "Asks before every edit, and every command not known to be harmless"),
}


@dataclass
class Choices:
    """What is chosen for the turns to come.

    Args:
        mode: One of `MODES`.
        model: A model's name.
        effort: A reasoning effort, None for the model's own.
        models: The models that Codex knows.
    """

    mode: str
    model: str
    effort: str | None
    models: Sequence[Model] = ()

    @property
    def approval(self) -> Approval:
        """When Codex asks."""
        return MODES[self.mode][0]

    def choose(self, option: str, value: str | bool) -> None:
        """Choose a value.

        Raises:
            AgentError: There is no such option or value.
        """
        taken = isinstance(value, str)
        if option == "mode" and value in MODES:
            self.mode = str(value)
        elif option == "model" and taken and value:
            self.model = str(value)  # also one that Codex does not know: the provider may
        elif option == "reasoning_effort" and taken and value in (*self._efforts(), self.effort):
            self.effort = str(value)
        else:
            raise AgentError(f"codex refused: {option} cannot be {value!r}", code="option_refused")

    def as_acp(self) -> list[dict[str, Any]]:
        """List the options with their values."""
        models = {m["model"]: m["displayName"] for m in self.models if not m["hidden"]}
        models.setdefault(self.model, self.model)
        efforts = {effort: effort for effort in self._efforts()}
        if self.effort:
            efforts.setdefault(self.effort, self.effort)
        modes = {name: words for name, (_, words) in MODES.items()}
        return [
            _select("mode", "Mode", self.mode, modes),
            _select("model", "Model", self.model, models),
            _select("reasoning_effort", "Reasoning effort", self.effort, efforts),
        ]

    def _efforts(self) -> list[str]:
        for model in self.models:
            if model["model"] == self.model:
                return [e["reasoningEffort"] for e in model["supportedReasoningEfforts"]]
        return ["minimal", "low", "medium", "high", "xhigh"]


def _select(id: str, name: str, value: str | None, choices: dict[str, str]) -> dict[str, Any]:
    options = [{"value": choice, "name": words} for choice, words in choices.items()]
    select = {"id": id, "name": name, "category": id, "type": "select", "options": options}
    return select | ({} if value is None else {"currentValue": value})
