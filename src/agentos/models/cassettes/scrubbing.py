"""Taking secrets out of what is recorded: by value, by name, by form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

SECRET = "<secret>"
# A shorter one would turn up in innocent words.
_SHORTEST = 6
_PART = 4
_SECRET_VARIABLE = re.compile(
    r"(^|[_-])(\w*KEY|AUTHORIZATION|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)$",
    re.IGNORECASE,
)
_FIELDS = (
    r"(?:authorization|proxy-authorization|cookie|set-cookie|(?:x-)?api[-_]?key|password|passwd"
    r"|passphrase|(?:client|aws|app)[-_]secret|secret[-_]?(?:access[-_])?key|private[-_]?key"
    r"|(?:access|refresh|id|session|auth|bearer|bot)[-_]?token)"
)
_SECRET_FIELD = re.compile(f"^{_FIELDS}$", re.IGNORECASE)
_FORMS = re.compile(
    r"""
      \bagentos-[0-9a-f]{16}-[\w-]{20,}
    | \bsk-[A-Za-z0-9][\w-]{15,}
    | \bgh[opsur]_[A-Za-z0-9]{20,} | \bgithub_pat_\w{20,} | \bglpat-[\w-]{16,}
    | \bxox[abeoprs]-[\w-]{10,}
    | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b
    | \bAIza[\w-]{30,}
    | (?<![\w.-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)
# What follows these is the secret: a header in a text, an assignment in an environment.
_FOLLOWING = re.compile(
    rf"""
      (\b(?:[Bb]earer|[Bb]asic)\s+)(?=[\w.~+/-]{{0,64}}\d)[\w.~+/-]{{12,}}=*
    | (\b(?i:authorization|x-api-key|api-key|cookie):\s*)(?!<|(?i:bearer|basic)\s)[^\s"'\\]{{6,}}
    | (\\?"(?i:{_FIELDS})\\?"\s*:\s*\\?")[^"\\]+
    | (\b[A-Z][A-Z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD)=["']?)(?=[^\s"'\\]{{0,64}}\d)[^\s"'\\<$]{{6,}}
    """,
    re.VERBOSE,
)


class Scrubber:
    """Replace secrets by `<secret>`.

    Args:
        values: Secrets that are known.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self._known: re.Pattern[str] | None = None
        self.learn(values)

    def learn(self, values: Iterable[str]) -> None:
        """Get to know more secrets; what is too short to be one is passed over."""
        new = {value for value in values if len(value) >= _SHORTEST} - self._values
        if new:
            self._values |= new
            longest_first = sorted(self._values, key=len, reverse=True)
            self._known = re.compile("|".join(re.escape(value) for value in longest_first))

    def text(self, text: str, *, cut_off: bool = False) -> str:
        """Scrub a text.

        Args:
            text: The text.
            cut_off: Whether it may end in the middle of a secret.
        """
        if self._known is not None:
            text = self._known.sub(SECRET, text)
        text = _FORMS.sub(SECRET, text)
        text = _FOLLOWING.sub(lambda m: next(g for g in m.groups() if g) + SECRET, text)
        return self._without_begun(text) if cut_off else text

    def data(self, value: Any) -> Any:
        """Scrub each text of some JSON, and whole fields whose name says that they are secret."""
        if isinstance(value, str):
            # JSON can hold halves of characters, files cannot.
            whole = value.encode(errors="replace").decode()
            return self.text(whole)
        if isinstance(value, Mapping):
            return {
                self.text(key): SECRET
                if isinstance(inner, str) and inner and _SECRET_FIELD.match(key)
                else self.data(inner)
                for key, inner in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.data(inner) for inner in value]
        return value

    def json_text(self, text: str) -> str:
        """Scrub a text that is JSON; it stays as it is if there is nothing to scrub."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return self.text(text)
        scrubbed = self.data(value)
        if scrubbed == value:
            return text
        return json.dumps(scrubbed, ensure_ascii=False, separators=(",", ":"))

    def _without_begun(self, text: str) -> str:
        for value in self._values:
            for size in range(min(len(value), len(text)), _PART - 1, -1):
                if text.endswith(value[:size]):
                    return text[:-size] + SECRET
        return text


def secrets_of(environment: Mapping[str, str]) -> list[str]:
    """Return the values of the variables, or headers, that seem to be secrets."""
    return [
        value
        for name, value in environment.items()
        if _SECRET_VARIABLE.search(name)
        and len(value) >= 8
        and not value.startswith("/")
        and any(character.isdigit() for character in value)
    ]
