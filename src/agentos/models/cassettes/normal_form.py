"""The normal form of a request: what is left when all that differs from run to run is gone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentos.errors import ConfigInvalid
from agentos.models.cassettes.scrubbing import Scrubber
from agentos.models.upstream import UpstreamRequest

MASKED = "<masked>"
# Names of sessions, which say nothing of what is asked.
_IDENTITIES = ("client_metadata", "prompt_cache_key", "safety_identifier", "metadata.user_id")
_FIRST = ("type", "role", "name", "id", "call_id")
_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
#: Patterns by the name of their placeholder; a group, if there is one, is kept.
_NUMBERED: Mapping[str, str] = {
    "id": r"\b(?:msg|rs|fc|fco|ctc|ctco|call|at|resp|toolu|chatcmpl|item|ws)[_-]"
    rf"(?:{_UUID}|[A-Za-z0-9]{{16,}})\b",
    "uuid": rf"\b(?:{_UUID}|[0-9a-f]{{32}})\b",
    "tmp": r"(?:/private)?(?:/tmp|/var/tmp|/dev/shm|/var/folders/\w+/\w+/T)"
    r"/(?:pytest-of-[^/\s]+/pytest-\d+|(?:[\w.-]{0,64}[._-])?(?:tmp[._]?)?"
    r"(?=\w{0,16}\d)[A-Za-z0-9_]{6,16}|tmp[a-z0-9_]{8}|tmp\.[A-Za-z0-9]{6,12})(?![\w.-])",
    "port": r"(?<=127\.0\.0\.1:)\d{2,5}\b|(?<=localhost:)\d{2,5}\b",
}
_TIME_FIELD = re.compile(r"(^|_)(time|timestamp|at|created|ms)$")
_DURATION = re.compile(
    r"\b(?:\d+m ?)?\d+\.\d+ ?(?:s|ms|µs|us|ns|sec|secs|seconds)\b|\b\d+ ?(?:ms|µs|us|ns)\b"
)
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_REPLACED: Sequence[tuple[str, str]] = (
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?", "<time>"),
    (rf"\b(?:[A-Z][a-z]{{2}} )?{_MONTH} [ \d]?\d \d\d:\d\d(?::\d\d(?: \w+)? \d{{4}})?\b", "<time>"),
    (r"(?<=<current_date>)[^<]*", "<date>"),
    (r"(?<=<timezone>)[^<]*", "<timezone>"),
    (r"(?<=Chunk ID: )[0-9a-f]+", "<chunk>"),
    (r"(?<=Wall time: )[\d.]+", "<duration>"),
    (r"(?<=Original token count: )\d+", "<tokens>"),
    (r"(?<=Process running with session ID )\d+", "<session>"),
    (r"(?<=Today's date is )\d{4}-\d\d-\d\d", "<date>"),
)
_ANY_NUMBERED = re.compile(
    "|".join(f"(?P<{name}>{pattern})" for name, pattern in _NUMBERED.items())
)
_ALL_REPLACED = [(re.compile(pattern), text) for pattern, text in _REPLACED]


@dataclass(frozen=True)
class Rules:
    """What else to pass over when requests are compared; a cassette keeps them.

    Args:
        ignore: Parts of the body, such as `tools` or `reasoning.effort`.
        mask: Regular expressions; what they match counts as the same.

    Raises:
        ConfigInvalid: A regular expression is none.
    """

    ignore: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    _masks: tuple[re.Pattern[str], ...] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            masks = tuple(re.compile(pattern) for pattern in self.mask)
        except re.error as error:
            raise ConfigInvalid(
                f"{error.pattern!r} is no regular expression: {error}", hint="see mask="
            ) from error
        object.__setattr__(self, "_masks", masks)

    def __or__(self, other: Rules) -> Rules:
        together = dict.fromkeys((*self.ignore, *other.ignore))
        return Rules(tuple(together), tuple(dict.fromkeys((*self.mask, *other.mask))))

    def apply(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return a normal form without what these rules pass over."""
        form = dict(request)
        if isinstance(form.get("body"), Mapping):
            form["body"] = _mapped(_without(form["body"], self.ignore), self._masked)
        return form

    def _masked(self, text: str) -> str:
        for mask in self._masks:
            text = mask.sub(MASKED, text)
        return text


def normal_form(request: UpstreamRequest, scrubber: Scrubber, rules: Rules) -> dict[str, Any]:
    """Reduce a request to what it asks.

    Identifiers become `<uuid-1>`, `<uuid-2>`, ... in the order in which they come, so that it
    still tells which are the same.

    Args:
        request: The request.
        scrubber: Takes the secrets out.
        rules: What else to pass over.
    """
    names = _Names()
    form: dict[str, Any] = {"method": request.method, "path": names.normal(request.path)}
    if request.query:
        form["query"] = names.normal(scrubber.text(request.query))
    if request.parsed:
        body = _without(request.parsed, _IDENTITIES)
        form["body"] = _mapped(_without_times(scrubber.data(body)), names.normal)
    return rules.apply(form)


class _Names:
    """Gives each identifier of a request its number."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def normal(self, text: str) -> str:
        for pattern, replacement in _ALL_REPLACED:
            text = pattern.sub(replacement, text)
        return _ANY_NUMBERED.sub(self._name, text)

    def _name(self, match: re.Match[str]) -> str:
        kind = match.lastgroup or ""
        known = self._given.get((kind, match[0]))
        if known is None:
            number = self._counts[kind] = self._counts.get(kind, 0) + 1
            known = self._given[kind, match[0]] = f"<{kind}-{number}>"
        return known


def _without_times(value: Any, output: bool = False) -> Any:
    """Replace numbers that are points in time, and what the outputs of tools say they took.

    Args:
        value: Some JSON.
        output: Whether it is a tool's output; elsewhere a duration is what somebody means.
    """
    if isinstance(value, str):
        return _DURATION.sub("<duration>", value) if output else value
    if isinstance(value, Mapping):
        output = output or _is_output(value)
        return {
            key: "<time>"
            if _TIME_FIELD.search(key) and _is_time(inner)
            else _without_times(inner, output)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_times(inner, output) for inner in value]
    return value


def _is_output(item: Mapping[str, Any]) -> bool:
    """Whether it is a tool's output, in any of the protocols."""
    kind = item.get("type")
    return item.get("role") == "tool" or (
        isinstance(kind, str) and (kind.endswith("_output") or kind == "tool_result")
    )


def _is_time(value: object) -> bool:
    """Whether it counts seconds or milliseconds since 1970, to some day of this century."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 1e9 < value < 4.2e9 or 1e12 < value < 4.2e12


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Change each text of some JSON; keys come in an order for readers."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        keys = sorted(value, key=_rank)
        return {key: _mapped(value[key], change) for key in keys}
    if isinstance(value, list | tuple):
        return [_mapped(inner, change) for inner in value]
    return value


def _rank(key: str) -> tuple[int, str]:
    return (_FIRST.index(key) if key in _FIRST else len(_FIRST), key)


def _without(body: Mapping[str, Any], places: Sequence[str]) -> dict[str, Any]:
    left = dict(body)
    for place in places:
        name, _, below = place.partition(".")
        if not below:
            left.pop(name, None)
        elif isinstance(left.get(name), Mapping):
            left[name] = _without(left[name], (below,))
    return left
