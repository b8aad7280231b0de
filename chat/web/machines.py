"""What machines ask: `/status`, `/healthz`, `/metrics`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from hmac import compare_digest
from ipaddress import ip_address
from typing import Any

from flask import Blueprint, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from chat.config import Settings
from chat.log import MessageLog, StorageUnavailable
from chat.names.addresses import peer_address, peer_in_log
from chat.rooms.commands import Hub
from chat.rooms.counts import Counts
from chat.web.admission import Admission
from chat.web.errors import Refusal
from chat.web.origins import host_and_port
from chat.web.refusals import Refusals

# What proxies add. Whoever has one of these did not come from this machine, whatever it says.
_FORWARDED = ("HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP", "HTTP_X_FORWARDED_")


def create_machines(
    settings: Settings,
    hub: Hub,
    log: MessageLog,
    counts: Counts,
    admission: Admission,
    dropped_lines: Callable[[], int],
) -> Blueprint:
    """Make the blueprint of what machines ask."""
    blueprint = Blueprint("machines", __name__)
    metrics = _metrics(counts)
    metrics.register(_DroppedLines(dropped_lines))
    refusals = Refusals(logging.getLogger(__name__))

    @blueprint.get("/status")
    def status() -> dict[str, object]:
        return {
            "connected_users": counts.connected_users(),
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
        environ = request.environ
        is_near = settings.trusted_proxies == 0 and _is_from_here(environ)
        if not (is_near or _has_token(environ, settings.chat_metrics_token)):
            peer = peer_in_log(environ, settings.chat_log_addresses)
            refusals.note(
                "metrics",
                f"/metrics refused {peer} with 403: ask from this machine itself, without a proxy, "
                "or set CHAT_METRICS_TOKEN and send it (Authorization: Bearer …)",
            )
            raise Refusal(403, "From this machine, or with CHAT_METRICS_TOKEN.", {})
        return Response(generate_latest(metrics), content_type=CONTENT_TYPE_LATEST)

    return blueprint


def _is_from_here(environ: Mapping[str, Any]) -> bool:
    """Tell whether a program on this machine asks, and no proxy for somebody else.

    A proxy on this machine may add nothing, but it passes the name on under which it was asked:
    without that, no page could connect.
    """
    peer, host = peer_address(environ), host_and_port(environ.get("HTTP_HOST", "localhost"))
    return (
        peer != ""
        and ip_address(peer).is_loopback
        and not any(name.startswith(_FORWARDED) for name in environ)
        and host is not None
        and _is_loopback(host[0])
    )


def _is_loopback(name: str) -> bool:
    try:
        return name == "localhost" or ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _has_token(environ: Mapping[str, Any], token: str) -> bool:
    """Tell whether a request has the secret; how long that takes tells nothing of it."""
    scheme, _, given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    # In a header each byte is one character.
    is_same = compare_digest(given.strip().encode("latin-1", "replace"), token.encode())
    return token != "" and scheme.lower() == "bearer" and is_same


class _DroppedLines(Collector):
    """The counter of the log's lines that nobody read."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count

    def collect(self) -> Iterator[Metric]:
        """Give the number of now."""
        yield CounterMetricFamily(
            "tchat_dropped_log_lines", "Lines of the log that were not written", self._count()
        )


def _metrics(counts: Counts) -> CollectorRegistry:
    collectors = CollectorRegistry()

    def gauge(name: str, meaning: str, value: Callable[[], float]) -> None:
        Gauge(f"tchat_{name}", meaning, registry=collectors).set_function(value)

    gauge("connected_users", "Members, and connections not joined yet", counts.connected_users)
    gauge("connections", "Open WebSockets", counts.connections)
    gauge("connections_max", "WebSockets admitted at most", counts.connections_max)
    gauge("rooms", "Rooms with a connection", counts.rooms)
    return collectors
