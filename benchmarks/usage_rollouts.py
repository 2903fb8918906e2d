"""Make rollouts as Codex writes them: compact JSON, each thread with its own times and ids."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

_CALLS_IN_TURN = 5
_TURNS = 60
_MODELS = ("gpt-5.5", "gpt-6-luna")
_NAMES = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
    "total_tokens",
)


@dataclass(slots=True)
class Made:
    """What was made.

    Attributes:
        files: How many.
        bytes: How much.
        calls: Calls in it.
        input: Their input tokens.
        output: Their output tokens.
    """

    files: int = 0
    bytes: int = 0
    calls: int = 0
    input: int = 0
    output: int = 0


def make_rollouts(home: Path, size: int, seed: int = 8) -> Made:
    """Write rollouts into a Codex home.

    Args:
        home: The home.
        size: About how many bytes.
        seed: The same one gives the same files.
    """
    chance = random.Random(seed)
    texts = [_text(chance, length) for length in (900, 2500, 6000, 14_000)]
    made = Made()
    begun = datetime(2026, 1, 5, 8, tzinfo=UTC)
    while made.bytes < size:
        begun += timedelta(minutes=chance.uniform(20, 90), milliseconds=made.files)
        thread = _Thread(chance, begun, texts)
        day = home / "sessions" / f"{begun:%Y/%m/%d}"
        day.mkdir(parents=True, exist_ok=True)
        data = b"".join(line.encode() + b"\n" for line in thread.lines(made))
        (day / f"rollout-{begun:%Y-%m-%dT%H-%M-%S}-{thread.id}.jsonl").write_bytes(data)
        made.files += 1
        made.bytes += len(data)
    return made


class _Thread:
    def __init__(self, chance: random.Random, begun: datetime, texts: list[str]) -> None:
        self._chance, self._at, self._texts = chance, begun, texts
        self.id = self._uuid7()
        self._ordinal = 0

    def lines(self, made: Made) -> Iterator[str]:
        yield self._line("session_meta", _meta(self.id, self._at))
        total = [0] * 6
        for turn in range(_TURNS):
            id = self._uuid7()
            model = _MODELS[turn // 20 % 2]
            yield self._line("event_msg", {"type": "task_started", "turn_id": id})
            yield self._line("turn_context", _context(id, model))
            yield self._line("response_item", _said("user", self._chance.choice(self._texts)))
            own = [0] * 6
            for _ in range(_CALLS_IN_TURN):
                yield from self._call(id, total, own, made)
            yield self._line("event_msg", {"type": "task_complete", "turn_id": id})

    def _call(self, turn: str, total: list[int], own: list[int], made: Made) -> Iterator[str]:
        read, written = self._chance.randrange(2000, 90_000), self._chance.randrange(20, 3000)
        used = [read, read * 2 // 3, 0, written, written // 3, read + written]
        for number, value in enumerate(used):
            total[number] += value
            own[number] += value
        made.calls += 1
        made.input += read
        made.output += written
        call = {"type": "function_call", "name": "exec_command", "call_id": f"call_{made.calls}"}
        yield self._line("response_item", {**call, "arguments": '{"cmd":"pytest -q"}'})
        yield self._line(
            "token_usage_record",
            {
                "thread_id": self.id,
                "turn_id": turn,
                "session_id": self.id,
                "root_turn_id": turn,
                "response_id": f"resp_{self._chance.getrandbits(96):024x}",
                "usage": _named(used),
                "turn_token_usage": _named(own),
                "thread_token_usage": _named(total),
            },
        )
        output = {"type": "function_call_output", "call_id": call["call_id"]}
        yield self._line("response_item", {**output, "output": self._chance.choice(self._texts)})
        info = {
            "total_token_usage": _named(total),
            "last_token_usage": _named(used),
            "last_usage_includes_reasoning": True,
            "model_context_window": 258_400,
        }
        limits = {"limit_id": "codex", "primary": None, "secondary": None, "plan_type": None}
        count = {"type": "token_count", "info": info, "rate_limits": limits}
        yield self._line("event_msg", count)
        item = {"type": "AgentMessage", "text": self._texts[0]}
        yield self._line("event_msg", {"type": "item_completed", "item": item})

    def _line(self, kind: str, payload: dict[str, object]) -> str:
        self._at += timedelta(milliseconds=self._chance.randrange(1, 4000))
        stamp = f"{self._at:%Y-%m-%dT%H:%M:%S}.{self._at.microsecond // 1000:03d}Z"
        ordinal, self._ordinal = self._ordinal, self._ordinal + 1
        data = {"timestamp": stamp, "ordinal": ordinal, "type": kind, "payload": payload}
        return json.dumps(data, separators=(",", ":"))

    def _uuid7(self) -> str:
        at = int(self._at.timestamp() * 1000)
        number = at << 80 | 7 << 76 | self._chance.getrandbits(76)
        return str(uuid.UUID(int=number & ~(3 << 62) | 2 << 62))


def _named(values: list[int]) -> dict[str, int]:
    return dict(zip(_NAMES, values, strict=True))


def _meta(id: str, at: datetime) -> dict[str, object]:
    return {
        "session_id": id,
        "id": id,
        "timestamp": at.isoformat().replace("+00:00", "Z"),
        "cwd": f"/home/dev/project-{int(id[-2:], 16) % 12}",
        "originator": "codex_cli_rs",
        "cli_version": "0.169.0",
        "source": "exec",
        "thread_source": "user",
        "model_provider": "openai",
        "base_instructions": {"text": "You work in a terminal. " * 600},
        "history_mode": "paginated",
    }


def _context(turn: str, model: str) -> dict[str, object]:
    return {
        "turn_id": turn,
        "root_turn_id": turn,
        "cwd": "/home/dev/project",
        "approval_policy": "never",
        "model": model,
        "sandbox_policy": {"type": "danger-full-access"},
    }


def _said(role: str, text: str) -> dict[str, object]:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}


def _text(chance: random.Random, length: int) -> str:
    """Return something like what tools print: words, quotes, line ends."""
    words = [
        "def",
        "test_usage",
        "assert",
        '"tokens"',
        "None",
        "path/to/file.py:12",
        "\n",
        "\t- ok",
    ]
    text = ""
    while len(text) < length:
        text += chance.choice(words) + " "
    return text[:length]
