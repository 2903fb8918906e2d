"""The Python side of an interpreter, in the machine: `python3 -c` runs this text.

What it is asked arrives on stdin, a socket, which it puts out of the code's reach; the code has
the stdout and stderr of the process. Works with every Python 3.8 and later.
"""

from __future__ import annotations

import ast
import inspect
import json
import linecache
import os
import socket
import struct
import sys
import traceback
import types
from typing import Any

MOST_SHOWN = 10_000
_module = types.ModuleType("__main__")
_loop: list[Any] = []


def take_control() -> socket.socket:
    control = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.close(nothing)
    return control


def receive(control: socket.socket) -> Any:
    (size,) = struct.unpack(">I", receive_exactly(control, 4))
    return json.loads(receive_exactly(control, size))


def receive_exactly(control: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = control.recv(size - len(data))
        if not more:
            sys.exit()  # the host has let go
        data += more
    return data


def send(control: socket.socket, reply: object) -> None:
    data = json.dumps(reply).encode()
    control.sendall(struct.pack(">I", len(data)) + data)


def answer(request: Any, number: int) -> dict[str, Any]:
    try:
        vars(_module).update(request["inputs"])
        value = run(request["code"], f"<run {number}>")
        shown = "" if value is None else repr(value)[:MOST_SHOWN]
        return {"value": plain(value), "shown": shown, "error": None}
    except BaseException as error:  # noqa: BLE001 - whatever the code raises is its answer
        return {"value": None, "shown": "", "error": described(error)}
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()


def run(code: str, filename: str) -> Any:
    """Return the value of the last expression, if the code ends in one."""
    linecache.cache[filename] = (len(code), None, code.splitlines(True), filename)
    tree = ast.parse(code, filename)
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr):
        return execute(tree, filename, "exec")
    tree.body.pop()
    execute(tree, filename, "exec")
    return execute(ast.Expression(last.value), filename, "eval")


def execute(tree: ast.Module | ast.Expression, filename: str, mode: str) -> Any:
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(tree, filename, mode, flags, dont_inherit=True)
    result = eval(code, vars(_module))
    if not code.co_flags & inspect.CO_COROUTINE:
        return result
    if not _loop:
        import asyncio

        _loop.append(asyncio.new_event_loop())
    return _loop[0].run_until_complete(result)


def plain(value: object) -> object:
    """Return what JSON can say of a value, or None."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return None


def described(error: BaseException) -> dict[str, str]:
    trace = error.__traceback__
    while trace and not trace.tb_frame.f_code.co_filename.startswith("<run "):
        trace = trace.tb_next  # the frames of this file
    lines = traceback.format_exception(type(error), error, trace)
    return {"name": type(error).__name__, "message": str(error), "stack": "".join(lines)}


def main() -> None:
    control = take_control()
    sys.modules["__main__"] = _module
    sys.argv = [""]
    send(control, {})
    number = 0
    while True:
        number += 1
        send(control, answer(receive(control), number))


main()
