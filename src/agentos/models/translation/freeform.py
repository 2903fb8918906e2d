"""The text of a freeform tool inside the JSON arguments of a function, as it comes."""

from __future__ import annotations

import json
import re

_HEAD = re.compile(r'\s*\{\s*"input"\s*:\s*"')
_LONGEST_HEAD = 64
#: What is whole of a JSON string: anything plain, and escapes, a pair of surrogates as one.
_WHOLE = re.compile(
    r'(?:[^"\\]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}'
    r"|\\u(?![dD][89abAB])[0-9a-fA-F]{4}|\\[^u])*"
)


class FreeformText:
    """Decode the string in `{"input": "..."}` piece by piece.

    Arguments in another form give nothing until `freeform_input` reads the whole of them.
    """

    def __init__(self) -> None:
        self._rest = ""
        self._inside = False
        self._over = False

    def feed(self, piece: str) -> str:
        """Hear the next piece, and give the text that is sure by now."""
        if self._over:
            return ""
        self._rest += piece
        if not self._inside:
            head = _HEAD.match(self._rest)
            self._over = head is None and len(self._rest) > _LONGEST_HEAD
            if head is None:
                return ""
            self._inside, self._rest = True, self._rest[head.end() :]
        whole = _WHOLE.match(self._rest)
        assert whole is not None
        self._rest = self._rest[whole.end() :]
        # An escape that no JSON has, or the end of the string.
        self._over = self._rest.startswith('"') or len(self._rest) > len(r"\ud83c\udf0d")
        try:
            return str(json.loads(f'"{whole[0]}"', strict=False))
        except ValueError:
            self._over = True
            return ""


def freeform_input(arguments: str) -> str:
    """Return the text in all of the arguments, as models word them."""
    try:
        # Models put line ends into strings as they are.
        given = json.loads(arguments, strict=False)
    except (ValueError, RecursionError):
        return arguments  # the text itself: what the tool's own description asks for
    if isinstance(given, dict):
        texts = [given["input"]] if "input" in given else list(given.values())
        if len(texts) == 1 and isinstance(texts[0], str):
            return texts[0]
    return given if isinstance(given, str) else arguments
