"""The `/ws` route: admission and origin before the upgrade, then attach, read, detach."""

from __future__ import annotations

import logging
import re
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, g, request
from flask_sock import Sock

from chat.config import Settings
from chat.protocol import CloseCode
from chat.rooms.commands import Hub
from chat.rooms.limits import Abuse
from chat.sockets.connection import Connection
from chat.sockets.flusher import Flusher
from chat.web.admission import Admission
from chat.web.handshake import Handshake

_logger = logging.getLogger(__name__)

_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")  # 16 bytes in base64 (RFC 6455, section 4.1)


def create_ws(settings: Settings, hub: Hub, admission: Admission, flusher: Flusher) -> Blueprint:
    """Make the blueprint of the `/ws` route."""
    blueprint = Blueprint("ws", __name__)
    sock = Sock()

    @blueprint.before_request
    def admit() -> Response | None:
        """Refuse before the upgrade what must not be, and take a place for the rest."""
        if not _origin_allowed(settings):
            return _refusal(403, "This page may not connect here.")
        environ = request.environ  # RFC 6455, section 4.2.1
        if request.method != "GET" or environ["SERVER_PROTOCOL"] < "HTTP/1.1":
            return _refusal(400, "A WebSocket begins with GET and HTTP/1.1.")
        if not environ.get("HTTP_HOST"):
            return _refusal(400, "Host is missing.")
        if request.headers.get("Sec-WebSocket-Version") != "13":
            return _refusal(426, "WebSocket version 13 only.", {"Sec-WebSocket-Version": "13"})
        if not _KEY.fullmatch(request.headers.get("Sec-WebSocket-Key", "")):
            return _refusal(400, "Sec-WebSocket-Key is missing or malformed.")
        if hub.stopping or not admission.enter():
            return _refusal(503, "Full: try again later.", {"Retry-After": "5"})
        g.admitted = True
        return None

    @blueprint.errorhandler(OSError)
    def give_up(_error: OSError) -> Response:
        """Let go of a peer that was gone before the handshake ended."""
        return _refusal(400, "Gone.")

    @blueprint.teardown_request
    def give_back(_error: BaseException | None) -> None:
        if g.pop("admitted", False):
            admission.leave()

    @sock.route("/ws", bp=blueprint)  # type: ignore[untyped-decorator]
    def ws(handshake: Handshake) -> None:
        """Serve one connection from handshake to close; its thread receives."""
        connection = Connection(
            handshake.sock,
            flusher,
            outbox_bytes=settings.chat_outbox_bytes,
            ping_interval_s=settings.chat_ping_interval_s,
        )
        started_at = monotonic()
        with hub.attached(connection) as session:
            try:
                for text in connection.receive():
                    try:
                        hub.handle(session, text)
                    except Abuse as abuse:
                        connection.close(CloseCode.ABUSE, str(abuse))
            except Exception:
                # Escaping, it would write an HTTP 500 into the WebSocket's stream.
                _logger.exception("room %s member %s: a bug", session.room, session.member_id)
                connection.give_up()
            finally:
                connection.finish()
        # gunicorn's access log has no line for a connection that never was a response.
        _logger.info(
            "disconnect %s room %s member %s code %s after %.1f s",
            request.remote_addr,
            session.room,
            session.member_id,
            connection.close_code,
            monotonic() - started_at,
        )

    return blueprint


def _origin_allowed(settings: Settings) -> bool:
    """Compare a browser's Origin with our host; other programs send none (RFC 6455, 10.2)."""
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    try:
        host = urlsplit(origin).netloc
    except ValueError:
        return False
    # The scheme is left out: a proxy in front may speak TLS where we do not.
    return host.lower() == request.host.lower() or origin.lower() in settings.allowed_origins


def _refusal(status: int, sentence: str, headers: dict[str, Any] | None = None) -> Response:
    # Whoever asked for an upgrade sends no further request: the connection ends here.
    return current_app.response_class(
        f"{sentence}\n", status, {"Connection": "close", **(headers or {})}, mimetype="text/plain"
    )
