"""gunicorn's threaded worker, with an accepting thread that never waits for a peer.

By itself a gthread worker gives each connection a thread, which waits for the request's head,
and for its answer to be read, for as long as the peer likes: with as many of those as threads
nothing answers any more. And it closes each connection on the accepting thread, which waits up
to two seconds for a peer that does not end its side: a peer every two seconds, and nobody else
gets in. Here the accepting thread gathers heads and sees peers off, all of them at once.

The methods that are overridden are gunicorn's own: a new gunicorn has to pass
`tests/serving/test_worker.py`.
"""

from __future__ import annotations

import re
import select
import selectors
import socket
from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic
from typing import Any

from gunicorn.http import get_parser
from gunicorn.workers.gthread import TConn, ThreadWorker

from chat import Chat
from chat.serving.limits import ANSWERED_AT_ONCE, CHECKED_AT_ONCE
from chat.serving.peer_socket import LIMIT_BYTES, PeerSocket, body_bytes, head_end
from chat.serving.spread import FULL, Place
from chat.serving.threads import RequestThreads
from chat.serving.waiting import Waiting
from chat.web.problems import API_PATH
from chat.web.refusals import SparingFilter

_HEAD_WITHIN_S = 5.0  # from accepting, or from the first byte of a further request
_BEYOND = 64  # sockets at a time that are more than their addresses may have
_BEYOND_WITHIN_S = 1.0  # for the head of a check, on such a socket
_LINGER_S = 2.0  # for a peer to read its answer and end its side
_STOP_LINGER_S = 0.5  # instead of _LINGER_S, and for a further request, when the worker stops
_SEND_WITHIN_S = 10.0  # 8 KiB more of an answer that the kernel did not take at once
_SEND_BYTES = 8192
_UNSENT_BYTES = 67_108_864  # of all such answers; then the slowest peers are ended
_AT_ONCE = 64  # peers that come, or that are late; then it is the others' turn
_ACCEPT_AGAIN_S = 1.0  # after it failed: a descriptor may be free then
_LEAVE_S = 0.1  # peers are left to workers that have fewer connections; then they may hang
_LOOK_EVERY_S = 0.005  # meanwhile, whether those have let them in
_HEAD_TOO_LARGE = f"A request is refused with 431: its head is over {LIMIT_BYTES} bytes"
_NO_THREAD = "The machine has no thread for a connection: it is closed"
# Headers of a request that is its connection's last: with a body, or asking for a WebSocket.
_LAST = frozenset(("CONTENT-LENGTH", "TRANSFER-ENCODING", "UPGRADE", "SEC-WEBSOCKET-KEY"))


