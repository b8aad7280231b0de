"""What machines ask: `/status`, `/healthz`, `/metrics`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from chat.log import MessageLog, StorageUnavailable
from chat.rooms.commands import Hub
from chat.rooms.registry import Registry
from chat.web.admission import Admission


def create_machines(
    hub: Hub, log: MessageLog, registry: Registry, admission: Admission
) -> Blueprint:
    """Make the blueprint of what machines ask."""
    blueprint = Blueprint("machines", __name__)
    metrics = _metrics(registry, admission)

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


def _metrics(registry: Registry, admission: Admission) -> CollectorRegistry:
    collectors = CollectorRegistry()

    def gauge(name: str, meaning: str, value: Callable[[], float]) -> None:
        Gauge(f"tchat_{name}", meaning, registry=collectors).set_function(value)

    gauge("connected_users", "Members, and connections not joined yet", registry.connected_users)
    gauge("connections", "Open WebSockets", lambda: len(registry.connections()))
    gauge("connections_max", "WebSockets admitted at most", lambda: admission.limit)
    gauge("rooms", "Rooms with a connection here", registry.rooms_count)
    return collectors
