"""The pages, what browsers keep of them, and what machines ask.

`/`, `/r/<room>`; `/sw.js`, `/shell/…`, `/manifest.webmanifest`; `/status`, `/healthz`, `/metrics`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from flask import (
    Blueprint,
    Response,
    abort,
    make_response,
    redirect,
    render_template,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import force_locale, get_locale
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from chat.log import MessageLog, StorageUnavailable
from chat.names.rooms import clean_room, room_form
from chat.protocol import Refused
from chat.rooms.commands import Hub
from chat.rooms.registry import Registry
from chat.web.admission import Admission
from chat.web.headers import DOCUMENT, WORKER_POLICY
from chat.web.shell import LANGUAGES, PAPER, Shell

_HOME = "general"
_PAGES = 64  # kept as they were rendered, 20 KB each


def create_views(
    hub: Hub, log: MessageLog, registry: Registry, admission: Admission, shell: Shell
) -> Blueprint:
    """Make the blueprint of everything but the WebSocket."""
    blueprint = Blueprint("chat", __name__)
    metrics = _metrics(registry, admission)

    def render(room: str, language: str) -> str:
        with force_locale(language):
            return render_template("index.html", room=room, paper=PAPER, shell=shell)

    # Of the built page, nothing changes but the room's name and the language.
    html = lru_cache(_PAGES)(render) if shell.is_built else render

    def page(room: str) -> Response:
        """Give a room's page in the reader's language; fresh each time, so that an update shows."""
        response = make_response(html(room, str(get_locale())))
        response.vary.add("Accept-Language")
        response.cache_control.no_cache = True
        return response

    @blueprint.get("/")
    def home() -> Response:
        return page(_HOME)

    @blueprint.get("/r/<room>")
    def room(room: str) -> ResponseReturnValue:
        form = room_form(room)
        try:
            clean_room(form)
        except Refused:
            abort(404)
        if form == _HOME:
            return redirect(url_for("chat.home"), 308)
        if form != room:
            return redirect(url_for("chat.room", room=form), 308)
        return page(room)

    # The page of no room, which stands in for any when there is no server. Its version is in
    # its address: a worker that keeps the page keeps the one that goes with its files.
    @blueprint.get("/shell/<version>/<language>")
    def empty_page(version: str, language: str) -> Response:
        if version != shell.version or language not in LANGUAGES:
            abort(404)
        with force_locale(language):
            return page("")

    @blueprint.get("/sw.js")
    def worker() -> Response:
        if not shell.is_built:
            abort(404)
        kept = {
            "version": shell.version,
            "files": [f"/static/{name}" for name in shell.kept],
            "later": [f"/static/{name}" for name in shell.later],
            "pages": {each: f"/shell/{shell.version}/{each}" for each in LANGUAGES},
            "otherwise": LANGUAGES[0],
        }
        response = make_response(render_template("sw.js", kept=kept))
        response.mimetype = "text/javascript"
        response.cache_control.no_cache = True
        response.headers["Content-Security-Policy"] = WORKER_POLICY
        return response

    @blueprint.get("/manifest.webmanifest")
    def manifest() -> Response:
        response = make_response(
            render_template("manifest.jinja", paper=PAPER["light"], shell=shell)
        )
        response.mimetype = "application/manifest+json"
        response.vary.add("Accept-Language")
        response.cache_control.no_cache = True
        return response

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

    @blueprint.after_app_request
    def harden(response: Response) -> Response:
        for name, value in DOCUMENT.items():
            response.headers.setdefault(name, value)
        return response

    return blueprint


def _metrics(registry: Registry, admission: Admission) -> CollectorRegistry:
    collectors = CollectorRegistry()

    def gauge(name: str, meaning: str, value: Callable[[], float]) -> None:
        Gauge(f"tchat_{name}", meaning, registry=collectors).set_function(value)

    gauge("connected_users", "Members, and connections not joined yet", registry.connected_users)
    gauge("connections", "Open WebSockets", lambda: len(registry.connections()))
    gauge("connections_max", "WebSockets admitted at most", lambda: admission.limit)
    gauge("rooms", "Rooms with a connection here", lambda: len(registry.rooms()))
    return collectors
