"""The `/ws` route: admission and origin before the upgrade, then attach, read, detach."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from math import ceil
from time import monotonic
from typing import Any, NoReturn

from flask import Blueprint, Response, g, request
from flask_sock import Sock

from chat.config import Settings
from chat.metrics import LEFT, Metrics
from chat.names.addresses import is_forwarded, own_subscriber, peer_address, peer_in_log
from chat.names.rooms import room_in_log
from chat.protocol import CloseCode
from chat.rooms.amounts import Abuse
from chat.rooms.commands import Hub
from chat.rooms.ledger import Ledger
from chat.sockets.connection import Connection
from chat.sockets.flusher import Flusher
from chat.web.admission import Admission
from chat.web.application import WS_PATH
from chat.web.errors import Refusal
from chat.web.handshake import Handshake
from chat.web.origins import Origins
from chat.web.refusals import Refusals, quoted

_logger = logging.getLogger(__name__)

_NONE: Mapping[str, str] = {}
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")  # 16 bytes in base64 (RFC 6455, section 4.1)

# What the log says when a reverse proxy in front is the usual cause.
_HOST_HINT = (
    "let the reverse proxy pass Host on (nginx: proxy_set_header Host $http_host; Apache: "
    "ProxyPreserveHost On)"
)
_HTTP_HINT = (
    "it came with HTTP/1.0. Let the reverse proxy speak HTTP/1.1 (nginx: proxy_http_version 1.1;)"
)
_UPGRADE_HINT = (
    "Upgrade or Connection is missing. If it comes from a page: let the reverse proxy pass both on "
    "(nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header "
    'Connection "upgrade";)'
)
_PROXY_HINT = (
    "An address is limited whose requests come through a proxy: all visitors seem to have the "
    "proxy's. If it is yours, set TRUSTED_PROXIES=1"
)


def create_ws(
    settings: Settings,
    hub: Hub,
    admission: Admission,
    ledger: Ledger | None,
    flusher: Flusher,
    metrics: Metrics,
) -> Blueprint:
    """Make the blueprint of the `/ws` route; without a `ledger` no address is limited."""
    blueprint = Blueprint("ws", __name__)
    sock = Sock()

    origins = Origins(settings.allowed_origins, behind_proxy=settings.trusted_proxies > 0)
    refusals = Refusals(_logger)

    def peer() -> str:
        return peer_in_log(request.environ, settings.chat_log_addresses)

    def refuse(
        status: int, reason: str, sentence: str, line: str, headers: Mapping[str, str] = _NONE
    ) -> NoReturn:
        """Answer with a sentence, count the reason, and let the log say what would help."""
        metrics.refused_handshakes.add(1, reason)
        refusals.note(sentence, f"/ws refused {peer()} with {status}: {line}")
        raise _ended(status, sentence, headers)

    @blueprint.before_request
    def admit() -> None:
        """Refuse before the upgrade what must not be, and take a place for the rest."""
        environ = request.environ  # RFC 6455, section 4.2.1
        if request.method != "GET":
            line = f"a WebSocket begins with GET, not {quoted(request.method)}"
            refuse(405, "method", "A WebSocket begins with GET.", line, {"Allow": "GET"})
        if not _asks_for_upgrade(environ):
            refuse(400, "upgrade", "Upgrade or Connection is missing.", _UPGRADE_HINT)
        if environ["SERVER_PROTOCOL"] < "HTTP/1.1":
            refuse(400, "http_version", "A WebSocket begins with HTTP/1.1.", _HTTP_HINT)
        if not environ.get("HTTP_HOST"):
            refuse(400, "host", "Host is missing.", f"it has no Host: {_HOST_HINT}")
        if not origins.allow(environ):
            refuse(403, "origin", "This page may not connect here.", _foreign(environ))
        version = environ.get("HTTP_SEC_WEBSOCKET_VERSION", "")
        if version != "13":
            line = f"it speaks version {quoted(version)} of WebSocket. Only 13 is spoken here"
            headers = {"Sec-WebSocket-Version": "13"}
            refuse(426, "version", "WebSocket version 13 only.", line, headers)
        key = environ.get("HTTP_SEC_WEBSOCKET_KEY", "")
        if not _KEY.fullmatch(key):
            line = f"Sec-WebSocket-Key is {quoted(key)}. It is no browser's"
            refuse(400, "key", "Sec-WebSocket-Key is missing or malformed.", line)
        again = {"Retry-After": "5"}
        if hub.stopping:
            refuse(503, "stopping", "Stopping: try again later.", "the server stops", again)
        full = f"all {admission.limit} places are taken. CHAT_MAX_CONNECTIONS sets their number"
        if admission.full:
            refuse(503, "full", "Full: try again later.", full, again)
        if ledger is not None:
            account = ledger.account(peer_address(environ))
            if wait_s := account.open_ws():
                if settings.trusted_proxies == 0 and is_forwarded(environ):
                    refusals.note("forwarded", _PROXY_HINT)
                line = "its address has used up what the settings CHAT_ADDRESS_… allow one"
                again = {"Retry-After": str(ceil(wait_s))}
                refuse(429, "address", "Too many connections from your network.", line, again)
            g.account = account
        if not admission.enter():
            refuse(503, "full", "Full: try again later.", full, again)
        g.admitted = True
        try:
            admission.go_apart()
        except RuntimeError:
            line = "the machine has no thread left"
            refuse(503, "thread", "No thread: try again later.", line, again)

    @blueprint.errorhandler(OSError)
    def give_up(_error: OSError) -> Response:
        """Let go of a peer that was gone before the handshake ended."""
        return Response("Gone.\n", 400, {"Connection": "close"}, mimetype="text/plain")

    @blueprint.teardown_request
    def give_back(_error: BaseException | None) -> None:
        if g.pop("admitted", False):
            admission.leave()
        if account := g.pop("account", None):
            account.close_ws()

    @sock.route(WS_PATH, bp=blueprint)  # type: ignore[untyped-decorator]
    def ws(handshake: Handshake) -> None:
        """Serve one connection from handshake to close; its thread receives."""
        connection = Connection(
            handshake.sock,
            flusher,
            outbox_bytes=settings.chat_outbox_bytes,
            ping_interval_s=settings.chat_ping_interval_s,
            join_within_s=settings.chat_join_within_s if settings.limited else None,
        )
        started_at = monotonic()
        _logger.debug("connect %s", peer(), extra={"connection": connection.id})
        address = own_subscriber(request.environ, settings.trusted_proxies)
        with hub.attached(connection, g.get("account"), address) as session:
            try:
                for text in connection.receive():
                    try:
                        hub.handle(session, text)
                    except Abuse as abuse:
                        connection.close(CloseCode.ABUSE, str(abuse))
            except Exception:
                # Escaping, it would write an HTTP 500 into the WebSocket's stream.
                room = room_in_log(session.room)
                _logger.exception("room %s: a bug", room, extra=session.ids)
                connection.give_up()
            finally:
                connection.finish()
        code = connection.close_code
        metrics.closed.add(1, LEFT if connection.was_left or code is None else str(int(code)))
        # gunicorn's access log has no line for a connection that never was a response.
        _logger.info(
            "disconnect %s room %s code %s after %.1f s",
            peer(),
            room_in_log(session.room),
            code,
            monotonic() - started_at,
            extra=session.ids,
        )

    return blueprint


def _asks_for_upgrade(environ: Mapping[str, Any]) -> bool:
    """Tell whether Upgrade and Connection ask for a WebSocket."""
    asked = (("HTTP_CONNECTION", "upgrade"), ("HTTP_UPGRADE", "websocket"))
    return all(
        word in map(str.strip, environ.get(header, "").lower().split(",")) for header, word in asked
    )


def _foreign(environ: Mapping[str, Any]) -> str:
    """Say why a page is taken for another site's, and what to do if it is ours."""
    origin, host = quoted(environ["HTTP_ORIGIN"]), quoted(environ["HTTP_HOST"])
    if "://" not in origin:
        return f"the page is a file, or in a sandboxed frame: its origin is {origin}, not {host}"
    return (
        f"the page's origin is {origin}, but Host is {host}. If that page is yours: {_HOST_HINT}, "
        f"or set CHAT_ALLOWED_ORIGINS={origin}"
    )


def _ended(status: int, sentence: str, headers: Mapping[str, str]) -> Refusal:
    # Whoever asked for an upgrade sends no further request: the connection ends here. gunicorn
    # ignores this header; chat/serving/acceptor.py ends the connection.
    return Refusal(status, sentence, {"Connection": "close", **headers})
