"""Halves of characters: JSON and file names may hold them, UTF-8 and so the store cannot.

JavaScript counts a character beyond U+FFFF as two, so that an agent that cuts a text there writes
each half by itself.
"""

from __future__ import annotations

import json
from typing import TypeVar

Json = TypeVar("Json")


def whole_characters(value: Json) -> Json:
    """Return JSON with a `?` for each half of a character."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        whole: Json = json.loads(text.encode(errors="replace"))
        return whole
    return value
