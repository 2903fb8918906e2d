"""A JSON-RPC message as the bridge sees it: what it is, and the headers that it travels with."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentos.hub.mcp.catalog import CATALOG

VERSION_HEADER = "mcp-protocol-version"
SESSION_HEADER = "mcp-session-id"
_VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
#: What a request is about, by the protocol's rule for the header `Mcp-Name`.
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


@dataclass(frozen=True)
class ClientMessage:
    """A request or notification of the client.

    Attributes:
        body: As it came.
        method: What it asks for.
        id: The request's id; None for a notification.
        params: What it says.
    """

    body: bytes
    method: str
    id: str | int | None
    params: Mapping[str, Any]

    @classmethod
    def read(cls, line: bytes) -> ClientMessage | None:
        """Read a line; None if it is a response, which a hub without state never asks for.

        Raises:
            ValueError: It is no JSON-RPC message.
        """
        said = json.loads(line)
        if not isinstance(said, dict):
            raise ValueError("a message is a JSON object")
        if "method" not in said:
            return None
        params = said.get("params")
        return cls(
            line, str(said["method"]), said.get("id"), params if isinstance(params, dict) else {}
        )

    @property
    def version(self) -> str | None:
        """The protocol's version if the message itself tells it, as since 2026."""
        meta = self.params.get("_meta")
        version = meta.get(_VERSION_KEY) if isinstance(meta, dict) else None
        return version if isinstance(version, str) else None

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again when nobody knows if it was carried out."""
        if self.method != "tools/call":
            return True  # all others ask
        facts = CATALOG.get(str(self.params.get("name")))
        return facts is not None and facts.repeatable

    @property
    def listens(self) -> bool:
        """Whether its answer is a stream without an end."""
        return self.method == "subscriptions/listen"

    def headers(self) -> dict[str, str]:
        """What the protocol wants a message of its newest version to be accompanied by."""
        version = self.version
        if version is None:
            return {}
        headers = {VERSION_HEADER: version, "mcp-method": _fit(self.method)}
        name = self.params.get(_NAMED.get(self.method, ""))
        if isinstance(name, str):
            headers["mcp-name"] = _fit(name)
        return headers


def response(id: str | int, result: Mapping[str, Any]) -> bytes:
    """Word the answer to a request."""
    return _encode({"jsonrpc": "2.0", "id": id, "result": result})


def error(id: str | int | None, code: int, message: str, data: object = None) -> bytes:
    """Word the failure of a request."""
    said = {"code": code, "message": message} | ({} if data is None else {"data": data})
    return _encode({"jsonrpc": "2.0", "id": id, "error": said})


def tool_error(id: str | int, code: str, message: str, hint: str) -> bytes:
    """Word the failure of a tool's call so that the model reads it."""
    said = _encode({"error": code, "message": message, "hint": hint}).decode()
    return response(id, {"content": [{"type": "text", "text": said}], "isError": True})


def _encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _fit(value: str) -> str:
    plain = value.isascii() and value.isprintable() and value == value.strip()
    if plain and not value.startswith("=?base64?"):
        return value
    return f"=?base64?{base64.b64encode(value.encode()).decode()}?="
