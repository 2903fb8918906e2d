"""Write `sessions/codex/messages.py`: the part of Codex's app-server protocol that is used.

The types come from `codex app-server generate-json-schema`; of each, only the fields listed here
are taken. A new Codex that renames, drops or retypes one of them changes the output, which a
test compares with the file that is checked in.

    python scripts/codex_messages.py PATH/TO/codex > src/agentos/sessions/codex/messages.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Schema = Mapping[str, Any]

#: What is taken of each type, by the names of its fields.
USED = {
    "ThreadStartParams": (
        "approvalPolicy config cwd developerInstructions model modelProvider sandbox"
    ),
    "ThreadResumeParams": (
        "approvalPolicy config cwd developerInstructions excludeTurns model modelProvider sandbox"
        " threadId"
    ),
    "ThreadForkParams": (
        "approvalPolicy config cwd developerInstructions excludeTurns model modelProvider sandbox"
        " threadId"
    ),
    "ThreadStartResponse": "model modelProvider reasoningEffort thread",
    "Thread": "id path",
    "TurnStartParams": "approvalPolicy effort input model threadId",
    "TurnStartResponse": "turn",
    "TurnInterruptParams": "threadId turnId",
    "Turn": "error id status",
    "TurnError": "additionalDetails codexErrorInfo message",
    "Model": "displayName hidden id inputModalities isDefault model supportedReasoningEfforts",
    "ReasoningEffortOption": "description reasoningEffort",
    "ModelListResponse": "data",
    "ItemStartedNotification": "item threadId turnId",
    "ItemCompletedNotification": "item threadId turnId",
    "AgentMessageDeltaNotification": "delta itemId threadId turnId",
    "PlanDeltaNotification": "delta itemId threadId turnId",
    "ReasoningSummaryTextDeltaNotification": "delta itemId summaryIndex threadId turnId",
    "ReasoningTextDeltaNotification": "contentIndex delta itemId threadId turnId",
    "CommandExecutionOutputDeltaNotification": "delta itemId threadId turnId",
    "TurnPlanUpdatedNotification": "explanation plan threadId turnId",
    "TurnPlanStep": "status step",
    "TurnCompletedNotification": "threadId turn",
    "ThreadTokenUsageUpdatedNotification": "threadId tokenUsage turnId",
    "ThreadTokenUsage": "last modelContextWindow total",
    "TokenUsageBreakdown": (
        "cacheWriteInputTokens cachedInputTokens inputTokens outputTokens reasoningOutputTokens"
        " totalTokens"
    ),
    "ThreadNameUpdatedNotification": "threadId threadName",
    "ErrorNotification": "error threadId turnId willRetry",
    "WarningNotification": "message threadId",
    "ConfigWarningNotification": "details path summary",
    "DeprecationNoticeNotification": "details summary",
    "McpServerStatusUpdatedNotification": "error name status threadId",
    "FileUpdateChange": "diff kind path",
    "CommandExecutionRequestApprovalParams": (
        "command cwd itemId proposedExecpolicyAmendment reason"
    ),
    "FileChangeRequestApprovalParams": "itemId reason",
    "McpServerElicitationRequestParams": "serverName threadId turnId",
}
#: What is taken of each kind of item.
ITEMS = {
    "agentMessage": "id text",
    "reasoning": "content id summary",
    "plan": "id text",
    "commandExecution": "aggregatedOutput command cwd exitCode id status",
    "fileChange": "changes id status",
    "mcpToolCall": "arguments error id result server status tool",
    "webSearch": "id query",
    "imageView": "id path",
    "contextCompaction": "id",
    "collabAgentToolCall": "id prompt status tool",
}
_HEAD = '''"""Messages of Codex's app-server, made by `scripts/codex_messages.py`; not to be edited.

Only the fields that are used are here; Codex sends more.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

#: The Codex whose protocol this is.
VERSION = "{version}"
'''
_SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


def generate(codex: str | Path) -> str:
    """Return the module for a Codex program."""
    said = subprocess.run([codex, "--version"], capture_output=True, check=True, text=True)
    with tempfile.TemporaryDirectory() as place:
        command = [codex, "app-server", "generate-json-schema", "--out", place]
        subprocess.run(command, capture_output=True, check=True)
        whole = json.loads(Path(place, "codex_app_server_protocol.schemas.json").read_text())
    types = {k: v for k, v in whole["definitions"].items() if k != "v2"}
    types |= whole["definitions"]["v2"]
    return _HEAD.format(version=said.stdout.split()[-1]) + "".join(_classes(types))


def _classes(types: Mapping[str, Schema]) -> Iterator[str]:
    for name, fields in USED.items():
        yield _class(name, types[name], fields.split(), types)
    kinds = {kind["properties"]["type"]["enum"][0]: kind for kind in _items(types["ThreadItem"])}
    for kind, fields in ITEMS.items():
        yield _class(_item_name(kind), kinds[kind], ["type", *fields.split()], types)


def _items(union: Schema) -> Iterator[Schema]:
    for kind in union["oneOf"]:
        if "enum" in kind.get("properties", {}).get("type", {}):
            yield kind


def _item_name(kind: str) -> str:
    return f"{kind[0].upper()}{kind[1:]}Item"


def _class(name: str, schema: Schema, fields: list[str], types: Mapping[str, Schema]) -> str:
    lines = [f"\n\nclass {name}(TypedDict):"]
    required = schema.get("required", [])
    for field in fields:
        kind = _type(schema["properties"][field], types)
        lines.append(f"    {field}: {kind if field in required else f'NotRequired[{kind}]'}")
    return "\n".join(lines) + "\n"


def _type(schema: Any, types: Mapping[str, Schema]) -> str:
    if schema is True or not schema:
        return "Any"
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return name if name in USED else _type(types[name], types)
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            return _union(_type(part, types) for part in schema[union])
    if "enum" in schema:
        return f"Literal[{', '.join(json.dumps(value) for value in schema['enum'])}]"
    kinds = schema.get("type", [])
    return _union(
        _plain(kind, schema, types) for kind in ([kinds] if type(kinds) is str else kinds)
    )


def _plain(kind: str, schema: Schema, types: Mapping[str, Schema]) -> str:
    if kind == "array":
        return f"list[{_type(schema.get('items', True), types)}]"
    if kind == "object":
        return "dict[str, Any]"
    return _SCALARS[kind]


def _union(parts: Iterator[str]) -> str:
    unique = list(dict.fromkeys(parts))
    return "Any" if "Any" in unique or not unique else " | ".join(unique)


if __name__ == "__main__":
    print(generate(sys.argv[1]), end="")  # noqa: T201
