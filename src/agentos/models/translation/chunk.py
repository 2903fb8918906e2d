"""What a provider says in a piece of a Chat answer, whoever the provider is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentos.models.translation.reasoning import TEXT_FIELDS

Said = Mapping[str, Any]


@dataclass(frozen=True)
class CallPiece:
    """A piece of a call of a tool.

    Attributes:
        index: Which call of the answer it belongs to; None if the provider does not tell.
        id: The call's id; empty if it was told before, or never is.
    """

    index: int | None
    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Chunk:
    """A piece of an answer, or all of it.

    Attributes:
        reasoning_field: Where the reasoning's text stood, if it can be sent back there.
        details: OpenRouter's blocks of reasoning.
        finish: Why the answer ends here; empty if it goes on.
        error: What went wrong.
    """

    model: str = ""
    text: str = ""
    reasoning: str = ""
    reasoning_field: str = ""
    details: tuple[Said, ...] = ()
    refusal: str = ""
    calls: tuple[CallPiece, ...] = ()
    finish: str = ""
    usage: Said | None = None
    error: Said | None = None

    @property
    def size(self) -> int:
        """About how much it adds to the answer, in characters."""
        blocks = sum(64 + len(str(detail)) for detail in self.details)
        calls = sum(64 + len(call.arguments) for call in self.calls)
        return len(self.text) + len(self.reasoning) + len(self.refusal) + blocks + calls


def read_chunk(data: bytes) -> Chunk:
    """Read a `chat.completion.chunk`, a `chat.completion`, or an error in their place."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        begin = data[:100].decode(errors="replace")
        return Chunk(error={"message": f"the provider's answer is not JSON: {begin}"})
    error = said.get("error") or (said if said.get("object") == "error" else None)
    choices = said.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    choice = choice if isinstance(choice, dict) else {}
    if not error and choice.get("error"):
        error = choice["error"]
    message = choice.get("delta") or choice.get("message")
    message = message if isinstance(message, dict) else {}
    usage = said.get("usage") or choice.get("usage")
    text, thinking = _content(message.get("content"))
    details = tuple(d for d in _list(message.get("reasoning_details")) if isinstance(d, dict))
    place = next((name for name in TEXT_FIELDS if _text(message.get(name))), "")
    reasoning = _text(message.get(place)) or thinking or "".join(_words(d) for d in details)
    return Chunk(
        model=_text(said.get("model")),
        text=text,
        reasoning=reasoning,
        # The blocks say it all: told twice, it would be sent back twice.
        reasoning_field="" if details else place,
        details=details,
        refusal=_text(message.get("refusal")),
        calls=tuple(_calls(message.get("tool_calls"))),
        finish=_text(choice.get("finish_reason")),
        usage=usage if isinstance(usage, dict) else None,
        error=_error(error) if error else None,
    )


def error_of(status: int, body: str) -> Said:
    """Word a refusal, in whatever form it came, as OpenAI's are."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, list) and said:
        said = said[0]  # Gemini's way
    about = said if isinstance(said, dict) else {"message": body.strip()}
    found = about.get("error") or about.get("detail") or about.get("message") or ""
    told = {name: value for name, value in _error(found).items() if value not in (None, "")}
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"message": f"HTTP {status}", "type": kind, "param": None, "code": None} | told


def _error(error: object) -> Said:
    if isinstance(error, dict):
        message = error.get("message")
        return {**error, "message": message if isinstance(message, str) else json.dumps(error)}
    return {"message": error if isinstance(error, str) else json.dumps(error)}


def _content(content: object) -> tuple[str, str]:
    """Return text and thinking: Mistral's content is a list of parts where a model thinks."""
    if isinstance(content, str):
        return content, ""
    text, thinking = "", ""
    for part in _list(content):
        if isinstance(part, dict) and part.get("type") == "thinking":
            thought = part.get("thinking")
            thoughts = [t.get("text") for t in _list(thought) if isinstance(t, dict)]
            thinking += _text(thought) or "".join(map(_text, thoughts))
        elif isinstance(part, dict):
            text += _text(part.get("text"))
    return text, thinking


def _calls(calls: object) -> Iterator[CallPiece]:
    for call in _list(calls):
        if not isinstance(call, dict):
            continue
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        arguments = function.get("arguments")
        if isinstance(arguments, dict | list):
            arguments = json.dumps(arguments)
        index = call.get("index")
        yield CallPiece(
            index if isinstance(index, int) else None,
            _text(call.get("id")),
            _text(function.get("name")),
            _text(arguments),
        )


def _words(detail: Said) -> str:
    return _text(detail.get("text")) or _text(detail.get("summary"))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
