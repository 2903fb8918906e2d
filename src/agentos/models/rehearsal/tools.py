"""The tool calls of a step, in the protocol that the request offers.

Codex decides by the model's name how the model calls its tools: as functions, with a
free-form `apply_patch` and other tools behind a search, or as JavaScript.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from agentos.models.rehearsal.request import ModelRequest
from agentos.models.rehearsal.scenario import McpCall, Step

# The longest that Codex lets a command run before it answers with what there is so far.
_YIELD_MS = 30_000

_JS_RUN = """\
const r = await tools.exec_command({arguments});
text(r.exit_code === undefined
  ? `Process running with session ID ${{r.session_id}}`
  : `Process exited with code ${{r.exit_code}}`);
text(r.output);
"""


def in_code_mode(request: ModelRequest) -> bool:
    """Whether the model acts by writing JavaScript."""
    return "exec" in request.offered_tools and "exec_command" not in request.offered_tools


def needs_search(call: McpCall, request: ModelRequest) -> bool:
    """Whether the tool has to be searched for before it can be called."""
    return (
        not in_code_mode(request)
        and "tool_search" in request.offered_tools
        and not is_offered(call, request)
    )


def is_offered(call: McpCall, request: ModelRequest) -> bool:
    """Whether the request offers the tool; code mode does not list them all, and may."""
    name = f"{_namespace(call.server)}.{_identifier(call.tool)}"
    return in_code_mode(request) or name in request.offered_tools


def search_item(call: McpCall) -> dict[str, Any]:
    """Make the search that brings the tool into reach."""
    query = f"{call.server} {call.tool}"
    return {
        "type": "tool_search_call",
        "execution": "client",
        "arguments": {"query": query, "limit": 8},
    }


def tool_items(step: Step, request: ModelRequest) -> list[dict[str, Any]]:
    """Make the tool calls of a step, in the order run, patch, call."""
    if in_code_mode(request):
        return [_custom("exec", source) for source in _javascript(step)]
    items = []
    if step.run is not None:
        items.append(_shell(step.run))
    if step.patch is not None:
        if "apply_patch" in request.offered_tools:
            items.append(_custom("apply_patch", step.patch))
        else:
            items.append(_shell(f"apply_patch <<'EOF'\n{step.patch.rstrip()}\nEOF"))
    if step.call is not None:
        name, arguments = _identifier(step.call.tool), step.call.arguments
        items.append(_function(name, arguments) | {"namespace": _namespace(step.call.server)})
    return items


def _javascript(step: Step) -> list[str]:
    scripts = []
    if step.run is not None:
        arguments = {"cmd": step.run, "yield_time_ms": _YIELD_MS}
        scripts.append(_JS_RUN.format(arguments=json.dumps(arguments)))
    if step.patch is not None:
        # A patch that does not apply throws, and Codex reports the script's failure.
        scripts.append(f"await tools.apply_patch({json.dumps(step.patch)});\ntext('Exit code: 0');")
    if step.call is not None:
        name = f"{_namespace(step.call.server)}__{_identifier(step.call.tool)}"
        scripts.append(f"text(await tools.{name}({json.dumps(step.call.arguments)}));")
    return scripts


def _shell(command: str) -> dict[str, Any]:
    return _function("exec_command", {"cmd": command, "yield_time_ms": _YIELD_MS})


def _function(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "function_call", "name": name, "arguments": json.dumps(arguments)}


def _custom(name: str, source: str) -> dict[str, Any]:
    return {"type": "custom_tool_call", "name": name, "input": source}


def _namespace(server: str) -> str:
    return f"mcp__{_identifier(server)}"


def _identifier(name: str) -> str:
    return re.sub(r"\W", "_", name, flags=re.ASCII)
