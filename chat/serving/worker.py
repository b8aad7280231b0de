"""What gunicorn's accepting thread does without waiting: gather heads, and see peers off.

By itself its gthread worker gives each connection a thread, which waits for the request's
head, and for its answer to be read, for as long as the peer likes: with as many of those as
threads nothing answers any more. And it closes each connection on the accepting thread, which
waits up to two seconds for a peer that does not end its side: a peer every two seconds, and
nobody else gets in.
"""

from __future__ import annotations

import errno
import selectors
import socket
from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic
from typing import Any

from gunicorn.http import get_parser

_HEAD_WITHIN_S = 5.0  # from accepting, or from the first byte of a further request
_LINGER_S = 2.0  # for a peer to read its answer and end its side
_SEND_WITHIN_S = 10.0  # a piece of an answer; a file's are 8 KiB
_STOP_LINGER_S = 0.5  # the same, and for a further request, when the worker stops
_HEAD_END = b"\r\n\r\n"
_LIMIT_BYTES = 65_536  # of a head; a browser's are a hundredth of it
_CHUNK_BYTES = 8192


class Acceptor:
    """Stand between a gthread worker's accepting thread and its pool; all on that thread."""

    def __init__(self, worker: Any, *, closed: Callable[[], None]) -> None:
        """Take the place of the worker's own steps; before it runs.

        `closed` is called once, when the worker stops and nobody gets in any more.
        """
        self._worker = worker
        self._closed = closed
        self._set_accepting = worker.set_accept_enabled
        self._give_thread = worker.enqueue_req
        self._keep_alive = worker.finish_request
        self._sweep_pending = worker.murder_pending
        worker.set_accept_enabled = self.set_accepting
        worker.enqueue_req = self.take
        worker.finish_request = self.finish
        worker.murder_pending = self.sweep
        # Connections without a thread, and when each is due (monotonic seconds), in that
        # order. The first wait for the rest of a head, the others for their peer's end.
        self._arriving: dict[Any, float] = {}
        self._leaving: dict[Any, float] = {}
        self._stopping_since: float | None = None  # monotonic seconds

    def set_accepting(self, accepting: bool) -> None:
        """Begin or cease to let peers in; the worker's last call of this begins its stop."""
        self._set_accepting(accepting)
        if not (accepting or self._worker.alive or self._stopping_since):
            self._stopping_since = monotonic()
            self._closed()

    def take(self, conn: Any) -> None:
        """Give a connection a thread, now or once its next head is whole."""
        if conn.parser is None:
            conn.sock = _Socket(fileno=conn.sock.detach())
            conn.parser = get_parser(self._worker.cfg, conn.sock, conn.client)
        # A further request may have come right behind the one before.
        received = bytearray(conn.parser.unreader.take_buffered())

        def settle() -> None:
            if not _has_head(received):
                self._end(conn)
                return
            conn.parser.unreader.unread(bytes(received))
            conn.data_ready = True  # gunicorn need not wait for it
            self._give_thread(conn)

        self._wait(self._arriving, conn, received, settle, _HEAD_WITHIN_S)

    def finish(self, conn: Any, future: Future[Any]) -> None:
        """Keep a connection alive, or see its peer off, after a thread is done with it."""
        if not future.cancelled() and future.exception() is None and future.result():
            self._keep_alive(conn, future)
            return
        try:
            # Closed with bytes unread, the kernel would cut the end of the answer off.
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:  # the peer was first
            self._end(conn)
        else:
            self._wait(self._leaving, conn, None, lambda: self._end(conn), _LINGER_S)

    def sweep(self) -> None:
        """End what is late, or in the way of a stop; the worker calls this all the time."""
        self._sweep_pending()
        now = monotonic()
        stops_at = float("inf")
        if self._stopping_since is not None:
            stops_at = self._stopping_since + _STOP_LINGER_S
            for conn in self._worker.keepalived_conns:
                conn.timeout = min(conn.timeout, stops_at)
        for waiting in (self._arriving, self._leaving):
            while waiting:
                conn, due_at = next(iter(waiting.items()))
                if now < min(due_at, stops_at):
                    break
                self._forget(waiting, conn)
                self._end(conn)

    def _wait(
        self,
        waiting: dict[Any, float],
        conn: Any,
        head: bytearray | None,
        settle: Callable[[], None],
        within_s: float,
    ) -> None:
        """Read without waiting until there is a head, if one is wanted, or an end; then settle."""
        conn.sock.setblocking(False)
        if _read(conn.sock, head):
            settle()
            return

        def readable(_sock: socket.socket) -> None:
            if _read(conn.sock, head):
                self._forget(waiting, conn)
                settle()

        waiting[conn] = monotonic() + within_s
        self._worker.poller.register(conn.sock, selectors.EVENT_READ, readable)

    def _forget(self, waiting: dict[Any, float], conn: Any) -> None:
        self._worker.poller.unregister(conn.sock)
        del waiting[conn]

    def _end(self, conn: Any) -> None:
        self._worker.nr_conns -= 1
        conn.close()


class _Socket(socket.socket):
    """Bound the wait for a peer that asks and does not read: it would keep its thread."""

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send everything; a peer that takes too long for it counts as gone."""
        self.settimeout(_SEND_WITHIN_S)
        try:
            super().sendall(data, flags)
        except TimeoutError:
            raise BrokenPipeError(errno.EPIPE, "the peer does not read") from None
        finally:
            self.settimeout(None)


def _has_head(received: bytearray) -> bool:
    # gunicorn passes over one empty line before a request (RFC 9112, section 2.2).
    return received.find(_HEAD_END, 2 if received.startswith(b"\r\n") else 0) >= 0


def _read(sock: socket.socket, head: bytearray | None) -> bool:
    """Read what is there; tell whether that is a head, too much, or the peer's end."""
    try:
        for _ in range(_LIMIT_BYTES // _CHUNK_BYTES):  # others have their turn then
            if head is not None and (_has_head(head) or len(head) > _LIMIT_BYTES):
                return True
            data = sock.recv(_CHUNK_BYTES)
            if not data:
                return True
            if head is not None:
                head += data
    except BlockingIOError:
        return False
    except OSError:  # the peer broke it off
        return True
    return head is not None and _has_head(head)


def end_after_a_body(_worker: Any, request: Any) -> None:
    """Let a request with a body be its connection's last; pre_request of gunicorn.

    Nothing here reads bodies: gunicorn would wait for the rest of it on a thread.
    """
    if any(name in ("CONTENT-LENGTH", "TRANSFER-ENCODING") for name, _ in request.headers):
        request.force_close()
