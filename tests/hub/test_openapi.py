"""Whatever the OpenAPI document lets a client send, and what it does not: no 500."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from agentos.hub.app import create_app
from agentos.hub.hub import Hub
from agentos.hub.lifecycle.endpoint import open_endpoint
from agentos.hub.lifecycle.server import Server
from agentos.hub.settings import HubSettings

#: Of each route, valid ones and invalid ones.
EXAMPLES = 25
#: Of those that make machines.
FEWER = 5
MAKES = {("POST", "/api/v1/sessions"), ("POST", "/api/v1/machines")}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """Serve the hub with all its parts; return its URL, and headers that show the token."""
    place: Path = tmp_path_factory.mktemp("hub")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGENTOS_STORE_URL", f"sqlite:///{place}/agentos.db")
        patch.setenv("HOME", str(place / "user"))  # of whom clients' files are looked at
        patch.setenv("AGENTOS_HOME", str(place / "home"))
        patch.setenv("AGENTOS_STATE_DIR", str(place / "state"))
        patch.setenv("AGENTOS_DATA_DIR", str(place / "data"))
        (place / "home").mkdir()
        nowhere = '[usage]\nprices_url = "http://127.0.0.1:9/"\n'
        (place / "home" / "agentos.toml").write_text(nowhere)
        wanted = HubSettings(port=0, requests_per_minute=10**9)
        ready: Future[tuple[str, dict[str, str], Callable[[], object]]] = Future()
        thread = threading.Thread(target=lambda: asyncio.run(_serve(wanted, place, ready)))
        thread.start()
        url, headers, stop = ready.result(timeout=60)
        try:
            yield url, headers
        finally:
            stop()
            thread.join()


async def _serve(
    wanted: HubSettings,
    place: Path,
    ready: Future[tuple[str, dict[str, str], Callable[[], object]]],
) -> None:
    try:
        hub = Hub(wanted, place / "state", place / "home")
        app = create_app(hub)
        endpoint = open_endpoint(wanted, chosen=True)
        loop = asyncio.get_running_loop()
        headers = {"authorization": f"Bearer {hub.tokens.user()}"}

        def started() -> None:
            stop = lambda: loop.call_soon_threadsafe(server.stop)  # noqa: E731
            ready.set_result((endpoint.url, headers, stop))

        server = Server(app, hub, started)
        async with app.router.lifespan_context(app):
            await server.serve([endpoint.socket])
    except BaseException as error:
        if not ready.done():
            ready.set_exception(error)
        raise


def test_no_request_makes_the_hub_fail(hub: tuple[str, dict[str, str]]) -> None:
    url, headers = hub
    document = schemathesis.openapi.from_url(f"{url}/openapi.json", headers=headers)
    operations = list(document.get_all_operations())
    assert operations
    with requests.Session() as session:
        for found in operations:
            assert isinstance(found, Ok), found
            operation = found.ok()
            makes = (operation.method.upper(), operation.path) in MAKES
            count = FEWER if makes else EXAMPLES
            for mode in GenerationMode:
                _send(operation.as_strategy(generation_mode=mode), session, headers, count)


def _send(cases: Any, session: requests.Session, headers: dict[str, str], count: int) -> None:
    @given(case=cases)
    @settings(
        max_examples=count,
        deadline=None,
        phases=[Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Any) -> None:
        request = case.as_transport_kwargs(headers=headers)
        # Without its body, which of a stream of events has no end.
        with session.request(**request, stream=True, timeout=60) as answer:
            assert answer.status_code < 500, (request, answer.status_code, answer.text)

    try:
        check()
    except Unsatisfiable:
        pass  # of a route without parameters nothing can be wrong
