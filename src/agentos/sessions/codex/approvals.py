"""Codex's questions to the user, as permission requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentos.sessions.permissions import Answer, PermissionOption

_ONCE = PermissionOption("accept", "Allow once", "allow_once")
_SESSION = PermissionOption("acceptForSession", "Allow for this session", "allow_always")
_REJECT = PermissionOption("decline", "Reject", "reject_once")
_AMENDMENT = "acceptWithExecpolicyAmendment"

#: The questions that are permission requests.
COMMAND = "item/commandExecution/requestApproval"
FILES = "item/fileChange/requestApproval"
ELICITATION = "mcpServer/elicitation/request"


def options_of(method: str, params: Mapping[str, Any]) -> list[PermissionOption]:
    """Return the answers that a question has."""
    if method == ELICITATION:
        return [_ONCE, _REJECT]
    options = [_ONCE, _SESSION, _REJECT]
    if prefix := params.get("proposedExecpolicyAmendment"):
        name = f"Always allow commands that begin with `{' '.join(prefix)}`"
        options.insert(2, PermissionOption(_AMENDMENT, name, "allow_always"))
    return options


def call_of(
    method: str, params: Mapping[str, Any], calls: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    """Return the tool call that a question is about."""
    if method == ELICITATION:
        server = params["serverName"]
        return {
            "toolCallId": f"elicitation.{server}",
            "title": str(params.get("message") or f"mcp.{server}"),
            "kind": "other",
            "rawInput": {"server": server, "_meta": params.get("_meta")},
        }
    call = dict(calls.get(params["itemId"], {"toolCallId": params["itemId"]}))
    if reason := params.get("reason"):
        call["reason"] = reason
    return call


def response(method: str, params: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    """Put an answer into Codex's words; None calls the turn off."""
    if method == ELICITATION:
        action = {None: "cancel", "accept": "accept"}.get(answer, "decline")
        return {"action": action, "content": {} if action == "accept" else None}
    if answer is None:
        return {"decision": "cancel"}
    if answer == _AMENDMENT:
        amendment = {"execpolicy_amendment": params["proposedExecpolicyAmendment"]}
        return {"decision": {_AMENDMENT: amendment}}
    return {"decision": answer}
