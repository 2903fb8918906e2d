"""Answers to what Codex and its ACP adapter ask behind the user's back."""

from __future__ import annotations

import json

from agentos.models.attribution import Kind
from agentos.models.rehearsal.scenario import Scenario, Step


def hidden_answer(kind: Kind, scenario: Scenario) -> Step:
    """Make the fitting answer to a request that is no turn of the user's."""
    title = scenario.title or scenario.name.replace("-", " ").capitalize()
    verdict = {
        "risk_level": "low",
        "user_authorization": "high",
        "outcome": "allow",
        "rationale": "The rehearsal model allows everything.",
    }
    says = {
        Kind.TITLE: json.dumps({"title": title}),
        Kind.GUARDIAN: json.dumps(verdict),
        Kind.COMPACTION: f"The scenario {scenario.name} is being played.",
        Kind.MEMORY: "There is nothing to remember.",
    }
    return Step(say=says.get(kind, "Done."))
