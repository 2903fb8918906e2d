"""Spans, sent to a real collector over HTTP."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from tests.hub.telemetry.conftest import QUICK
from tests.hub.telemetry.otlp import collector

from agentos.errors import ConfigInvalid
from agentos.hub.settings import HubSettings
from agentos.hub.telemetry import tracing
from agentos.hub.telemetry.event import HubEvent, Kind
from agentos.hub.telemetry.telemetry import Telemetry
from agentos.store import Store

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


def request(**about: object) -> HubEvent:
    return HubEvent(kind=Kind.HTTP, name="POST /mcp", at=AT, **about)  # type: ignore[arg-type]


async def test_a_call_is_a_child_of_its_request(light_store: Store) -> None:
    with collector() as received:
        settings = HubSettings(otlp_endpoint=received.endpoint)
        async with Telemetry(light_store, settings, pace=QUICK) as telemetry:
            telemetry.record(request(request_id="r1", duration_ms=4, client="codex"))
            telemetry.record(
                HubEvent(
                    kind=Kind.TOOL,
                    name="agentOS_fs_read",
                    outcome="outside_roots",
                    request_id="r1",
                    arguments={"path": "private.txt"},
                    at=AT,
                )
            )
            telemetry.record(HubEvent(kind=Kind.COMMAND, name="/ship"))
    assert {path for path, _ in received.requests} == {"/v1/traces"}
    served, called = received.spans()
    assert (served.name, called.name) == ("POST /mcp", "agentOS_fs_read")
    assert called.trace_id == served.trace_id
    assert called.parent_span_id == served.span_id
    assert served.end_time_unix_nano - served.start_time_unix_nano == 4_000_000
    assert served.start_time_unix_nano == int(AT.timestamp() * 1e9)
    about = {each.key: each.value.string_value for each in served.attributes}
    assert about["agentos.client"] == "codex"
    assert (called.status.code, called.status.message) == (2, "outside_roots")
    assert b"private.txt" not in received.requests[0][1].SerializeToString()
    [resource] = [r.resource for r in received.requests[0][1].resource_spans]
    names = {each.key: each.value.string_value for each in resource.attributes}
    assert names["service.name"] == "agentos-hub"


async def test_the_variable_names_the_collector_too(
    light_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collector() as received:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.endpoint)
        async with Telemetry(light_store, pace=QUICK) as telemetry:
            telemetry.record(request())
    assert len(received.spans()) == 1


async def test_a_collector_that_is_not_there_is_said_once_and_holds_nothing_up(
    light_store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "MOST_WAITING", 600)
    monkeypatch.setattr(tracing, "_FLUSH_TIMEOUT", 0.01)
    with socket.socket() as closed, caplog.at_level(logging.DEBUG, logger="opentelemetry"):
        closed.bind(("127.0.0.1", 0))  # bound, not listening: every connection is refused
        settings = HubSettings(otlp_endpoint=f"http://127.0.0.1:{closed.getsockname()[1]}")
        async with Telemetry(light_store, settings, pace=QUICK) as telemetry:
            for _ in range(2000):
                telemetry.record(request())
            await telemetry.flush()
            assert telemetry.counts()["http", "POST /mcp", "ok"].count == 2000
    told = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert len([message for message in told if "traces" in message]) == 1
    assert len([message for message in told if "export" in message.lower()]) == 0
    assert telemetry.tracing_dropped == 2000


async def test_a_collector_that_never_answers_does_not_hold_up_the_end(
    light_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "_FLUSH_TIMEOUT", 0.01)
    monkeypatch.setattr(tracing, "_SEND_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = HubSettings(otlp_endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}")
        async with Telemetry(light_store, settings, pace=QUICK) as telemetry:
            telemetry.record(request())
            await telemetry.flush()
    assert telemetry.tracing_dropped == 1


async def test_without_opentelemetry_a_configured_endpoint_is_refused(
    light_store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tracing, "_EXPORTER", "opentelemetry_that_is_not_there")
    with pytest.raises(ConfigInvalid, match=r"agentos-vm\[otel\]"):
        async with Telemetry(light_store, HubSettings(otlp_endpoint="http://127.0.0.1:1")):
            pass
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    async with Telemetry(light_store) as telemetry:
        telemetry.record(request())
    assert "sends no traces" in caplog.text


def test_opentelemetry_is_imported_only_where_it_is_used() -> None:
    program = "import sys, agentos.hub.telemetry.routes; print('opentelemetry.sdk' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "False\n"
