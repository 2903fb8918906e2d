"""An agent's options, as ACP lists them: a choice of values, perhaps in groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agentos.errors import AgentError


def refused(error: AgentError, options: Sequence[Mapping[str, Any]], option: str) -> AgentError:
    """Add to an agent's refusal what it would have taken."""
    known = {str(entry.get("id")): entry for entry in options}
    if option not in known:
        hint = f"its options: {', '.join(known) or 'none'}"
    else:
        hint = f"values of {option}: {', '.join(_values(known[option].get('options')))}"
    return AgentError(error.message, code=error.code, hint=hint)


def _values(choices: Any) -> Iterator[str]:
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, Mapping):
            yield from [choice["value"]] if "value" in choice else _values(choice.get("options"))
