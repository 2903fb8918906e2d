"""Schemas are short, and still true."""

from __future__ import annotations

from pydantic import BaseModel, Field

from agentos.hub.mcp.schemas import compact


class Inner(BaseModel):
    """A part."""

    name: str
    note: str | None = Field(None, description="anything")


class Whole(BaseModel):
    """All of it."""

    parts: list[Inner]
    first: Inner
    count: int = 3
    on: bool = False
    mode: str | int | None = None


def test_an_input_keeps_what_a_caller_must_know() -> None:
    assert compact(Whole.model_json_schema()) == {
        "type": "object",
        "properties": {
            "parts": {"type": "array", "items": _inner(described=True)},
            "first": _inner(described=True),
            "count": {"type": "integer", "default": 3},
            "on": {"type": "boolean"},
            "mode": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        },
        "required": ["parts", "first"],
    }


def test_an_output_says_names_and_types_only() -> None:
    properties = compact(Whole.model_json_schema(), output=True)["properties"]
    assert properties["first"] == {
        "type": "object",
        "properties": {"name": {"type": "string"}, "note": {"type": "string"}},
    }
    assert properties["count"] == {"type": "integer"}


def _inner(*, described: bool) -> dict[str, object]:
    note = {"type": "string"} | ({"description": "anything"} if described else {})
    properties = {"name": {"type": "string"}, "note": note}
    return {"type": "object", "properties": properties, "required": ["name"]}
