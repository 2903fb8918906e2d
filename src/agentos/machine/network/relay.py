"""Carry bytes between two sockets."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable

BUFFER_SIZE = 256 * 1024
PROBE_SECONDS = 60.0
_BURST = 4

Carried = Callable[[int], None]


async def relay(
    client: socket.socket,
    upstream: socket.socket,
    buffer: memoryview,
    *,
    sent: Carried,
    received: Carried,
    probe: float = PROBE_SECONDS,
) -> None:
    """Carry bytes both ways until both sides have ended their streams.

    A side that ends its stream goes on receiving (half-close). A side that
    does not read stops the reading from the other, so that at most one buffer
    waits for each direction. The sockets stay open; closing them is the
    caller's.

    Args:
        client: A connected, non-blocking socket.
        upstream: Another.
        buffer: Scratch space, which all relays of one event loop may share.
        sent: Called with each number of bytes that came from the client.
        received: Called with each number of bytes that came from upstream.
        probe: Every how many seconds to look for a peer that vanished unnoticed.

    Raises:
        OSError: One side broke.
    """
    finished = asyncio.get_running_loop().create_future()
    there = _Pipe(client, upstream, buffer, sent, finished)
    back = _Pipe(upstream, client, buffer, received, finished)
    there.other, back.other = back, there
    try:
        there.start()
        back.start()
        while not finished.done():
            # A reset goes unnoticed while nothing is read from that side.
            await asyncio.wait([finished], timeout=probe)
            if not finished.done():
                _raise_pending_error(client)
                _raise_pending_error(upstream)
        finished.result()
    finally:
        there.stop()
        back.stop()


def reset(sock: socket.socket) -> None:
    """Close a socket so that its peer sees a reset at once."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class _Pipe:
    """One direction: what the source has, the sink gets."""

    other: _Pipe

    def __init__(
        self,
        source: socket.socket,
        sink: socket.socket,
        buffer: memoryview,
        carried: Carried,
        finished: asyncio.Future[None],
    ) -> None:
        self._source, self._sink = source, sink
        self._buffer, self._carried, self._finished = buffer, carried, finished
        self._loop = finished.get_loop()
        self._rest = b""
        self.ended = False

    def start(self) -> None:
        self._loop.add_reader(self._source, self._read)

    def stop(self) -> None:
        self.ended = True
        self._loop.remove_reader(self._source)
        self._loop.remove_writer(self._sink)

    def _read(self) -> None:
        try:
            # Where more than one buffer waits, several go at once: each turn of the loop costs.
            for _ in range(_BURST):
                if self._carry() < len(self._buffer) or self._rest or self.ended:
                    break
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(error)
            return
        if self._rest:
            self._loop.remove_reader(self._source)
            self._loop.add_writer(self._sink, self._flush)

    def _carry(self) -> int:
        count = self._source.recv_into(self._buffer)
        if count:
            self._carried(count)
            self._send(self._buffer[:count])
        else:
            self._sink.shutdown(socket.SHUT_WR)
            self._end()
        return count

    def _flush(self) -> None:
        try:
            self._send(memoryview(self._rest))
        except OSError as error:
            self._fail(error)
            return
        if not self._rest:
            self._loop.remove_writer(self._sink)
            self._loop.add_reader(self._source, self._read)

    def _send(self, data: memoryview) -> None:
        try:
            count = self._sink.send(data)
        except (BlockingIOError, InterruptedError):
            count = 0
        # The buffer is shared: what cannot go now is copied out of it.
        self._rest = bytes(data[count:])

    def _end(self) -> None:
        self.stop()
        if self.other.ended and not self._finished.done():
            self._finished.set_result(None)

    def _fail(self, error: OSError) -> None:
        self.stop()
        if not self._finished.done():
            self._finished.set_exception(error)


def _raise_pending_error(sock: socket.socket) -> None:
    number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        raise OSError(number, os.strerror(number))
