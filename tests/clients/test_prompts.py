"""Prompts of more than text, as the model gets them from the real Codex."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

import pytest
from tests.clients.conftest import StageMaker

from agentos import AgentError, Step


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


#: A red pixel.
PNG = b"\x89PNG\r\n\x1a\n" + b"".join(
    (
        _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)),
        _chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")),
        _chunk(b"IEND", b""),
    )
)


async def test_images_files_and_links_reach_the_model(stage: StageMaker) -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "text", "text": "Look."},
        {"type": "image", "mimeType": "image/png", "data": base64.b64encode(PNG).decode()},
        {
            "type": "resource",
            "resource": {"uri": "file:///home/agentos/roses.txt", "text": "Red ones."},
        },
        {"type": "resource_link", "uri": "file:///home/agentos/tulips.txt", "name": "tulips"},
    ]
    async with stage(Step(say="I see.")) as s:
        assert (await s.session.prompt(blocks)).text == "I see."
        said = json.dumps(s.model.turns[0].body)
    assert "data:image/png;base64," in said
    for told in ("Look.", "Red ones.", "roses.txt", "/home/agentos/tulips.txt"):
        assert told in said


@pytest.mark.parametrize("block", [{"type": "image"}, {"type": "resource"}, {"text": "?"}, {}])
async def test_a_block_that_is_none_fails_its_turn_only(
    stage: StageMaker, block: dict[str, str]
) -> None:
    async with stage(Step(say="fine")) as s:
        with pytest.raises(AgentError):
            await s.session.prompt([block])
        assert (await s.session.prompt("And now?")).text == "fine"
