"""What machines ask: `/status`, `/healthz`, `/metrics`."""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hmac import compare_digest
from ipaddress import ip_address
from typing import Any

from flask import Blueprint, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chat.config import Settings
from chat.log import MessageLog, StorageUnavailable
from chat.metrics import Metrics
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
    metrics: Metrics,
    build: Mapping[str, str],
) -> Blueprint:
    """Make the blueprint of what machines ask; `build` names the version and its parts."""
    blueprint = Blueprint("machines", __name__)
    collectors = CollectorRegistry()
    collectors.register(metrics)
    collectors.register(_Present(counts, log, build))
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
        return Response(generate_latest(collectors), content_type=CONTENT_TYPE_LATEST)

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


class _Present(Collector):
    """The gauges of now: what this worker knows, of all workers where they share it."""

    def __init__(self, counts: Counts, log: MessageLog, build: Mapping[str, str]) -> None:
        self._counts = counts
        self._log = log
        self._build = {**build, "python": platform.python_version()}

    def collect(self) -> Iterator[Metric]:
        """Give the numbers of now."""
        counts = self._counts
        yield _gauge(
            "connected_users", "Members, and connections not joined yet", counts.connected_users()
        )
        yield _gauge("members", "Members with a connection, each once", counts.members())
        yield _gauge("connections", "Open WebSockets", counts.connections())
        yield _gauge("connections_max", "WebSockets admitted at most", counts.connections_max())
        yield _gauge("rooms", "Rooms with a connection", counts.rooms())
        yield _gauge(
            "storage_available", "1 if messages can be stored and read, else 0", self._can_store()
        )
        if (usage := self._log.usage()) is not None:
            yield _gauge("database_bytes", "The size of the database", usage.used)
            if usage.free is not None:
                yield _gauge(
                    "database_free_bytes",
                    "Bytes that it may still take until posts are refused",
                    usage.free,
                )
        built = GaugeMetricFamily("tchat_build_info", "What serves", labels=list(self._build))
        built.add_metric(list(self._build.values()), 1)
        yield built

    def _can_store(self) -> bool:
        try:
            self._log.check()
        except StorageUnavailable:
            return False
        return True


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"tchat_{name}", meaning, value=value)
