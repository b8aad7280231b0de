"""The `/ws` route: admission and origin before the upgrade, then attach, read, detach."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, g, request
from flask_sock import Sock
from wsproto.utilities import RemoteProtocolError

from chat.config import Settings
from chat.protocol import CloseCode
from chat.rooms.commands import Hub
from chat.rooms.limits import Abuse
from chat.sockets.connection import Connection
from chat.sockets.flusher import Flusher
from chat.web.admission import Admission

if TYPE_CHECKING:
    from simple_websocket import Server

_logger = logging.getLogger(__name__)

_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")  # 16 bytes in base64 (RFC 6455, section 4.1)


class _NoThread:
    """Start no thread: the route's own receives (`thread_class` of simple-websocket)."""

    def __init__(self, target: Callable[[], None]) -> None:
        del target
        self.name = "none"

    def start(self) -> None:
        """Leave the socket alone."""


class _NoEvent:
    """Signal nobody (`event_class` of simple-websocket)."""


#: For Flask-Sock: shake hands, and leave the rest to Connection.
SOCK_SERVER_OPTIONS = {"thread_class": _NoThread, "event_class": _NoEvent}


def create_ws(settings: Settings, hub: Hub, admission: Admission) -> Blueprint:
    """Make the blueprint of the `/ws` route."""
    blueprint = Blueprint("ws", __name__)
    sock = Sock()
    flusher = Flusher()

    @blueprint.before_request
    def admit() -> Response | None:
        """Refuse before the upgrade what must not be, and take a place for the rest."""
        if not _origin_allowed(settings):
            return _refusal(403, "This page may not connect here.")
        if request.headers.get("Sec-WebSocket-Version") != "13":
            return _refusal(426, "WebSocket version 13 only.", {"Sec-WebSocket-Version": "13"})
        if not _KEY.fullmatch(request.headers.get("Sec-WebSocket-Key", "")):
            return _refusal(400, "Sec-WebSocket-Key is missing or malformed.")
        if hub.stopping or not admission.enter():
            return _refusal(503, "Full: try again later.", {"Retry-After": "5"})
        g.admitted = True
        # No permessage-deflate: its state for each connection would cost memory and make
        # it impossible to encode a message once for all.
        request.environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
        return None

    @blueprint.errorhandler(RemoteProtocolError)
    def refuse(error: RemoteProtocolError) -> Response:
        """Refuse what only wsproto found wrong with the handshake."""
        return _refusal(400, f"{error}.")

    @blueprint.errorhandler(OSError)
    def give_up(_error: OSError) -> Response:
        """Let go of a peer that was gone before the handshake ended."""
        return _refusal(400, "Gone.")

    @blueprint.teardown_request
    def give_back(_error: BaseException | None) -> None:
        if g.pop("admitted", False):
            admission.leave()

    @sock.route("/ws", bp=blueprint)  # type: ignore[untyped-decorator]
    def ws(server: Server) -> None:
        """Serve one connection from handshake to close; its thread receives."""
        connection = Connection(
            server.sock,
            flusher,
            outbox_bytes=settings.chat_outbox_bytes,
            ping_interval_s=settings.chat_ping_interval_s,
        )
        server.connected = False  # from here on only Connection writes
        server.ws = None  # the handshake's parser: 3 KB for as long as the connection lasts
        started_at = monotonic()
        _logger.info("connect %s", request.remote_addr)  # gunicorn's access log has none
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
                connection.close(CloseCode.RESTARTING)
            finally:
                connection.finish()
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
