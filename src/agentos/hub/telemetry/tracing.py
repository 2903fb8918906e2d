"""Requests and tool calls as OpenTelemetry spans, where an endpoint is configured.

A span is made from a finished event, in a thread that also sends it. OpenTelemetry's own batch
processor is not used: its end can take half a minute, and it says of each batch that it failed.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from agentos.errors import ConfigInvalid
from agentos.hub.settings import HubSettings
from agentos.hub.telemetry.event import EventRecord, Kind

if TYPE_CHECKING:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

_logger = logging.getLogger(__name__)
VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
#: Spans that wait for the collector; what comes then is not sent.
MOST_WAITING = 2048
_BATCH = 512
_DELAY = 1.0
_SEND_TIMEOUT = 5.0
_FLUSH_TIMEOUT = 2.0
_EXPORTER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"


class Tracing:
    """Send what was recorded to a collector.

    Args:
        exporter: What sends.
        endpoint: Where to, for messages.

    Attributes:
        dropped: How many spans were not sent.
    """

    def __init__(self, exporter: OTLPSpanExporter, endpoint: str) -> None:
        self.dropped = 0
        self._exporter = exporter
        self._endpoint = endpoint
        self._waiting: deque[EventRecord] = deque()
        self._stirred = asyncio.Event()
        self._ending = asyncio.Event()
        self._failing = False

    @classmethod
    @asynccontextmanager
    async def of(cls, settings: HubSettings) -> AsyncIterator[Tracing | None]:
        """Trace for as long as the block runs, if an endpoint is configured.

        Raises:
            ConfigInvalid: `agentos.toml` names one, and OpenTelemetry is not installed.
        """
        endpoint = settings.otlp_endpoint or os.environ.get(VARIABLE)
        exporter = await asyncio.to_thread(_exporter, endpoint, settings) if endpoint else None
        if endpoint is None or exporter is None:
            yield None
            return
        tracing = cls(exporter, endpoint)
        async with asyncio.TaskGroup() as group:
            sender = group.create_task(tracing._send())
            try:
                yield tracing
            finally:
                tracing._ending.set()
                tracing._stirred.set()
                await asyncio.wait((sender,), timeout=_FLUSH_TIMEOUT)
                exporter.shutdown()  # type: ignore[no-untyped-call]  # what still tries, gives up

    def add(self, record: EventRecord) -> None:
        """Take an event, to be sent soon if it is a request or a call."""
        if record.kind not in (Kind.HTTP, Kind.TOOL):
            return
        if len(self._waiting) >= MOST_WAITING:
            self.dropped += 1
            return
        self._waiting.append(record)
        self._stirred.set()

    async def _send(self) -> None:
        while not (self._ending.is_set() and not self._waiting):
            await self._stirred.wait()
            await self._pause()
            self._stirred.clear()
            while self._waiting:
                size = min(len(self._waiting), _BATCH)
                batch = [self._waiting.popleft() for _ in range(size)]
                if not await asyncio.to_thread(self._export, batch):
                    self._failed(len(batch))
                    break
                self._failing = False
            if self._failing and self._ending.is_set():
                self.dropped += len(self._waiting)
                return

    def _export(self, batch: Sequence[EventRecord]) -> bool:
        from opentelemetry.sdk.trace.export import SpanExportResult

        from agentos.hub.telemetry.spans import span

        return self._exporter.export([span(record) for record in batch]) is SpanExportResult.SUCCESS

    def _failed(self, count: int) -> None:
        self.dropped += count
        if not self._failing:
            _logger.warning("traces do not reach %s; the hub goes on without", self._endpoint)
        self._failing = True

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(_DELAY):
                await self._ending.wait()
        except TimeoutError:
            pass


def _exporter(endpoint: str, settings: HubSettings) -> OTLPSpanExporter | None:
    try:
        module: Any = importlib.import_module(_EXPORTER)
    except ModuleNotFoundError as error:
        if settings.otlp_endpoint is None:  # the variable may be meant for other programs
            _logger.warning("%s is set, but the hub sends no traces: no %s", VARIABLE, error.name)
            return None
        raise ConfigInvalid(
            f"traces to {endpoint} need {error.name}", hint="pip install 'agentos-vm[otel]'"
        ) from error
    # It speaks of each attempt; that the collector is not there is said once, above.
    logging.getLogger(_EXPORTER).setLevel(logging.CRITICAL)
    exporter: OTLPSpanExporter = module.OTLPSpanExporter(
        endpoint=endpoint.rstrip("/") + "/v1/traces", timeout=_SEND_TIMEOUT
    )
    return exporter
