"""`AgentOs`: an isolated Linux machine in Python's hands."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import pathlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Self, Unpack

from agentos.config import data_dir
from agentos.errors import MachineError
from agentos.machine.branch_verbs import BranchVerbs
from agentos.machine.channel import PLACES, Channel
from agentos.machine.commands import SYSTEM_PATH
from agentos.machine.files import MachineNotStarted, Path
from agentos.machine.isolation.backends import (
    Backend,
    Isolation,
    RunningMachine,
    check,
    choose,
)
from agentos.machine.isolation.branch import Branch
from agentos.machine.isolation.offers import require
from agentos.machine.layers.config import ImageConfig
from agentos.machine.layers.host_image import Image, host_image
from agentos.machine.mounts import Mount, MountTable
from agentos.machine.mounts.verbs import MountVerbs
from agentos.machine.network import NetworkGateway, NetworkPolicy, Preset
from agentos.machine.network.decision_log import DecisionLog
from agentos.machine.network.doors import Inside
from agentos.machine.network.inside import InsideMachine
from agentos.machine.network.servers.verbs import ServerVerbs
from agentos.machine.schedules.verbs import ScheduleVerbs
from agentos.machine.session_verbs import SessionVerbs

if TYPE_CHECKING:
    from agentos.machine.layers.store import Snapshot
    from agentos.machine.limits.guard import Guard
    from agentos.machine.limits.limits import Limits, LimitWarning
    from agentos.machine.limits.stats import Stats
    from agentos.machine.network.questions import OnRequest
    from agentos.machine.settings import Settings
    from agentos.machine.watch import Watch
    from agentos.sessions import Session
    from agentos.sessions.ready import ReadyAgent

#: Where installed software appears in every machine.
SOFTWARE = "/opt/agentos"


class AgentOs(SessionVerbs, ScheduleVerbs, MountVerbs, BranchVerbs, ServerVerbs):
    """A computer of its own for an agent: isolated, made in milliseconds, gone when closed.

    Nothing of the host's environment is inherited. The home is `/home/agentos`, the user
    `agentos` (uid 1000); with `isolation="landlock"` the home is a private directory of the
    host, which `environment()` names, and the user is you.

    Args:
        image: What its root is made of; `"host"` is this host's own programs, read-only. Another
            name is an image that was built or imported, or a snapshot, which is what it was
            made of with the files of its machine.
        software: Installed software whose programs go on the machine's PATH, such as `"codex"`;
            what is missing is installed when the machine starts.
        isolation: `"namespace"`; `"gvisor"` or `"microvm"`, with a kernel of its own between its
            commands and the host's; `"strong"`, the best of these two that is here; or
            `"landlock"`, which hides less, only when asked for by name.
        network: What it may reach, as a policy or the name of a preset; by default nothing.
        env: Environment of every command.
        name: Its host name.
        mounts: Directories of the host, memory, secrets and objects that it starts with.
        limits: What it may use up; by default files up to half of the host's memory.
        on_warning: Called with a `LimitWarning` when 80 % of a limit are used, or it was hit.
        on_request: Asked once with a `NetworkRequest` about each host and port that no rule of
            the policy covers; answers `"allow"` or `"deny"`, at once or as a coroutine.
        root: Whether commands are to run as root inside. A machine has a root anyway when root
            makes it, or when its image came with files of root; on the host image, an ordinary
            user asks for it here, and the machine takes some 10 ms longer to start.

    Raises:
        IsolationUnavailable: This host does not have it (when started), or nothing does.

    Example:
        ```python
        async with AgentOs() as vm:
            await vm.write_file("hello.sh", "echo hello from $(hostname)")
            result = await vm.exec("sh hello.sh")
            print(result.stdout)
        ```
    """

    def __init__(
        self,
        *,
        image: str | Snapshot = "host",
        software: Sequence[str] = (),
        isolation: Isolation = "namespace",
        network: NetworkPolicy | Preset | None = None,
        env: Mapping[str, str] | None = None,
        name: str | None = None,
        mounts: Sequence[Mount] = (),
        limits: Limits | None = None,
        on_warning: Callable[[LimitWarning], object] | None = None,
        on_request: OnRequest | None = None,
        root: bool = False,
    ) -> None:
        check(isolation)
        if name is not None and (not name.isascii() or not 0 < len(name) <= 64 or "\0" in name):
            raise ValueError(f"a host name has 1 to 64 ASCII characters, not {name!r}")
        policy = _policy(network)
        wanted = {
            "image": image != "host",
            "root": root,
            "software": software,
            "name": name,
            "mounts": mounts,
            "network": policy is not None and not policy.allows_nothing,
            "disk": limits is not None and limits.disk is not None,
        }
        require(isolation, *(what for what, asked in wanted.items() if asked))
        self._chosen = image
        self.isolation = isolation
        self.name = name or "agentos"
        self.software = tuple(software)
        self.network = NetworkGateway(
            self._inside,
            policy,
            on_request=on_request,
            decision_log=DecisionLog(self.name),
        )
        self.limits = limits
        self._root = root
        self._on_warning = on_warning
        self._guard: Guard | None = None
        self._mounts = MountTable(tuple(mounts))
        self._env = dict(env or {})
        self._backend: Backend | None = None
        self._machine: RunningMachine | None = None
        self._left: set[asyncio.Future[None]] = set()
        self._image: Image | None = None
        self._path = SYSTEM_PATH
        self._closers: list[Callable[[MachineError], None]] = []
        self._openings: list[Callable[[], Awaitable[None]]] = []
        self._sessions: list[Session] = []
        self._ready_agent: ReadyAgent | None = None

    @property
    def _inside(self) -> Inside:
        return InsideMachine(self)

    @classmethod
    async def create(cls, **settings: Unpack[Settings]) -> Self:
        """Make a machine and start it; the caller closes it."""
        machine = cls(**settings)
        await machine.start()
        return machine

    async def start(self) -> None:
        """Start the machine; `async with` does it too."""
        if self._machine is not None:
            raise RuntimeError("a machine is started once")
        if self.software:
            await self._install()
        await self._start_on(self._find_image)

    def _find_image(self) -> Image:
        image = self._find_chosen()
        return _with_root(image) if self._root else image

    def _find_chosen(self) -> Image:
        if self._chosen == "host":
            return host_image()
        from agentos.machine.layers.store import LayerStore
        from agentos.machine.snapshots import image_of

        chosen = self._chosen
        return image_of(LayerStore().get(chosen) if isinstance(chosen, str) else chosen)

    async def _start_on(
        self, find_image: Callable[[], Image], branch: Branch | None = None
    ) -> None:
        try:
            if self.limits:
                from agentos.machine.limits.guard import Guard

                self._guard = Guard(self.limits, self._on_warning)
            self._machine = await self._boot(find_image, branch)
            await self.network.ensure_started()
        except BaseException:
            await self.close()
            raise

    async def _boot(
        self, find_image: Callable[[], Image], branch: Branch | None = None
    ) -> RunningMachine:
        def find() -> Image:
            self._image = self._image or find_image()
            return self._image

        self._backend = self._backend or await choose(self.isolation)
        start = functools.partial(
            self._backend,
            find,
            hostname=self.name,
            binds=((_shared_software(), SOFTWARE),),
            branch=branch,
            on_lost=self._on_lost,
        )
        machine = await (self._guard.start(start, branch) if self._guard else start())
        try:
            await self._mounts.attach_all(machine, self._machine)
        except BaseException:
            await machine.close()
            raise
        return machine

    async def _install(self) -> None:
        from agentos.software import ensure

        for installed in await ensure(self.software):
            programs = f"{SOFTWARE}/{installed.name}/{installed.version}/bin"
            if (installed.path / "bin").is_dir():
                self._path = f"{programs}:{self._path}"

    def _sibling(self) -> AgentOs:
        """Make a machine of the same settings, not yet started."""
        other = AgentOs(
            env=self._env,
            name=self.name,
            mounts=self.mounts,
            limits=self.limits,
            on_warning=self._on_warning,
            isolation=self.isolation,
            root=self._root,
        )
        other._backend = self._backend
        other.software, other._path = self.software, self._path
        other.network = self.network.beginning(other._inside, DecisionLog(other.name))
        return other

    def _keep_ready(self) -> None:
        """Let no wall time pass until `_bind`."""
        if self._guard is not None:
            self._guard.stop_clock()

    async def _bind(
        self,
        env: Mapping[str, str] | None,
        mounts: Sequence[Mount],
        network: NetworkPolicy | Preset | None,
    ) -> None:
        """Give a machine that was kept ready what its taker wants of it."""
        if self._guard is not None:
            self._guard.start_clock()
        self._env.update(env or {})
        for mount in mounts:
            await self.mount(mount)
        if network is not None:
            await self.network.apply(_policy(network))

    def _leave(self, machine: RunningMachine) -> None:
        """End the machine that this one was until a fork; only `close` waits for it."""
        machine.channel.on_lost = None
        ending = asyncio.ensure_future(machine.close())
        self._left.add(ending)
        ending.add_done_callback(self._left.discard)

    async def _until_left(self) -> None:
        if self._left:
            await asyncio.wait(self._left)

    def _on_lost(self, error: MachineError) -> None:
        for closer in self._closers:
            closer(error)

    @property
    def channel(self) -> Channel:
        """The control channel to the machine's init."""
        if self._machine is None:
            raise MachineNotStarted
        return self._machine.channel

    @property
    def _places(self) -> Mapping[str, str]:
        return PLACES if self._machine is None else self._machine.channel.places

    @property
    def commands(self) -> Channel:
        """The control channel to the init that runs its commands."""
        if self._machine is None:
            raise MachineNotStarted
        return self._machine.commands

    @property
    def running(self) -> RunningMachine:
        """The machine that runs now; a fork may replace it."""
        if self._machine is None:
            raise MachineNotStarted
        if self._image is None:
            raise self._machine.channel.lost or MachineError(
                "the machine was closed", code="machine_ended"
            )
        return self._machine

    @property
    def image(self) -> Image:
        """What it was made of."""
        if self._image is None:
            raise MachineNotStarted
        return self._image

    @property
    def _config(self) -> ImageConfig:
        return (self._image and self._image.config) or ImageConfig()

    @property
    def closed(self) -> bool:
        """Whether the machine has ended."""
        return self._machine is not None and self._machine.channel.lost is not None

    async def close(self) -> None:
        """End the machine with all that runs in it; nothing of it is left. Safe to repeat.

        What it wrote to mounts of objects is sent then.

        Raises:
            SyncConflict: Others changed the same objects.
            ObjectStoreError: The object store failed, and the error says where the files are.
        """
        async with contextlib.AsyncExitStack() as ends:  # each of them, whatever happens before
            ends.callback(self._unlock_image)
            if self._guard is not None:
                ends.push_async_callback(self._guard.close)
            ends.push_async_callback(self._mounts.close)
            ends.push_async_callback(self._until_left)
            if self._machine is not None:
                ends.push_async_callback(self._machine.close)
            ends.push_async_callback(self.network.close)
            for close in self._openings:
                ends.push_async_callback(close)
            ends.push_async_callback(self._end_ready_agent)
            for session in self._sessions:
                ends.push_async_callback(session.close)

    def _unlock_image(self) -> None:
        if self._image is not None:
            self._image.close()
            self._image = None

    async def __aenter__(self) -> Self:
        if self._machine is None or self.closed:
            await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def stats(self) -> Stats:
        """Measure what the machine uses, and say what holds it to its limits."""
        if self._guard is not None and not self.closed:
            return await self._guard.stats()
        from agentos.machine.limits.stats import stats_without_limits

        return await stats_without_limits(self.channel, self.commands)

    def watch(self, path: Path = ".", *, recursive: bool = True) -> Watch:
        """Watch for changes of files.

        Args:
            path: A directory, or one file.
            recursive: Whether directories below count too, also those that are made later.

        Returns:
            An asynchronous iterator of `FileChange`, best used with `async with`.
        """
        from agentos.machine.watch import Watch

        return Watch(self, path, recursive=recursive)


def _policy(network: NetworkPolicy | Preset | None) -> NetworkPolicy:
    return (
        network if isinstance(network, NetworkPolicy) else NetworkPolicy.preset(network or "none")
    )


def _shared_software() -> pathlib.Path:
    shared = data_dir() / "software"
    if not shared.is_dir():
        shared.mkdir(parents=True, exist_ok=True)
        shared.chmod(0o755)  # whatever the umask: a machine made by root looks in as nobody
    return shared


def _with_root(image: Image) -> Image:
    from agentos.machine.isolation.id_map import with_root

    try:
        return dataclasses.replace(image, ids=with_root(image.ids))
    except BaseException:
        image.close()
        raise
