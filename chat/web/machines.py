"""What machines ask: `/status`, `/healthz`, `/metrics`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from chat.log import MessageLog, StorageUnavailable
from chat.rooms.commands import Hub
from chat.rooms.registry import Registry
from chat.web.admission import Admission


def create_machines(
    hub: Hub,
    log: MessageLog,
    registry: Registry,
    admission: Admission,
    dropped_lines: Callable[[], int],
) -> Blueprint:
    """Make the blueprint of what machines ask."""
    blueprint = Blueprint("machines", __name__)
    metrics = _metrics(registry, admission)
    metrics.register(_DroppedLines(dropped_lines))

    @blueprint.get("/status")
    def status() -> dict[str, object]:
        return {
            "connected_users": registry.connected_users(),
            "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "full": admission.full,
        }

    @blueprint.get("/healthz")
    def healthz() -> tuple[str, int]:
        if hub.stopping:
            return "stopping\n", 503
        try:
            log.check()
        except StorageUnavailable as problem:
            return f"{problem}\n", 503
        return "ok\n", 200

    @blueprint.get("/metrics")
    def metrics_page() -> Response:
        return Response(generate_latest(metrics), content_type=CONTENT_TYPE_LATEST)

    return blueprint


class _DroppedLines(Collector):
    """The counter of the log's lines that nobody read."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count

    def collect(self) -> Iterator[Metric]:
        """Give the number of now."""
        yield CounterMetricFamily(
            "tchat_dropped_log_lines", "Lines of the log that were not written", self._count()
        )


def _metrics(registry: Registry, admission: Admission) -> CollectorRegistry:
    collectors = CollectorRegistry()

    def gauge(name: str, meaning: str, value: Callable[[], float]) -> None:
        Gauge(f"tchat_{name}", meaning, registry=collectors).set_function(value)

    gauge("connected_users", "Members, and connections not joined yet", registry.connected_users)
    gauge("connections", "Open WebSockets", lambda: len(registry.connections()))
    gauge("connections_max", "WebSockets admitted at most", lambda: admission.limit)
    gauge("rooms", "Rooms with a connection here", registry.rooms_count)
    return collectors
