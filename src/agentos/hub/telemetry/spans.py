"""An event as an OpenTelemetry span. Imports OpenTelemetry: import it where traces are sent."""

from __future__ import annotations

import hashlib
import secrets
from functools import cache
from importlib.metadata import version

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from agentos.hub.telemetry.event import OK, EventRecord, Kind


def span(record: EventRecord) -> ReadableSpan:
    """Return the span of a request or a call.

    The events of one request share a trace, and its calls are children of the request. Arguments
    stay here: even redacted, they are not for another machine.
    """
    request, call = _ids(record.request_id)
    http = record.kind == Kind.HTTP
    start = int(record.at.timestamp() * 1e9)
    return ReadableSpan(
        name=record.name,
        context=request if http else call,
        parent=None if http or not record.request_id else request,
        resource=_resource(),
        attributes=_attributes(record),
        kind=SpanKind.SERVER if http else SpanKind.INTERNAL,
        status=Status(StatusCode.OK)
        if record.outcome == OK
        else Status(StatusCode.ERROR, record.outcome),
        start_time=start,
        end_time=start + int(record.duration_ms * 1e6),
        instrumentation_scope=InstrumentationScope("agentos.hub", version("agentos-vm")),
    )


def _ids(request_id: str) -> tuple[SpanContext, SpanContext]:
    """Return the span of a request, and one of a call in it."""
    digest = hashlib.sha256(request_id.encode()).digest() if request_id else secrets.token_bytes(24)
    trace, request = int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])
    sampled = TraceFlags(TraceFlags.SAMPLED)
    return (
        SpanContext(trace or 1, request or 1, False, sampled),
        SpanContext(trace or 1, secrets.randbits(64) or 1, False, sampled),
    )


def _attributes(record: EventRecord) -> dict[str, str | int]:
    about: dict[str, str | int] = {
        "http.route" if record.kind == Kind.HTTP else "gen_ai.tool.name": record.name,
        "agentos.client": record.client,
        "agentos.project": record.project,
        "agentos.principal": record.principal,
        "agentos.outcome": record.outcome,
        "agentos.request_id": record.request_id,
        "http.request.body.size": record.bytes_in,
        "http.response.body.size": record.bytes_out,
    }
    return {name: value for name, value in about.items() if value != ""}


@cache
def _resource() -> Resource:
    return Resource.create(
        {"service.name": "agentos-hub", "service.version": version("agentos-vm")}
    )
