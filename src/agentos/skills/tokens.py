"""Tokens: `{{client}}` in a skill becomes what it is for the client that gets the skill."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agentos.errors import ConfigInvalid
from agentos.skills.settings import BUILT_IN, OTHERS, SkillSettings

_TOKEN = re.compile(r"(?P<escape>\\\{\{)|\{\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}\}")
_SPACED = re.compile(r"(?<![\\$])\{\{\s+([A-Za-z_][A-Za-z0-9_]*)\s*\}\}|\{\{([A-Za-z_]\w*)\s+\}\}")


@dataclass(frozen=True)
class Unknown:
    """A token that stands for nothing: its name, and its line, counted from 1."""

    name: str
    line: int


def client_tokens(
    settings: SkillSettings, client: str, *, skills_dir: str, hub_url: str
) -> dict[str, str]:
    """Return what each token stands for.

    Args:
        settings: The user's, with tokens of their own.
        client: The client that gets the skills.
        skills_dir: Where its skills are, as it would write that.
        hub_url: Where the hub is.
    """
    own = {name: values.get(client, values.get(OTHERS)) for name, values in settings.tokens.items()}
    built_in = dict(zip(BUILT_IN, (client, skills_dir, hub_url), strict=True))
    return {name: value for name, value in own.items() if value is not None} | built_in


def expand(text: str, tokens: Mapping[str, str], *, keep_unknown: bool = False) -> str:
    r"""Put what they stand for in the place of tokens; `\{{` becomes `{{`.

    Args:
        text: A text.
        tokens: What there is.
        keep_unknown: Whether a token that stands for nothing stays as it is.

    Raises:
        KeyError: There is none of a name.

    Example:
        `expand(r"{{client}} \{{x}}", {"client": "codex"})` is `codex {{x}}`.
    """
    if "{{" not in text:
        return text

    def value(found: re.Match[str]) -> str:
        if found["escape"]:
            return "{{"
        if keep_unknown and found["name"] not in tokens:
            return found[0]
        return tokens[found["name"]]

    return _TOKEN.sub(value, text)


def escaped(text: str) -> str:
    r"""Write a text so that `expand` gives it back: `{{` becomes `\{{`."""
    return text.replace("{{", r"\{{")


def unknown_tokens(text: str, tokens: Mapping[str, str]) -> Iterator[Unknown]:
    """Yield the tokens that stand for nothing."""
    for found in _TOKEN.finditer(text):
        if not found["escape"] and found["name"] not in tokens:
            yield Unknown(found["name"], text.count("\n", 0, found.start()) + 1)


def spaced_tokens(text: str, tokens: Mapping[str, str]) -> Iterator[Unknown]:
    """Yield what would be a token if there were no spaces in it."""
    for found in _SPACED.finditer(text):
        name = found[1] or found[2]
        if name in tokens:
            yield Unknown(name, text.count("\n", 0, found.start()) + 1)


def unknown_token(where: str, unknown: Unknown, tokens: Mapping[str, str]) -> ConfigInvalid:
    """Return the error that a token stands for nothing, with the one that was probably meant."""
    from agentos.settings.mistakes import nearest

    return ConfigInvalid(
        f"{where}:{unknown.line}: there is no token {{{{{unknown.name}}}}}",
        code="token_unknown",
        hint=nearest(unknown.name, tokens) + r"; \{{ stands for {{ itself",
    )
