"""The opening handshake of a WebSocket (RFC 6455, section 4.2).

Flask-Sock's route makes a `Server` of simple-websocket, which writes the request down once more
and lets h11 parse it: a third of what it costs to connect. gunicorn has parsed it already. The
route takes no other class than the `Server` in its own module, so `Handshake` takes that place.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from typing import Any

import flask_sock
from simple_websocket import Server
from wsproto.utilities import generate_accept_token

from chat.sockets.nonblocking import SEND_FLAGS

_ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\n"
    b"\r\n"
)


class Handshake(Server):  # type: ignore[misc]
    """A socket on which the request to upgrade was accepted; what follows is Connection's.

    Of what a Server has, Flask-Sock's route uses `mode` and `close`.
    """

    def __init__(self, environ: Mapping[str, Any]) -> None:
        """Accept the upgrade; without extensions and subprotocols.

        The request must have passed Werkzeug's routing, which looks at Upgrade and Connection,
        and `admit` in chat/web/socket.py. Raises OSError when the peer is gone.
        """
        # Server's own __init__ would parse, and start a thread that reads.
        self.mode = "gunicorn" if "gunicorn.socket" in environ else "werkzeug"
        self.sock: socket.socket = environ[f"{self.mode}.socket"]
        key = environ["HTTP_SEC_WEBSOCKET_KEY"].encode()
        answer = _ANSWER % generate_accept_token(key)
        # The first bytes on a new connection: the kernel has room for them.
        if self.sock.send(answer, SEND_FLAGS) < len(answer):
            raise BrokenPipeError(errno.EPIPE, "the peer does not read")

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        """Leave the socket alone: Connection has closed it."""


flask_sock.Server = Handshake