class Acceptor(ThreadWorker):  # type: ignore[misc]
    """A worker's way with connections, from their coming to their end.

    `handle_request`, `handle_error` and `_serve` run on a request's own thread; all else runs on
    the accepting thread.
    """

    nr_conns: int  # accepted and not yet closed

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # For the rest of a head, for the peer to read, and for its end.
        self._arriving = Waiting(_HEAD_WITHIN_S, self._fail)
        # The same, of those that are more than their addresses may have: they may ask for a check.
        self._beyond = Waiting(_BEYOND_WITHIN_S, self._fail)
        self._sending = Waiting(_SEND_WITHIN_S, self._fail)
        self._leaving = Waiting(_LINGER_S, self._fail)
        self._unsent_bytes = 0  # of all in _sending
        self._more_are_late = False  # than were ended in the last turn
        self._stopping_since: float | None = None  # monotonic seconds
        self._accept_again_at = 0.0  # monotonic seconds
        self.place: Place | None = None  # beside other workers; the master gives it before the fork
        self._left_until: float | None = None  # monotonic seconds: peers, to other workers

    def get_thread_pool(self) -> RequestThreads[Any]:
        """Give each request a thread: few at a time, because only one of them computes."""
        self._checks = RequestThreads(CHECKED_AT_ONCE, self._serve)
        return RequestThreads(ANSWERED_AT_ONCE, self._serve)

    def load_wsgi(self) -> None:
        """Load the application, and take from it what the acceptor asks."""
        super().load_wsgi()
        # gunicorn writes a line for every request that it cannot read.
        self.log.error_log.addFilter(
            SparingFilter("Invalid request from ip=", _HEAD_TOO_LARGE, _NO_THREAD)
        )
        chat: Chat = self.wsgi.extensions["chat"]
        self._admission = chat.admission
        self._admission.go_apart = self.tpool.go_apart
        # Behind a proxy all peers are the proxy. It limits sockets itself: deploy/nginx.conf.
        behind_proxy = chat.settings.trusted_proxies > 0
        self._ledger = None if behind_proxy else chat.ledger
        prefix = re.escape(chat.settings.script_name.encode())
        self._reads_body = re.compile(rb"(?:\r\n)?[A-Z]+ (?:%b)?%b/" % (prefix, API_PATH.encode()))
        self._check = re.compile(rb"(?:\r\n)?(?:GET|HEAD) (?:%b)?/(?:healthz|status)[ ?]" % prefix)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or cease to let peers in; not for a second after that failed."""
        if enabled and monotonic() < self._accept_again_at:
            return
        super().set_accept_enabled(enabled)
        if enabled and self._left_until is not None:
            left_until, self._left_until = self._left_until, None
            for listener in filter(_has_peers, self.sockets):
                self._accept(listener, left_until)

    def accept(self, listener: socket.socket) -> None:
        """Accept those who wait; gunicorn takes one in each turn of its loop."""
        self._accept(listener, monotonic() + _LEAVE_S)

    def _accept(self, listener: socket.socket, leave_until: float) -> None:
        """Accept those who wait, but leave them to workers with fewer connections until then."""
        server = listener.getsockname()
        for _ in range(_AT_ONCE):
            if self.nr_conns >= self.worker_connections:
                return
            self._tell_others()
            if self.place is not None and self.place.is_ahead() and monotonic() < leave_until:
                self._left_until = leave_until
                self._accept_again_at = monotonic() + _LOOK_EVERY_S
                self.set_accept_enabled(False)
                return
            try:
                accepted, client = listener.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:  # no descriptor or no memory is left
                self.log.error("Nobody is let in for a second: %s", error)
                self._accept_again_at = monotonic() + _ACCEPT_AGAIN_S
                self.set_accept_enabled(False)
                return
            account, is_beyond = None, False
            if self._ledger is not None and isinstance(client, tuple):
                account = self._ledger.account(client[0])
                is_beyond = not account.open_socket()
            if is_beyond:
                account = None
                if len(self._beyond) == _BEYOND:
                    self._end(self._beyond.first(float("inf")))
            self.nr_conns += 1
            sock = PeerSocket(accepted, account, is_beyond=is_beyond)
            self.enqueue_req(TConn(self.cfg, sock, client, server))

    def _tell_others(self) -> None:
        """Tell the other workers how many connections this one has, or that it is full."""
        if self.place is not None:
            self.place.tell(FULL if self._admission.full else self.nr_conns)

    def enqueue_req(self, conn: Any) -> None:
        """Give a connection a thread, now or once its next request is there."""
        try:
            self._await_request(conn)
        except Exception as error:  # noqa: BLE001 -- logged by _fail
            self._fail(conn, error)

    def _await_request(self, conn: Any) -> None:
        # A further request may have come right behind the one before.
        is_first, is_beyond = conn.parser is None, conn.sock.is_beyond
        received = bytearray() if is_first else bytearray(conn.parser.unreader.take_buffered())

        def settle() -> None:
            if len(received) > LIMIT_BYTES and not head_end(received):
                self.log.warning(_HEAD_TOO_LARGE)
                conn.sock.sendall(self._unread(431))
                self._after_answer(conn, lambda: self._see_off(conn))
                return
            if not self._is_whole(received):
                self._end(conn)
                return
            is_check = self._check.match(received)
            if is_beyond and not is_check:
                self._end(conn)
                return
            if is_first:
                conn.parser = get_parser(self.cfg, conn.sock, conn.client)
            conn.parser.unreader.unread(bytes(received))
            conn.data_ready = True  # gunicorn need not wait for it
            self._give_thread(conn, self._checks if is_check else self.tpool)

        self._read(self._beyond if is_beyond else self._arriving, conn, received, settle)

    def _is_whole(self, received: bytearray) -> bool:
        """Tell whether a request has come: its head, and its body where one is read."""
        if not (end := head_end(received)):
            return len(received) > LIMIT_BYTES
        return not self._reads_body.match(received) or len(received) >= end + body_bytes(
            received, end
        )

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Answer a request, on the connection's thread; some are their connection's last.

        Only the API reads bodies, which have come whole: gunicorn would wait for the rest of
        another one on a thread. Who asked for a WebSocket in vain sends no further request. And who
        is sent to another server (chat/web/files.py) might come back to this one on the same
        connection.
        """
        is_sent_on = req.query.startswith("again=")
        if conn.sock.is_beyond or is_sent_on or any(name in _LAST for name, _ in req.headers):
            req.force_close()
        req._expected_100_continue = False  # or gunicorn would wait until it can say so
        return bool(super().handle_request(req, conn))

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer, with a page of ours, where gunicorn could not read a request; it logs why."""
        answer = _Answer()
        super().handle_error(req, answer, addr, exc)
        client.sendall(self._unread(answer.status))

    def _unread(self, status: int) -> bytes:
        """Give the answer to a request that could not be read."""
        chat: Chat = self.wsgi.extensions["chat"]
        return chat.errors.unread(status)

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """Keep a connection alive, or see its peer off, after a thread is done with it."""
        try:
            self._finish(conn, fs)
        except Exception as error:  # noqa: BLE001 -- logged by _fail
            self._fail(conn, error)

    def _finish(self, conn: Any, fs: Future[Any]) -> None:
        def settle() -> None:
            if not fs.cancelled() and fs.exception() is None and fs.result():
                super(Acceptor, self).finish_request(conn, fs)
            else:
                self._see_off(conn)

        self._after_answer(conn, settle)

    def _after_answer(self, conn: Any, settle: Callable[[], None]) -> None:
        """Go on once the kernel has all of an answer, of which a peer may be slow to take more."""
        sock, goal = conn.sock, conn.sock.unsent_bytes - _SEND_BYTES
        if not sock.unsent_bytes:
            settle()
            return

        def writable() -> None:
            nonlocal goal
            before = sock.unsent_bytes
            sock.flush()
            self._unsent_bytes -= before - sock.unsent_bytes
            if not sock.unsent_bytes:
                self._sending.discard(conn, self.poller)
                settle()
            elif sock.unsent_bytes <= goal:
                goal = sock.unsent_bytes - _SEND_BYTES
                self._sending.renew(conn)

        self._unsent_bytes += sock.unsent_bytes
        self._sending.add(conn, self.poller, selectors.EVENT_WRITE, writable)
        while self._unsent_bytes > _UNSENT_BYTES:
            self._end(self._sending.first(float("inf")))

    def _see_off(self, conn: Any) -> None:
        """Wait until a peer has read its answer and ends its side."""
        try:
            # Closed with bytes unread, the kernel would cut the end of the answer off.
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:  # the peer was first
            self._end(conn)
        else:
            self._read(self._leaving, conn, None, lambda: self._end(conn))

    def murder_pending(self) -> None:
        """End what is late, or in the way of a stop; gunicorn calls this all the time."""
        super().murder_pending()
        due_at = monotonic()
        if self._stopping_since is not None:
            stops_at = self._stopping_since + _STOP_LINGER_S
            if due_at >= stops_at:
                due_at = float("inf")
            for conn in self.keepalived_conns:
                conn.timeout = min(conn.timeout, stops_at)
        left = _AT_ONCE
        for waiting in (self._arriving, self._beyond, self._sending, self._leaving):
            while left and (conn := waiting.first(due_at)) is not None:
                self._end(conn)
                left -= 1
        self._more_are_late = not left

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Do what has happened meanwhile; do not wait for more while somebody is late."""
        if self._more_are_late:
            timeout = 0.0
        elif self.alive and not self._accepting and self.nr_conns < self.worker_connections:
            timeout = max(0.0, min(timeout, self._accept_again_at - monotonic()))
        super().wait_for_and_dispatch_events(timeout)
        if self.alive:
            self._tell_others()

    def _give_thread(self, conn: Any, threads: RequestThreads[Any]) -> None:
        try:
            # A whole /64 of IPv6 has one account, and so one turn.
            own = conn.client[0] if isinstance(conn.client, tuple) else ""
            threads.start(conn, conn.sock.account or own)
        except RuntimeError:
            self.log.warning(_NO_THREAD)
            self._end(conn)

    def _serve(self, conn: Any) -> None:
        """Answer a connection's request, on its own thread; the rest is the accepting thread's."""
        outcome: Future[Any] = Future()  # finish_request of gunicorn wants one
        try:
            outcome.set_result(self.handle(conn))
            conn.sock.flush()
        except BaseException as error:
            self.log.exception("A request's thread: a bug")
            outcome.set_exception(error)
        self.method_queue.defer(self.finish_request, conn, outcome)

    def _read(
        self, waiting: Waiting, conn: Any, received: bytearray | None, settle: Callable[[], None]
    ) -> None:
        """Read without waiting until there is a request, if one is wanted, or an end; settle."""
        conn.sock.setblocking(False)
        if conn.sock.read(received, self._is_whole):
            settle()
            return

        def readable() -> None:
            if conn.sock.read(received, self._is_whole):
                waiting.discard(conn, self.poller)
                settle()

        waiting.add(conn, self.poller, selectors.EVENT_READ, readable)

    def _fail(self, conn: Any, error: Exception) -> None:
        """End a connection in whose turn an exception came; the loop goes on with the others."""
        self.log.error("A connection is ended: a bug", exc_info=error)
        self._end(conn)

    def _end(self, conn: Any) -> None:
        self._arriving.discard(conn, self.poller)
        self._beyond.discard(conn, self.poller)
        self._leaving.discard(conn, self.poller)
        if self._sending.discard(conn, self.poller):
            self._unsent_bytes -= conn.sock.unsent_bytes
        self.nr_conns -= 1
        conn.close()


def _has_peers(listener: socket.socket) -> bool:
    """Tell whether somebody waits to be accepted."""
    look = select.poll()
    look.register(listener, select.POLLIN)
    return bool(look.poll(0))


class _Answer:
    """What gunicorn would send for an error, in place of a socket: its status is of interest."""

    status = 500

    def gettimeout(self) -> float:
        """Tell gunicorn that nothing here blocks."""
        return 0.0

    def sendall(self, answer: bytes) -> None:
        """Read the status from `HTTP/1.1 431 …`."""
        self.status = int(answer.split(b" ", 2)[1])
