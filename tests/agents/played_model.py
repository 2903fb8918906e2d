"""A model on loopback that speaks as Anthropic, as OpenAI's chat API, and as Google."""

from __future__ import annotations

import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

#: What the agents call their tool for commands.
_SHELLS = ("Bash", "bash", "run_shell_command")
#: How a tool's result comes back in the three protocols.
_RESULT = re.compile(r'"type": "tool_result"|"role": "tool"|"functionResponse"')

Event = tuple[str | None, dict[str, Any]]


@dataclass
class PlayedModel:
    """Asks for one command with the shell tool that it is offered, then says what it printed.

    Attributes:
        command: The command.
        bodies: The requests that offered tools.
        keys: What came as credentials.
    """

    command: str
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)

    def answer(self, path: str, body: dict[str, Any]) -> list[Event]:
        tools = [name for name in offered(body) if name in _SHELLS]
        said = json.dumps(body)
        if tools:
            self.bodies.append(body)
        call = None
        if tools and _RESULT.search(said) is None:
            call = (tools[0], {"command": self.command, "description": "Runs it"})
        text = "It says 42." if "seen-42" in said else "Nothing."
        return events_of(path, text, call)


def events_of(path: str, text: str, call: tuple[str, Any] | None) -> list[Event]:
    """Word a text, or a call of a tool, in the protocol of a path."""
    if path.endswith("/messages"):
        return _messages(text, call)
    if path.endswith("/chat/completions"):
        return _chat(text, call)
    return _google(text, call)


def offered(body: dict[str, Any]) -> list[str]:
    """Return the names of the tools that a request offers."""
    found = []
    for tool in body.get("tools") or []:
        for one in [*tool.get("functionDeclarations", []), tool.get("function", {}), tool]:
            found.append(str(one.get("name")))
    return found


def _messages(text: str, call: tuple[str, Any] | None) -> list[Event]:
    usage = {"input_tokens": 10, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "played"}
    begun: dict[str, Any] = {
        **message,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    if call:
        block = {"type": "tool_use", "id": "call_1", "name": call[0], "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(call[1])}
    else:
        block = {"type": "text", "text": ""}
        delta = {"type": "text_delta", "text": text}
    stop = {"stop_reason": "tool_use" if call else "end_turn", "stop_sequence": None}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    ]
    return [(event["type"], event) for event in events]


def _chat(text: str, call: tuple[str, Any] | None) -> list[Event]:
    function = {"name": call[0], "arguments": json.dumps(call[1])} if call else {}
    tool = {"index": 0, "id": "call_1", "type": "function", "function": function}
    delta = {"tool_calls": [tool]} if call else {"content": text}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "played"}
    reason = "tool_calls" if call else "stop"
    usage = {"prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17}
    first = {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": None}
    last = {"index": 0, "delta": {}, "finish_reason": reason}
    return [
        (None, {**chunk, "choices": [first]}),
        (None, {**chunk, "choices": [last]}),
        (None, {**chunk, "choices": [], "usage": usage}),
    ]


def _google(text: str, call: tuple[str, Any] | None) -> list[Event]:
    asked = {"functionCall": {"name": call[0], "args": call[1]}} if call else {"text": text}
    candidate = {"content": {"role": "model", "parts": [asked]}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 7, "totalTokenCount": 17}
    return [(None, {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "played"})]


def _handler(model: PlayedModel) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            path = self.path.partition("?")[0]
            for name in ("authorization", "x-api-key", "x-goog-api-key"):
                if name in self.headers:
                    model.keys.add(self.headers[name].removeprefix("Bearer "))
            if path.endswith(("/count_tokens", ":countTokens")):
                self._reply("application/json", b'{"input_tokens": 10, "totalTokens": 10}')
                return
            events = model.answer(path, body)
            if path.endswith(":generateContent"):
                self._reply("application/json", json.dumps(events[0][1]).encode())
                return
            lines = [
                (f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n"
                for name, data in events
            ]
            lines += ["data: [DONE]\n\n"] if path.endswith("/completions") else []
            self._reply("text/event-stream", "".join(lines).encode())

        def do_HEAD(self) -> None:
            self._reply("application/json", b"")

        def do_GET(self) -> None:
            self._reply("application/json", b"{}")

        def _reply(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:  # an agent was ended
                pass

    return Handler


@contextmanager
def played_model(command: str) -> Iterator[PlayedModel]:
    """Serve a model as long as the context lasts."""
    model = PlayedModel(command)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(model))
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    model.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
