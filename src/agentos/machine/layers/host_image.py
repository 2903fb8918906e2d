"""The `host` image: the host's own system directories, read-only, without its secrets.

Programs come from `/usr`, bound read-only. `/etc` is not the host's: it is made of the
entries in `ETC_TAKEN`, of which only files that every user may read are copied, and of a few
written for the machine. All else of the host is absent: `/home`, `/root`, `/var`, `/opt`,
`/srv`, `/mnt`, `/media`, `/run`, `/sys`, `/boot`.
"""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from agentos.config import data_dir
from agentos.errors import MachineError
from agentos.machine.isolation.id_map import IdMap
from agentos.machine.layers.config import ImageConfig

#: Directories of programs and libraries; a link among them (`/bin -> usr/bin`) stays a link.
SYSTEM_DIRECTORIES = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "nix/store")

#: What is taken from the host's `/etc`. Whatever is not named here is left out: shadow files,
#: ssh and TLS keys, `environment`, `gitconfig`, `pip.conf`, `npmrc`, apt and cloud credentials,
#: VPN and network configuration, `machine-id`, whatever else a package may put there.
ETC_TAKEN = (
    "alternatives",
    "bash.bashrc",
    "ca-certificates",
    "ca-certificates.conf",
    "crypto-policies",
    "debian_version",
    "fonts",
    "inputrc",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "locale.alias",
    "localtime",
    "magic",
    "mime.types",
    "os-release",
    "pki/ca-trust/extracted",
    "pki/tls/cert.pem",
    "pki/tls/certs",
    "profile",
    "protocols",
    "python3",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
    "rpc",
    "services",
    "ssl/cert.pem",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
    "timezone",
    "xattr.conf",
)

#: Places within `SYSTEM_DIRECTORIES` where package managers keep credentials: shown empty.
HIDDEN = ("/usr/etc", "/usr/local/etc")

