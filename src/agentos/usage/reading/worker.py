"""Read files in a process of its own, since one processor is not enough for a gigabyte."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pickle
import signal
import sys
from typing import BinaryIO

from agentos.errors import AgentOsError
from agentos.usage.reading.scan import scanning
from agentos.usage.reading.wire import FRAME, packed
from agentos.usage.reading.work import Piece, read

#: Whoever writes down what is read has less time to lose.
_BEHIND = 5
#: Bytes that wait to be taken.
_AHEAD = 1 << 20


def main() -> None:
    """Read the jobs that come as one pickle, and write what they tell, piece by piece."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # then nobody takes what is read
    os.nice(_BEHIND)
    with contextlib.suppress(OSError, AttributeError):  # Linux has it, and bounds it for a user
        fcntl.fcntl(sys.stdout, fcntl.F_SETPIPE_SZ, _AHEAD)
    try:
        jobs = pickle.load(sys.stdin.buffer)
    except (EOFError, pickle.UnpicklingError):
        sys.exit(1)  # whoever began this has ended
    out = sys.stdout.buffer
    try:
        with scanning() as scanner:
            for job in jobs:
                for piece in read(job, scanner):
                    _write(out, piece)
                out.flush()
    except AgentOsError as error:
        sys.exit(str(error))


def _write(out: BinaryIO, piece: Piece) -> None:
    data = packed(piece)
    out.write(FRAME.pack(len(data)))
    out.write(data)
