"""Archives that hold an image as files: an OCI layout, or what `docker save` writes."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from agentos.errors import ChecksumMismatch
from agentos.machine.images.members import Member, invalid
from agentos.machine.images.streams import digest_of
from agentos.machine.layers.config import ImageConfig

_LARGEST_DOCUMENT = 8 * 2**20
_MOST_FILES = 100_000
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

Open = Callable[[str], IO[bytes]]


@dataclass(frozen=True, slots=True)
class PackedLayer:
    """A layer that is still packed.

    Attributes:
        name: The file in the bundle.
        diff_id: What its tar file has to hash to, or "".
    """

    name: str
    diff_id: str


@dataclass(frozen=True, slots=True)
class Packed:
    """An image that is still packed.

    Attributes:
        config: Its settings.
        layers: Its layers, the lowest first.
    """

    config: ImageConfig
    layers: tuple[PackedLayer, ...]


@contextlib.contextmanager
def opened_directory(path: Path) -> Iterator[Open]:
    """Give access to the files of a layout directory."""

    def open_file(name: str) -> IO[bytes]:
        if name.startswith("/") or ".." in name.split("/"):
            raise invalid(str(path), f"{name!r} leads out of it")
        try:
            return open(os.path.join(path, name), "rb")
        except FileNotFoundError:
            raise invalid(str(path), f"it lacks {name}") from None

    yield open_file


@contextlib.contextmanager
def opened_archive(file: IO[bytes], shown: str) -> Iterator[Open]:
    """Give access to the files of a tar file that is not compressed."""
    with tarfile.open(fileobj=file, mode="r:", tarinfo=Member) as archive:
        for count, _ in enumerate(archive):
            if count > _MOST_FILES:
                raise invalid(shown, f"it holds more than {_MOST_FILES} files")

        def open_file(name: str) -> IO[bytes]:
            for spelled in (name, f"./{name}"):
                with contextlib.suppress(KeyError):
                    if found := archive.extractfile(spelled):
                        return found
            raise invalid(shown, f"it lacks {name}")

        yield open_file


def read_layout(open_file: Open) -> Packed:
    """Read an OCI layout.

    Raises:
        ChecksumMismatch: A document is not what its digest says.
        MachineError: It is no layout, or it holds several images.
    """
    manifest = _find_manifest(open_file, _document(open_file, "index.json"))
    config = _document_of(open_file, manifest["config"])
    names = [_blob(layer["digest"]) for layer in manifest["layers"]]
    return _packed(config, names)


def read_docker_archive(open_file: Open) -> Packed:
    """Read what `docker save` writes.

    Raises:
        MachineError: It is no such archive, or it holds several images.
    """
    manifests = _document(open_file, "manifest.json")
    if len(manifests) != 1:
        raise invalid("the archive", f"it holds {len(manifests)} images; save one at a time")
    config = _document(open_file, manifests[0]["Config"])
    return _packed(config, manifests[0]["Layers"])


def check_blob(open_file: Open, name: str) -> None:
    """Compare a file with the digest that it is named after, if it is named so.

    Raises:
        ChecksumMismatch: It is another one.
    """
    if not name.startswith("blobs/sha256/"):
        return
    with open_file(name) as file:
        found = digest_of(file)
    if found != f"sha256:{name.rpartition('/')[2]}":
        raise ChecksumMismatch(f"{name} hashes to {found}")


def _document(open_file: Open, name: str) -> Any:
    with open_file(name) as file:
        text = file.read(_LARGEST_DOCUMENT + 1)
    if len(text) > _LARGEST_DOCUMENT:
        raise invalid(name, f"it is larger than {_LARGEST_DOCUMENT} bytes")
    return json.loads(text)


def _blob(digest: str) -> str:
    if not (match := _DIGEST.fullmatch(digest)):
        raise invalid("the image", f"{digest!r} is no SHA-256 digest")
    return f"blobs/sha256/{match[1]}"


def _document_of(open_file: Open, descriptor: Any) -> Any:
    name = _blob(descriptor["digest"])
    check_blob(open_file, name)
    return _document(open_file, name)


def _find_manifest(open_file: Open, index: Any, depth: int = 0) -> Any:
    """Follow the one manifest for this machine, through indexes of several platforms."""
    fitting = [entry for entry in index["manifests"] if _fits(entry.get("platform"))]
    if len(fitting) != 1 or depth > 3:
        raise invalid("the layout", f"it holds {len(fitting)} images for this machine, not one")
    document = _document_of(open_file, fitting[0])
    return _find_manifest(open_file, document, depth + 1) if "manifests" in document else document


def _fits(wanted: Any) -> bool:
    if not wanted:
        return True
    machine = platform.machine()
    here = _ARCHITECTURES.get(machine, machine)
    return (wanted.get("os"), wanted.get("architecture")) == ("linux", here)


def _packed(config: Any, names: list[str]) -> Packed:
    diff_ids = (config.get("rootfs") or {}).get("diff_ids") or [""] * len(names)
    if len(diff_ids) != len(names):
        raise invalid("the image", f"it has {len(names)} layers, and says {len(diff_ids)}")
    layers = zip(names, diff_ids, strict=True)
    return Packed(_settings(config.get("config") or {}), tuple(PackedLayer(*la) for la in layers))


def _settings(config: Any) -> ImageConfig:
    env = dict(setting.partition("=")[::2] for setting in config.get("Env") or [])
    directory = config.get("WorkingDir") or ""
    return ImageConfig(env, config.get("User") or "", "" if directory == "/" else directory)
