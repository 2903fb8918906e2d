"""JSON as others wrote it."""

from __future__ import annotations

from typing import Any

import msgspec

_decoded = msgspec.json.Decoder().decode


def json_value(text: bytes) -> Any:
    """Return what a text says.

    Raises:
        ValueError: It is no JSON.
    """
    try:
        return _decoded(text)
    except msgspec.MsgspecError:
        from pydantic_core import from_json  # knows numbers without end, and takes long to import

        return from_json(text)
