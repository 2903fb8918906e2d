"""What Prometheus is told: this process's requests and calls since it started."""

from __future__ import annotations

import platform
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector

from agentos.hub.telemetry.counts import Key
from agentos.hub.telemetry.event import Kind

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)


class Metrics:
    """Counters and histograms in a registry of their own."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        labels = {
            Kind.HTTP: ("http_requests", "route", "Requests"),
            Kind.TOOL: ("tool_calls", "tool", "Calls of tools"),
            Kind.PORTFOLIO_READ: ("portfolio_reads", "file", "Portfolio reads that were reported"),
            Kind.COMMAND: ("commands", "command", "Runs of skills that were reported"),
        }
        self._totals = {
            str(kind): Counter(
                f"agentos_hub_{name}", f"{words}.", (label, "outcome"), registry=registry
            )
            for kind, (name, label, words) in labels.items()
        }
        self._seconds = {
            str(kind): Histogram(
                f"agentos_hub_{name}_seconds",
                f"{words}: how long they took.",
                (label,),
                buckets=_SECONDS,
                registry=registry,
            )
            for kind, name, label, words in (
                (Kind.HTTP, "http_request", "route", "Requests"),
                (Kind.TOOL, "tool_call", "tool", "Calls of tools"),
            )
        }
        self.dropped = Counter(
            "agentos_hub_events_dropped", "Events that were not written down.", registry=registry
        )
        self.readers = Gauge(
            "agentos_hub_event_readers", "Who follows the log live.", registry=registry
        )
        build = Info("agentos_build", "What runs.", registry=registry)
        build.info({"version": version("agentos-vm"), "python": platform.python_version()})
        # Finding a child by its labels costs more than counting with it.
        self._counters: dict[Key, Counter] = {}
        self._histograms: dict[tuple[str, str], Histogram] = {}

    def observe(self, key: Key, duration_ms: float) -> None:
        """Count an event by kind, name and outcome."""
        counter = self._counters.get(key)
        if counter is None:
            if key[0] not in self._totals:
                return
            counter = self._counters[key] = self._totals[key[0]].labels(*key[1:])
        counter.inc()
        histogram = self._histograms.get(key[:2])
        if histogram is None:
            if key[0] not in self._seconds:
                return
            histogram = self._histograms[key[:2]] = self._seconds[key[0]].labels(key[1])
        histogram.observe(duration_ms / 1000)

    def text(self, accept: str = "") -> tuple[bytes, str]:
        """Return everything in the form that a scraper accepts, with its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type
