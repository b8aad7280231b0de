"""Many clients of one server: connecting and joining, on raw sockets and epoll."""

from __future__ import annotations

import errno
import select
import socket
from collections import deque
from collections.abc import Sequence
from time import monotonic

from bench.wire import PONG, Chat, Seat, whole_frames

_BUFFER_BYTES = 256 * 1024
_POLL_S = 0.05
_ALIVE_EVERY_S = 10.0  # servers ping after 20 s of silence or more; those frames would count
_QUIET_S = 0.25  # without a byte: then all `joined` events have arrived
_QUIET_WITHIN_S = 20.0


class LoadFailed(Exception):
    """A measurement that is not valid; the message says why."""


class Connection:
    """One client: `state` is what it waits for."""

    __slots__ = ("buffer", "seat", "sock", "state", "welcome")

    def __init__(self, sock: socket.socket, seat: Seat) -> None:
        self.sock = sock
        self.seat = seat
        self.state = "connect"
        self.buffer = b""
        self.welcome = b""


class Crowd:
    """Many clients of one server."""

    def __init__(self, port: int | Sequence[int], dialect: Chat) -> None:
        # Clients take turns on several ports, as a balancer without stickiness would send them.
        self._ports = [port] if isinstance(port, int) else list(port)
        self._dialect = dialect
        self._epoll = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._joined: list[Connection] = []
        self._alive_at = 0.0
        self._buffer = bytearray(_BUFFER_BYTES)

    def join(
        self,
        seats: Sequence[Seat],
        *,
        in_flight: int,
        within_s: float,
        after: dict[str, object] | None = None,
    ) -> float:
        """Connect and join, `in_flight` at a time; give the seconds to the last welcome."""
        started_at = monotonic()
        waiting, under_way = deque(seats), 0
        missing = len(seats)
        self._alive_at = started_at
        while missing:
            self._show_life()
            if monotonic() - started_at > within_s:
                raise LoadFailed(f"{missing} of {len(seats)} had not joined after {within_s:.0f} s")
            while waiting and under_way < in_flight:
                self._arrive(waiting.popleft())
                under_way += 1
            for fd, _ in self._epoll.poll(_POLL_S):
                if self._proceed(fd, after):
                    under_way -= 1
                    missing -= 1
        seconds = monotonic() - started_at
        self._joined.sort(key=lambda connection: connection.seat.number)
        return seconds

    def _arrive(self, seat: Seat) -> None:
        """Begin with one client."""
        self._connect(seat)

    def _proceed(self, fd: int, after: dict[str, object] | None) -> bool:
        """Do what a socket is ready for; tell whether this completed a join."""
        connection = self._connections[fd]
        if connection.state == "joined":
            self._skip(connection)
            return False
        return self._advance(connection, after)

    def _connect(self, seat: Seat) -> None:
        sock = self._dial(seat)
        self._connections[sock.fileno()] = Connection(sock, seat)

    def _port(self, seat: Seat) -> int:
        return self._ports[seat.number % len(self._ports)]

    def _dial(self, seat: Seat) -> socket.socket:
        """Begin to connect a socket; epoll says when it is connected."""
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        problem = sock.connect_ex(("127.0.0.1", self._port(seat)))
        if problem not in (0, errno.EINPROGRESS):
            raise LoadFailed(f"connect: {errno.errorcode[problem]}")
        self._epoll.register(sock, select.EPOLLOUT)
        return sock

    def _skip(self, connection: Connection) -> None:
        """Read and drop the events about other members."""
        try:
            if not connection.sock.recv_into(self._buffer):
                raise LoadFailed("the server closed a connection that had joined")
        except OSError as error:
            raise LoadFailed(f"a connection that had joined was lost: {error}") from None

    def _advance(self, connection: Connection, after: dict[str, object] | None) -> bool:
        """Do the next step of joining; tell whether it was the last."""
        sock = connection.sock
        try:
            if connection.state == "connect":
                sock.send(self._dialect.handshake(self._port(connection.seat)))
                self._epoll.modify(sock, select.EPOLLIN)
                connection.state = "upgrade"
                return False
            data = sock.recv(_BUFFER_BYTES)
        except OSError as error:
            raise LoadFailed(f"{connection.state}: {error}") from None
        if not data:
            raise LoadFailed(f"closed by the server while waiting for {connection.state}")
        connection.buffer += data
        if connection.state == "upgrade":
            head, end, rest = connection.buffer.partition(b"\r\n\r\n")
            if not end:
                return False
            if not head.startswith(b"HTTP/1.1 101"):
                raise LoadFailed(f"not upgraded: {head.splitlines()[0].decode()}")
            connection.buffer = rest
            connection.state = "welcome"
            sock.send(self._dialect.join(connection.seat, after))
        done = 0
        for payload, end in whole_frames(connection.buffer):
            done = end
            if self._dialect.is_welcome(payload):
                connection.welcome = payload
                connection.state, connection.buffer = "joined", b""
                self._joined.append(connection)
                return True
            if b'"error"' in payload[:40]:
                raise LoadFailed(f"join refused: {payload[:200].decode()}")
            if more := self._dialect.answer(connection.seat, payload):
                sock.send(more)
        connection.buffer = connection.buffer[done:]
        return False

    def welcomes(self) -> list[bytes]:
        """Give every connection's welcome."""
        return [connection.welcome for connection in self._joined]

    def _show_life(self) -> None:
        if monotonic() - self._alive_at < _ALIVE_EVERY_S:
            return
        self._alive_at = monotonic()
        try:
            for connection in self._joined:
                connection.sock.send(PONG)
        except OSError as error:
            raise LoadFailed(f"a connection that had joined was lost: {error}") from None

    def settle(self, quiet_s: float = _QUIET_S) -> None:
        """Read until no more bytes come."""
        self._show_life()
        deadline = monotonic() + _QUIET_WITHIN_S
        while events := self._epoll.poll(quiet_s):
            for fd, _ in events:
                self._skip(self._connections[fd])
            if monotonic() > deadline:
                raise LoadFailed("the server never fell silent after the joins")

    def close(self) -> None:
        """Close every connection."""
        for connection in self._connections.values():
            connection.sock.close()
        self._connections.clear()
        self._epoll.close()
