"""Machines and terminals as JSON: what the routes take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

_Size = Annotated[str, StringConstraints(max_length=40)]
_Host = Annotated[str, StringConstraints(min_length=1, max_length=300)]
_Columns = Annotated[int, Field(ge=1, le=1000)]
HostPath = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^/[^\x00]*$")]
MachineId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]
#: Of the base64 that is typed at once.
LONGEST_INPUT = 1_400_000


class NetworkAccess(BaseModel):
    """What a machine may reach: what is allowed beside a preset."""

    model_config = ConfigDict(extra="forbid")

    mode: Literal["none", "packages", "agents", "open"] = "none"
    allow: tuple[_Host, ...] = ()


class MachineLimits(BaseModel):
    """What a machine may use up."""

    model_config = ConfigDict(extra="forbid")

    memory: _Size | int | None = None
    cpus: float | None = None
    pids: int | None = None


class NewMachine(BaseModel):
    """A machine to make; the workspace is a directory of this host that is copied in."""

    model_config = ConfigDict(extra="forbid")

    image: Annotated[str, StringConstraints(min_length=1, max_length=200)] = "host"
    isolation: Literal["namespace", "gvisor", "microvm", "landlock", "strong"] = "namespace"
    network: NetworkAccess | None = None
    limits: MachineLimits | None = None
    workspace: HostPath | None = None


class MachineStats(BaseModel):
    """What a machine uses: bytes, CPU seconds, processes."""

    memory: int
    memory_peak: int
    cpu_time: float
    cpu_throttled: float
    pids: int
    disk: int
    disk_limit: int
    enforced: dict[str, str]


class MachineState(BaseModel):
    """A machine that the hub owns, and the session that it is made for."""

    id: str
    session: str | None
    image: str
    isolation: str
    workspace: str | None
    created_at: datetime
    terminals: list[str]


class MachineDetail(MachineState):
    """A machine with what it uses now."""

    stats: MachineStats


class MachineList(BaseModel):
    """The machines that the hub owns, oldest first."""

    machines: list[MachineState]


class Command(BaseModel):
    """A command to run: words, or text for a shell; it is killed after `timeout` seconds."""

    model_config = ConfigDict(extra="forbid")

    argv: Annotated[list[str], Field(min_length=1, max_length=10_000)] | None = None
    command: Annotated[str, StringConstraints(min_length=1, max_length=1_000_000)] | None = None
    timeout: Annotated[float, Field(gt=0, le=3600)] = 60.0


class CommandResult(BaseModel):
    """What a command wrote, and its exit code."""

    stdout: str
    stderr: str
    exit_code: int


class TerminalSize(BaseModel):
    """The size of a terminal in characters."""

    model_config = ConfigDict(extra="forbid")

    columns: _Columns = 80
    rows: _Columns = 24


class TerminalOpened(BaseModel):
    """A terminal that has begun."""

    id: str


class Typed(BaseModel):
    """What is typed, in base64."""

    model_config = ConfigDict(extra="forbid")

    data: Annotated[str, StringConstraints(max_length=LONGEST_INPUT)]


class FileEntry(BaseModel):
    """A file of a machine."""

    name: str
    type: Literal["file", "directory", "link", "other"]
    size: int
    modified: datetime


class Listing(BaseModel):
    """A directory of a machine; `truncated` says whether there is more in it."""

    path: str
    entries: list[FileEntry]
    truncated: bool = False


class FileText(BaseModel):
    """A file of a machine; no text if it is none."""

    path: str
    text: str | None
    size: int
    truncated: bool