#: Files that the machine has instead of the host's.
WRITTEN = {
    "etc/passwd": (
        "root:x:0:0:root:/root:/bin/sh\n"
        "agentos:x:1000:1000:AgentOS:/home/agentos:/bin/bash\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    ),
    "etc/group": "root:x:0:\ntty:x:5:\nagentos:x:1000:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost agentos\n::1 localhost ip6-localhost\n",
    "etc/hostname": "agentos\n",
    "etc/resolv.conf": "nameserver 198.18.0.1\noptions timeout:5 attempts:1\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}

#: Seconds after which a half-built image is nobody's.
_ABANDONED = 3600

_EMPTY = (
    "dev",
    "etc",
    "home",
    "opt/agentos",
    "proc",
    "run",
    "sys",
    "tmp",
    "var/cache",
    "var/lib",
    "var/log",
)

#: Of which the image is made, and places that it is made from: they tell whether it is up to date.
_TEMPLATE = repr((WRITTEN, ETC_TAKEN, _EMPTY))
_SOURCES = tuple(f"/etc/{name}" for name in ETC_TAKEN)


@dataclass(frozen=True, slots=True)
class Image:
    """What the root of a machine is built from.

    Attributes:
        lowers: Overlay layers, top first.
        binds: Host directories and where they appear, read-only.
        hidden: Directories inside that are shown empty.
        lock: A descriptor whose lock keeps the host image from being removed while it is open.
        held: Descriptors that do the same for the layers of a snapshot.
        layers: Ids of these layers, top first.
        ids: The ids that own the layers' files, and more if a root is asked for; None if there
            are no layers, and whatever ids will do.
        config: Settings of an image that stands on nothing of the host.
    """

    lowers: tuple[Path, ...]
    binds: tuple[tuple[Path, str], ...]
    hidden: tuple[str, ...]
    lock: int
    held: tuple[int, ...] = ()
    layers: tuple[str, ...] = ()
    ids: IdMap | None = None
    config: ImageConfig | None = None

    def copy(self) -> Image:
        """Return the image for one more machine; it is removed after the last was closed."""
        held = tuple(os.dup(fd) for fd in self.held)
        return dataclasses.replace(self, lock=os.dup(self.lock), held=held)

    def close(self) -> None:
        """Let go of the image."""
        for fd in (self.lock, *self.held):
            os.close(fd)


def host_image(host: Path = Path("/")) -> Image:
    """Return the image made of this host, rebuilt when the host's `/etc` has changed.

    Args:
        host: The root to take it from.
    """
    images = data_dir() / "images"
    path = images / f"host-{_fingerprint(host)}"
    lock = _lock_shared(path)
    if lock is None:
        _build(host, path)
        lock = _lock_shared(path)
        _remove_unused(images, keep=path)
    if lock is None:
        raise FileNotFoundError(2, "the image vanished while it was built", str(path))
    system = [name for name in SYSTEM_DIRECTORIES if _is_directory(f"{host}/{name}")]
    return Image(
        lowers=(path,),
        binds=tuple((host / name, f"/{name}") for name in system),
        hidden=tuple(path for path in HIDDEN if _is_directory(f"{host}{path}")),
        lock=lock,
    )


def _is_directory(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _fingerprint(host: Path) -> str:
    """Name the host's state. Every machine asks, so it is text and few calls, not paths."""
    top, lstat = str(host).rstrip("/"), os.lstat
    seen: list[object] = [_TEMPLATE]
    for name in _SOURCES:
        try:
            status = lstat(top + name)
        except OSError:
            continue
        seen += name, status.st_mtime_ns, status.st_size
    for name in SYSTEM_DIRECTORIES:  # present or not: their own changes need no new image
        try:
            seen += name, lstat(f"{top}/{name}").st_mode
        except OSError:
            continue
    return hashlib.blake2b(repr(seen).encode(), digest_size=10).hexdigest()


def _lock_shared(path: Path) -> int | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    fcntl.flock(fd, fcntl.LOCK_SH)
    try:
        current = os.stat(path)
    except FileNotFoundError:
        current = None
    if current and os.path.samestat(current, os.fstat(fd)):
        return fd
    os.close(fd)  # it was removed, or replaced, while we waited for the lock
    return None


def _build(host: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".new-", dir=path.parent))
    try:
        _fill(host, staging)
        _open_to_all(staging)
        try:
            staging.rename(path)
        except OSError:
            if not path.exists():  # another process was first, which is as good
                raise
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise MachineError(
            f"no space is left in {path.parent} for the image of this host",
            code="disk_full",
            hint="free some space, or let AGENTOS_DATA_DIR name a directory on a larger disk",
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _fill(host: Path, root: Path) -> None:
    for name in (*_EMPTY, *(hidden.lstrip("/") for hidden in HIDDEN)):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in SYSTEM_DIRECTORIES:
        source = host / name
        if source.is_symlink():
            (root / name).symlink_to(os.readlink(source))
        elif source.is_dir():
            (root / name).mkdir(parents=True, exist_ok=True)
    for name in ETC_TAKEN:
        _copy_public(host / "etc" / name, root / "etc" / name)
    for name, text in WRITTEN.items():
        (root / name).write_text(text)


def _open_to_all(root: Path) -> None:
    """Undo the caller's umask: in a machine made by root, nobody owns the image."""
    for directory, _, names in os.walk(root):
        os.chmod(directory, 0o755)
        for name in names:
            path = os.path.join(directory, name)
            if not os.path.islink(path):
                os.chmod(path, 0o644)


def _copy_public(source: Path, target: Path) -> None:
    """Copy what every user of the host may read; links stay links, and are never followed."""
    try:
        status = source.lstat()
    except FileNotFoundError:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_ISLNK(status.st_mode):
        target.symlink_to(os.readlink(source))
    elif stat.S_ISDIR(status.st_mode) and status.st_mode & 0o005 == 0o005:
        target.mkdir()
        for entry in source.iterdir():
            _copy_public(entry, target / entry.name)
    elif stat.S_ISREG(status.st_mode) and status.st_mode & 0o004:
        shutil.copyfile(source, target)


def _remove_unused(images: Path, keep: Path) -> None:
    """Remove host images that no machine holds a lock on, and what a killed build left."""
    for path in (*images.glob("host-*"), *images.glob(".old-*")):
        if path != keep:
            _remove_unless_locked(path)
    for path in images.glob(".new-*"):
        if time.time() - path.lstat().st_mtime > _ABANDONED:
            shutil.rmtree(path, ignore_errors=True)


def _remove_unless_locked(path: Path) -> None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Out of its place first: a removal that is cut short leaves nothing to mistake for it.
        aside = path.with_name(f".old-{path.name.lstrip('.')}-{os.getpid()}")
        path.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
    except (BlockingIOError, FileNotFoundError):
        return  # in use, or somebody else removes it
    finally:
        os.close(fd)
