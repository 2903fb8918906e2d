"""Small images, put together of a few of this host's programs."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentos import IsolationUnavailable
from agentos.machine.isolation.id_map import choose_id_map


def _has_range() -> bool:
    try:
        return choose_id_map(root=True).has_root
    except IsolationUnavailable:
        return False


needs_ids = pytest.mark.skipif(not _has_range(), reason="`agentos doctor` says what root takes")
PROGRAMS = ("sh", "cat", "id", "ls", "stat", "env", "chown", "mkdir", "rm", "touch", "grep")


@dataclass(frozen=True)
class Entry:
    """A member of a tar file; a directory unless it has content, a link or a type."""

    name: str
    content: bytes | None = None
    link: str | None = None
    mode: int = 0o755
    owner: tuple[int, int] = (0, 0)
    type: bytes | None = None
    device: tuple[int, int] = (0, 0)

    def write(self, tar: tarfile.TarFile) -> None:
        member = tarfile.TarInfo(self.name)
        member.type = self.type or (tarfile.DIRTYPE if self.content is None else tarfile.REGTYPE)
        if self.link is not None:
            member.type, member.linkname = self.type or tarfile.SYMTYPE, self.link
        member.mode, member.size = self.mode, len(self.content or b"")
        (member.uid, member.gid), (member.devmajor, member.devminor) = self.owner, self.device
        tar.addfile(member, io.BytesIO(self.content or b""))


def tar_of(*entries: Entry) -> bytes:
    """Return the bytes of a tar file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for entry in entries:
            entry.write(tar)
    return out.getvalue()


def _libraries(program: str) -> set[str]:
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    return set(re.findall(r"(/\S+) \(0x", listed))


@pytest.fixture(scope="session")
def programs() -> list[Entry]:
    """Entries of a root with a few of this host's programs, and what they need."""
    found = {f"/bin/{name}": path for name in PROGRAMS if (path := shutil.which(name))}
    found |= {library: library for path in [*found.values()] for library in _libraries(path)}
    return [Entry(name[1:], Path(path).read_bytes()) for name, path in sorted(found.items())]


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory of the test's own."""
    directory = tmp_path / "data"
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(directory))
    return directory


def digest_of(content: bytes) -> str:
    """Return a digest as OCI writes it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Layout:
    """An OCI layout that is being written.

    Args:
        root: Its directory.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "blobs/sha256").mkdir(parents=True)
        (root / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def blob(self, content: bytes | Any) -> dict[str, Any]:
        """Write a blob, of a document its JSON; returns its descriptor."""
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        digest = digest_of(data)
        self.path(digest).write_bytes(data)
        return {"digest": digest, "size": len(data)}

    def path(self, digest: str) -> Path:
        return self.root / "blobs/sha256" / digest.partition(":")[2]

    def image(self, layers: list[bytes], **config: Any) -> dict[str, Any]:
        """Write an image; returns its manifest's descriptor."""
        document = {"config": config, "rootfs": {"diff_ids": [digest_of(la) for la in layers]}}
        packed = [self.blob(gzip.compress(layer, 1)) for layer in layers]
        return self.blob({"config": self.blob(document), "layers": packed})

    def index(self, *manifests: dict[str, Any]) -> Path:
        """Name the images; returns the layout's directory."""
        (self.root / "index.json").write_text(json.dumps({"manifests": list(manifests)}))
        return self.root


def here() -> dict[str, str]:
    """This machine's platform, as OCI names it."""
    names = {"x86_64": "amd64", "aarch64": "arm64"}
    return {"os": "linux", "architecture": names[platform.machine()]}


def tar_tree(root: Path, target: Path) -> Path:
    """Pack a directory."""
    with tarfile.open(target, "w") as tar:
        for path in sorted(root.rglob("*")):
            tar.add(path, path.relative_to(root))
    return target
