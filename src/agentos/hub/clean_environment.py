"""What programs that the hub starts see of its environment."""

from __future__ import annotations

import os
import re

_OWN = re.compile(
    r"(?i)AGENTOS_(?!HOME$|DATA_DIR$|STATE_DIR$).*"
    r"|.*_API_KEY|(?:ANTHROPIC|OPENAI|CODEX|CLAUDE|GEMINI|OPENROUTER|GOOGLE)_.*TOKEN.*"
    r"|DATABASE_URL|OTEL_EXPORTER_OTLP_HEADERS"
)


def clean_environment() -> dict[str, str]:
    """Return the environment without the hub's tokens and the model providers' keys."""
    return {name: value for name, value in os.environ.items() if not _OWN.fullmatch(name)}
