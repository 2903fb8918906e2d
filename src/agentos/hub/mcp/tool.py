"""A tool of the hub as the SDK takes it: typed in and out, and short."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_type_hints

from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata
from mcp_types import CallToolResult, InputRequiredResult, TextContent, ToolAnnotations
from pydantic import PrivateAttr, TypeAdapter
from pydantic_core import to_json

from agentos.hub.mcp.catalog import CATALOG, ToolFacts
from agentos.hub.mcp.schemas import compact


def tool(name: str, function: Callable[..., Any]) -> Tool:
    """Make a tool of a function.

    Args:
        name: Its name in the catalog.
        function: Its parameters are the input's schema, and the dataclass that it returns is the
            output's. A dataclass with a method `for_model` has words of its own for the model;
            others are shown as JSON.
    """
    facts = CATALOG[name]
    made = Tool.from_function(
        function,
        name=name,
        description=facts.description,
        annotations=_annotations(facts),
        structured_output=True,
    )
    known = made.fn_metadata
    assert known.output_schema is not None
    results = _Results(
        arg_model=known.arg_model, output_schema=compact(known.output_schema, output=True)
    )
    results._returns = TypeAdapter(get_type_hints(function)["return"])
    return made.model_copy(update={"parameters": compact(made.parameters), "fn_metadata": results})


def _annotations(facts: ToolFacts) -> ToolAnnotations:
    if facts.read_only:
        return ToolAnnotations(read_only_hint=True)  # the others say nothing of such a tool
    return ToolAnnotations(
        read_only_hint=False,
        destructive_hint=facts.destructive,
        idempotent_hint=facts.idempotent or None,
    )


class _Results(FuncMetadata):
    """Writes results without what is absent in them, and as short text."""

    _returns: TypeAdapter[Any] = PrivateAttr()

    def convert_result(self, result: Any) -> CallToolResult | InputRequiredResult:
        """Give a result its two forms."""
        if isinstance(result, CallToolResult | InputRequiredResult):
            return result
        structured = self._returns.dump_python(result, mode="json", exclude_none=True)
        for_model = getattr(result, "for_model", None)
        text = for_model() if for_model else to_json(structured).decode()
        return CallToolResult(
            content=[TextContent(type="text", text=text)], structured_content=structured
        )
