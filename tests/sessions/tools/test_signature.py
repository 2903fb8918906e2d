"""What an agent is told of a function, and what its arguments may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from agentos.errors import ConfigInvalid
from agentos.sessions.tools import Tool, ToolContext
from agentos.sessions.tools.failures import CallFailed
from agentos.sessions.tools.signature import Signature, signatures_of


@dataclass
class Place:
    city: str
    floor: int = 0


def order(
    item: str, place: Place, context: ToolContext, count: int = 1, speed: Literal["a", "b"] = "a"
) -> None:
    """Order something.

    It is delivered.

    Args:
        item: What to order,
            by its name.
        count (int): How many.

    Returns:
        Nothing.
    """


def test_schema_comes_from_type_hints_and_docstring() -> None:
    signature = Signature.of(Tool(order))
    properties = signature.schema["properties"]
    assert signature.name == "order"
    assert signature.description.startswith("Order something.\n\nIt is delivered.")
    assert "by its name" not in signature.description
    assert properties["item"] == {"type": "string", "description": "What to order, by its name."}
    assert properties["count"] == {"type": "integer", "default": 1, "description": "How many."}
    assert properties["speed"]["enum"] == ["a", "b"]
    assert "context" not in properties
    assert signature.schema["required"] == ["item", "place"]
    assert signature.schema["additionalProperties"] is False


def test_arguments_become_what_the_function_takes() -> None:
    context = ToolContext("order", lambda *_: None)
    arguments = {"item": "tea", "place": {"city": "Ulm"}}
    values = Signature.of(Tool(order)).read(arguments, context)
    assert values == {"item": "tea", "place": Place("Ulm"), "context": context}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "item: Field required"),
        ({"item": "tea", "place": {"city": "Ulm"}, "count": "many"}, "count: Input should be"),
        ({"item": "tea", "place": {"city": "Ulm"}, "colour": "red"}, "colour: Extra inputs"),
        ({"item": "tea", "place": {"city": "Ulm"}, "context": 1}, "context: Extra inputs"),
        ({"item": "tea", "place": "Ulm"}, "place: Input should be"),
    ],
    ids=["missing", "wrong", "unknown", "context", "no-object"],
)
def test_arguments_that_do_not_fit(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(CallFailed, match=words) as caught:
        Signature.of(Tool(order)).read(arguments, ToolContext("order", lambda *_: None))
    assert caught.value.code == "tool_arguments_invalid"


def untyped(query):  # type: ignore[no-untyped-def]
    return query


def unknown(query: Nowhere) -> None:  # type: ignore[name-defined]  # noqa: F821
    ...


def no_json(query: Callable[[], int]) -> None: ...


def many(*queries: str) -> None: ...


def any_keyword(**queries: str) -> None: ...


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        (Tool(untyped), "'query' of the tool 'untyped' has no type hint"),
        (Tool(unknown), "type hints of the tool 'unknown' cannot be read"),
        (Tool(no_json), "'no_json' cannot be told to an agent"),
        (Tool(many), "'many' takes"),
        (Tool(any_keyword), "'any_keyword' takes"),
        (Tool(lambda: 1), "needs a name"),
        (Tool(order, name="two words"), "needs a name"),
        (Tool(order, timeout=0), "'order' has the timeout 0"),
        (Tool("order"), "is not a function"),  # type: ignore[arg-type]
    ],
    ids=lambda value: "" if isinstance(value, Tool) else str(value)[:20],
)
def test_functions_that_cannot_be_offered(tool: Tool, words: str) -> None:
    with pytest.raises(ConfigInvalid, match=words):
        Signature.of(tool)


@pytest.mark.parametrize("name", ["order", "or_der"])
def test_two_tools_with_one_name(name: str) -> None:
    other = Tool(lambda: 1, name=name.replace("_", "-"))
    with pytest.raises(ConfigInvalid, match="two tools have the name"):
        signatures_of([Tool(order, name=name), other])
