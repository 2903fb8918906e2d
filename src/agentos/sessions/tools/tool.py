"""What callers say of a tool, and what a tool is told of its call."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Report = Callable[[str, Mapping[str, Any]], object]


@dataclass(frozen=True)
class Tool:
    """A function of yours that an agent may call, with more to say than its name.

    Args:
        function: Async, or sync, which runs in a thread of its own. Each parameter has a type
            hint; the docstring tells the agent what it does and what the parameters mean.
        name: By default the function's own.
        timeout: Seconds that a call may take. A sync function cannot be stopped: it runs on,
            and `ToolContext.cancelled` tells it.

    Example:
        `create_session(tools=[Tool(deploy, timeout=600)])`
    """

    function: Callable[..., Any]
    name: str | None = None
    timeout: float = 50.0


class ToolContext:
    """A running call, for a tool with a parameter of this type.

    Attributes:
        tool: The tool's name.
        cancelled: Whether nobody waits for the call any longer.

    Example:
        ```python
        def index(path: str, context: ToolContext) -> str:
            for done, file in enumerate(files := sorted(Path(path).iterdir()), start=1):
                if context.cancelled:
                    break
                context.progress(done, len(files), file.name)
        ```
    """

    def __init__(self, tool: str, report: Report) -> None:
        self.tool = tool
        self.cancelled = False
        self._report = report

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Tell how far the call is, as a `tool_progress` event; from any thread.

        Args:
            done: How much is done.
            total: How much there is to do, if that is known.
            message: What is being done.

        Raises:
            ValueError: `done` or `total` is no finite number.
        """
        for number in (done, total):
            if number is not None and not math.isfinite(number):
                raise ValueError(f"progress is told in finite numbers, not {number!r}")
        if not self.cancelled:
            told = {"tool": self.tool, "done": done, "total": total, "message": str(message)}
            self._report("tool_progress", told)
