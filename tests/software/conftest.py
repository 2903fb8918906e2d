"""Small real packages and a registry on loopback, for the real pip and npm."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.server
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agentos.config import data_dir
from agentos.software import Artifact, Package, ensure

Files = dict[str, tuple[bytes, int]]  # path -> content and mode


def sri(data: bytes, algorithm: str) -> str:
    digest = hashlib.new(algorithm, data).digest()
    return f"{algorithm}-{base64.b64encode(digest).decode()}"


def wheel(name: str, files: Files) -> bytes:
    info = f"{name}-1.0.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()
    tags = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    meta = {"METADATA": metadata, "WHEEL": tags, "RECORD": b""}
    everything = files | {f"{info}/{key}": (value, 0o644) for key, value in meta.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, (content, mode) in everything.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()


def tarball(files: Files) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, (content, mode) in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@dataclass
class Registry:
    """A package index for pip and for npm; downloads can be held or broken off half-way."""

    url: str = ""
    archives: dict[str, bytes] = field(default_factory=dict)
    dependencies: dict[str, object] = field(default_factory=dict)
    downloads: list[str] = field(default_factory=list)
    metadata_integrity: str | None = None
    breaks_off: bool = False
    hold: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)
    gone: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.hold.set()

    def pip_package(self, name: str, files: Files, **changes: object) -> Package:
        """Publish a wheel, and describe it for a catalog."""
        data = wheel(name, files)
        self.archives[f"{name}-1.0-py3-none-any.whl"] = data
        return _package(name, "pip", f"{name}==1.0", sri(data, "sha256"), data, files, changes)

    def npm_package(self, name: str, files: Files, **changes: object) -> Package:
        """Publish a tarball, and describe it for a catalog."""
        manifest = json.dumps({"name": name, "version": "1.0.0"}).encode()
        data = tarball({"package/package.json": (manifest, 0o644)} | files)
        self.archives[f"{name}-1.0.0.tgz"] = data
        return _package(name, "npm", f"{name}@1.0.0", sri(data, "sha512"), data, files, changes)

    def page(self, path: str) -> bytes | None:
        """Answer an index request of pip or npm."""
        name = path.strip("/").removeprefix("simple/").strip("/")
        for file, data in self.archives.items():
            if path.startswith("/simple/") and file == f"{name}-1.0-py3-none-any.whl":
                return f'<a href="{self.url}/files/{file}">{file}</a>'.encode()
            if file == f"{name}-1.0.0.tgz":
                dist = {
                    "tarball": f"{self.url}/files/{file}",
                    "integrity": self.metadata_integrity or sri(data, "sha512"),
                }
                needs = self.dependencies.get(name, {})
                version = {"name": name, "version": "1.0.0", "dist": dist, "dependencies": needs}
                listing = {"name": name, "dist-tags": {"latest": "1.0.0"}}
                return json.dumps(listing | {"versions": {"1.0.0": version}}).encode()
        return None


def _package(
    name: str,
    client: str,
    requirement: str,
    integrity: str,
    data: bytes,
    files: Files,
    changes: dict[str, object],
) -> Package:
    requires = changes.pop("requires", ())
    fields: dict[str, object] = {
        "client": client,
        "requirement": requirement,
        "integrity": integrity,
        "size": len(data),
        "unpacked": sum(len(content) for content, _ in files.values()),
        "keep": {path: path.split("/", 1)[1] for path in files},
    }
    artifact = Artifact(**(fields | changes))  # type: ignore[arg-type]
    return Package(name, "1.0", (artifact,), tuple(requires))  # type: ignore[arg-type]


def _handler(registry: Registry) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            file = self.path.removeprefix("/files/")
            data = registry.archives.get(file)
            body = registry.page(self.path) if data is None else data
            self.send_response(404 if body is None else 200)
            if self.path.startswith("/simple/"):
                self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(body or b"")))
            self.end_headers()
            half = len(body or b"") // 2 if data else 0
            self.wfile.write((body or b"")[:half])
            self.wfile.flush()
            if data is not None:
                registry.downloads.append(file)
                registry.arrived.set()
                if registry.breaks_off:
                    self.close_connection = True
                    return
                if not registry.hold.is_set():
                    self._wait()
            self.wfile.write((body or b"")[half:])

        def _wait(self) -> None:
            """Wait for the test, or for the client's end."""
            self.connection.settimeout(0.05)
            while not registry.hold.is_set():
                try:
                    if not self.connection.recv(1):
                        registry.gone.set()
                        return
                except TimeoutError:
                    continue
                except ConnectionResetError:
                    registry.gone.set()
                    return

        def log_message(self, format: str, *args: object) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:  # clients are killed on purpose here
                registry.gone.set()

    return Handler


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data directory."""
    path = tmp_path / "data"
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(path))
    return path


@pytest.fixture
def registry(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A registry on loopback that pip and npm are told to use."""
    registry = Registry()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(registry))
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    registry.url = f"http://127.0.0.1:{server.server_address[1]}"
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", f"{registry.url}/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("npm_config_registry", registry.url)
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield registry
    registry.hold.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def real_node() -> Path:
    """The real Node, from the data directory that all test runs share."""
    before = data_dir()
    [node] = asyncio.run(ensure(["node"]))
    assert node.path.is_relative_to(before)
    return node.path


@pytest.fixture
def node(real_node: Path, data: Path) -> Package:
    """A catalog's Node whose layer is the real one."""
    (data / "software" / "node").mkdir(parents=True)
    (data / "software" / "node" / real_node.name).symlink_to(real_node)
    return Package("node", real_node.name, ())
