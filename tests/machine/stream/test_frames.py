"""Frames: what is written is read again, in whatever pieces it comes, and nonsense is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos.machine.protocol import REPLY_MAX
from agentos.machine.stream.frames import WINDOW, Frame, FrameKind, FrameReader, StreamBroken

numbers = st.integers(0, 2**32 - 1)
frames = st.one_of(
    st.builds(
        Frame,
        st.sampled_from([FrameKind.PACKET, FrameKind.DATA]),
        numbers,
        numbers,
        data=st.binary(max_size=200),
    ),
    st.builds(
        Frame,
        st.sampled_from([FrameKind.CREDIT, FrameKind.END, FrameKind.GONE, FrameKind.RESIZE]),
        numbers,
        numbers,
        numbers,
    ),
)


@given(st.lists(frames, max_size=8), st.integers(1, 50))
def test_frames_survive_any_cut(sent: list[Frame], piece: int) -> None:
    data = b"".join(frame.encode() for frame in sent)
    reader = FrameReader()
    heard = [f for i in range(0, len(data), piece) for f in reader.feed(data[i : i + piece])]
    assert [f.encode() for f in heard] == [f.encode() for f in sent]


@given(st.binary(max_size=400))
def test_nonsense_is_refused_or_waits_for_more(data: bytes) -> None:
    reader = FrameReader()
    try:
        heard = list(reader.feed(data))
    except StreamBroken:
        return
    assert sum(len(frame.encode()) for frame in heard) <= len(data)


@pytest.mark.parametrize(
    ("kind", "most"), [(FrameKind.PACKET, REPLY_MAX), (FrameKind.DATA, WINDOW)]
)
def test_a_frame_has_a_largest_size(kind: FrameKind, most: int) -> None:
    reader = FrameReader()
    assert len(list(reader.feed(Frame(kind, data=bytes(most)).encode()))) == 1
    with pytest.raises(StreamBroken, match=str(most + 1)):
        list(reader.feed(Frame(kind, data=bytes(most + 1)).encode()[:16]))
