"""The control socket: a Unix socket beside the database, on which the operator's commands come.

It answers what the server's address answers, and takes whoever asks for the operator: the file is
for the server's own user alone. A server with Redis has none: its commands are one more worker.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from _thread import start_new_thread
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from chat.web.api.calls import OPERATOR

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

_logger = logging.getLogger(__name__)

_LONGEST = 100  # bytes of an address; the systems allow 104 or 108
_BACKLOG = 16


def control_path(database: Path) -> Path:
    """Give where the control socket of a database is."""
    resolved = database.resolve()
    return resolved.with_name(f"{resolved.name}.sock")


@contextmanager
def address_of(path: Path) -> Iterator[str]:
    """Give the address of a Unix socket; a long path has a short one on Linux while this lasts."""
    if len(os.fsencode(path)) <= _LONGEST or not sys.platform.startswith("linux"):
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class _Handler(WSGIRequestHandler):
    """One request of a command; it logs nothing, because what is done is logged where it is."""

    def log_request(self, *_: Any) -> None:
        """Say nothing."""


class Control:
    """The control socket of the process that has the database."""

    def __init__(self, application: WSGIApplication, database: Path) -> None:
        """Prepare; nothing is opened yet."""
        self._application = application
        self._path = control_path(database)
        self._server: BaseWSGIServer | None = None

    def start(self) -> None:
        """Open the socket, and answer on threads of its own; in the process that has the log.

        Without it the server goes on: its log has a line.
        """
        if sys.platform == "win32":  # its Python knows no such sockets
            return
        try:
            listener = self._open()
        except OSError as error:
            _logger.warning("No command can reach this server: %s: %s", self._path, error)
            return
        with listener:
            self._server = make_server(
                f"unix://{self._path}",
                0,
                self._as_operator,
                threaded=True,
                request_handler=_Handler,
                fd=listener.fileno(),
            )
        # Without a threading.Thread, as for requests (chat/serving/threads.py).
        start_new_thread(self._accept, (self._server,))

    def close(self) -> None:
        """Answer no more, and take the file away, while the log is still this process's."""
        if self._server is None:
            return
        with suppress(OSError):
            self._path.unlink()
        with suppress(OSError):
            self._server.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts

    def _open(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # One that was left behind is nobody's: this process has the lock.
            self._path.unlink(missing_ok=True)
            with address_of(self._path) as address:
                listener.bind(address)
            self._path.chmod(0o600)
            listener.listen(_BACKLOG)  # nobody got in before
        except OSError:
            listener.close()
            raise
        return listener

    @staticmethod
    def _accept(server: BaseWSGIServer) -> None:
        while True:
            try:
                request, address = server.socket.accept()
            except OSError:  # it was closed
                return
            server.process_request(request, address)

    def _as_operator(
        self, environ: dict[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        return self._application({**environ, OPERATOR: True}, start_response)
