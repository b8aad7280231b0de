"""The pages, what browsers keep of them, and what machines ask.

`/`, `/r/<room>`; `/sw.js`, `/shell/…`, `/manifest.webmanifest`; `/status`, `/healthz`, `/metrics`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from flask import (
    Blueprint,
    Response,
    abort,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from chat.log import MessageLog, StorageUnavailable
from chat.names.rooms import clean_room, room_form
from chat.protocol import Refused
from chat.rooms.commands import Hub
from chat.rooms.registry import Registry
from chat.web.admission import Admission
from chat.web.shell import LANGUAGES, PAPER, Shell

_HOME = "general"

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types dompurify tchat-worker"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}

# Of those, what says something about a response that is no document. A page loads some seventy
# scripts and sheets: the others would be a third of what it costs.
_ALWAYS = {"X-Content-Type-Options"}
_NO_DOCUMENTS = {"text/css", "text/javascript"}


# The service worker fetches from here, and does nothing else.
_WORKER_POLICY = "default-src 'none'; connect-src 'self'; require-trusted-types-for 'script'"


def create_views(
    hub: Hub, log: MessageLog, registry: Registry, admission: Admission, shell: Shell
) -> Blueprint:
    """Make the blueprint of everything but the WebSocket."""
    blueprint = Blueprint("chat", __name__)
    metrics = _metrics(registry, admission)

    @blueprint.get("/")
    def home() -> Response:
        return _page(_HOME, shell.version)

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
        return _page(room, shell.version)

    # The page of no room, which stands in for any when there is no server. Its version is in
    # its address: a worker that keeps the page keeps the one that goes with its files.
    @blueprint.get(f"/shell/{shell.version}/<any({', '.join(LANGUAGES)}):language>")
    def empty_page(language: str) -> Response:
        with force_locale(language):
            return _page("", shell.version)

    @blueprint.get("/sw.js")
    def worker() -> Response:
        files = [url_for("static", filename=file) for file in shell.files]
        pages = {each: url_for("chat.empty_page", language=each) for each in LANGUAGES}
        kept = {
            "version": shell.version,
            "files": files,
            "pages": pages,
            "otherwise": LANGUAGES[0],
        }
        response = make_response(render_template("sw.js", kept=kept))
        response.mimetype = "text/javascript"
        response.cache_control.no_cache = True
        response.headers["Content-Security-Policy"] = _WORKER_POLICY
        return response

    @blueprint.get("/manifest.webmanifest")
    def manifest() -> Response:
        response = make_response(render_template("manifest.jinja", paper=PAPER["light"]))
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
        """Load nothing from elsewhere, be framed by nobody, tell nobody where one comes from."""
        is_part = request.endpoint == "static" and response.mimetype in _NO_DOCUMENTS
        for name, value in _HEADERS.items():
            if name in _ALWAYS or not is_part:
                response.headers.setdefault(name, value)
        return response

    return blueprint


def _page(room: str, version: str) -> Response:
    """Give a room's page in the reader's language; fresh each time, so that an update shows."""
    response = make_response(render_template("index.html", room=room, paper=PAPER, version=version))
    response.vary.add("Accept-Language")
    response.cache_control.no_cache = True
    return response


def _metrics(registry: Registry, admission: Admission) -> CollectorRegistry:
    collectors = CollectorRegistry()

    def gauge(name: str, meaning: str, value: Callable[[], float]) -> None:
        Gauge(f"tchat_{name}", meaning, registry=collectors).set_function(value)

    gauge("connected_users", "Members, and connections not joined yet", registry.connected_users)
    gauge("connections", "Open WebSockets", lambda: len(registry.connections()))
    gauge("connections_max", "WebSockets admitted at most", lambda: admission.limit)
    gauge("rooms", "Rooms with a connection here", lambda: len(registry.rooms()))
    return collectors
