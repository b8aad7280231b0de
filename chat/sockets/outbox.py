"""Every byte that leaves one socket: atomic, never blocking, bounded.

Any thread may write. What the kernel does not take at once waits here, and the flusher's
thread finishes it. Closing goes the same way: what waits, the close frame, end of stream.
"""

from __future__ import annotations

import socket
from enum import Enum, auto
from threading import Lock
from time import monotonic

from chat.protocol import CloseCode
from chat.sockets import frames
from chat.sockets.flusher import Flusher
from chat.sockets.nonblocking import SEND_FLAGS

_CLOSE_LINGER_S = 1.0  # how long a peer may take to read what it was sent and end its side
_RESTART_LINGER_S = 0.5  # the same when the server stops; a stop is to take less than two seconds
_STALL_S = 9.5  # a peer that takes no byte for so long is too slow; it is ended within ten seconds


class State(Enum):
    """What an outbox does with the next byte."""

    IDLE = auto()  # sends it: nothing waits
    WAITING = auto()  # keeps it, behind bytes that the kernel did not take
    CLOSING = auto()  # drops it: what waited and a close frame are the last to be sent
    CUT = auto()  # drops it: the socket has ended


_IDLE, _WAITING, _CLOSING, _CUT = State  # short names: each delivery looks one up


class Outbox:
    """What is to be sent on one socket, and the socket's end; from any thread."""

    # Slots need half the memory of a dictionary, and a delivery half the cache lines.
    __slots__ = (
        "_allowance",
        "_closing_since",
        "_flusher",
        "_limit_bytes",
        "_progress_at",
        "_sent",
        "_size",
        "_sock",
        "_state",
        "_waiting",
        "_watched",
        "close_code",
        "lock",
    )

    def __init__(self, sock: socket.socket, flusher: Flusher, limit_bytes: int) -> None:
        self._sock = sock
        self._flusher = flusher
        self._limit_bytes = limit_bytes
        # Guards everything below. Held across a send, which never blocks. Its connection takes
        # it too, so that its place in the room's log and the order of the bytes agree.
        self.lock = Lock()
        self._state = _IDLE
        self._waiting: list[bytes | memoryview] = []
        self._size = 0  # bytes in _waiting
        self._allowance = 0  # bytes above the limit, until nothing waits
        self._sent = 0  # bytes of _waiting[0] that the kernel has taken
        self._progress_at = 0.0  # monotonic seconds: when it last took some of them
        self._closing_since = 0.0  # monotonic seconds
        self._watched = False  # by the flusher
        self.close_code: int | None = None

    @property
    def closing(self) -> bool:
        """Tell whether nothing more is taken."""
        return self._state is _CLOSING or self._state is _CUT

    def send(self, data: bytes | memoryview) -> None:
        """Send whole frames, or keep what the socket does not take; too much closes it (4008)."""
        with self.lock:
            self.write(data)

    def close(self, code: int | None, reason: str = "") -> None:
        """Send a close frame and end; the peer has _CLOSE_LINGER_S to do the same."""
        with self.lock:
            self.begin_close(code, reason)

    def finish(self) -> None:
        """Let go of the socket, which its server may close now; not on the flusher's thread."""
        with self.lock:
            self._cut()
            watched = self._watched
        if watched:
            self._flusher.forget(self)

    # --- the flusher's side ----------------------------------------------------------

    def flush(self) -> None:
        """Send what the socket takes now of what waits."""
        with self.lock:
            self._flush()

    def enforce_deadlines(self, now: float) -> None:
        """End what takes too long; `now` is monotonic seconds."""
        with self.lock:
            if self._state is _CLOSING:
                restarting = self.close_code == CloseCode.RESTARTING
                if now - self._closing_since > (
                    _RESTART_LINGER_S if restarting else _CLOSE_LINGER_S
                ):
                    self._cut()
            elif self._state is _WAITING and now - self._progress_at > _STALL_S:
                self.begin_close(CloseCode.TOO_SLOW, "too slow: come back")

    def waits(self) -> bool:
        """Tell whether bytes wait for the socket."""
        with self.lock:
            return bool(self._waiting)

    @property
    def waiting_bytes(self) -> int:
        """Give how much waits, as of a moment ago; it takes no lock."""
        return max(0, self._size - self._sent)

    def unwatch(self) -> bool:
        """Leave the flusher unless bytes wait or a close goes on; tell whether it left."""
        with self.lock:
            self._watched = self._state is _WAITING or self._state is _CLOSING
            return not self._watched

    def cut(self) -> None:
        """End the socket, without a word."""
        with self.lock:
            self._cut()

    def fileno(self) -> int:
        """Give the socket's descriptor, for the flusher's selector."""
        return self._sock.fileno()

    # --- with the lock held ------------------------------------------------------------

    def write(self, data: bytes | memoryview, *, counted: bool = True) -> None:
        """Do what `send` does; for whoever holds the lock already.

        What was asked for as one piece, and is bounded by the protocol, is not `counted`: a
        resume that is larger than the outbox would otherwise end in a close each time.
        """
        if self._state is _IDLE:
            # Each delivery comes through here, so there is no call that is not needed.
            try:
                sent = self._sock.send(data, SEND_FLAGS)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._cut()
                return
            if sent == len(data):
                return
            self._state, self._sent, self._progress_at = _WAITING, sent, monotonic()
        elif self._state is not _WAITING:
            return
        self._waiting.append(data)
        self._size += len(data)
        self._allowance += 0 if counted else len(data)
        if self._size - self._sent > self._limit_bytes + self._allowance:
            self.begin_close(CloseCode.TOO_SLOW, "too slow: come back")
        self._watch()

    def begin_close(self, code: int | None, reason: str = "") -> None:
        """Do what `close` does; for whoever holds the lock already."""
        if self.closing:
            return
        self.close_code = code
        self._state, self._closing_since = _CLOSING, monotonic()
        if self._waiting and code == CloseCode.TOO_SLOW:
            # Finish only the frame that has begun: the rest would come too late.
            begun = self._waiting[0]
            self._waiting = [begun[: frames.frame_end(begun, self._sent)]]
        self._waiting.append(frames.close_frame(code, reason))
        self._size = sum(map(len, self._waiting))
        self._flush()
        self._watch()

    def _flush(self) -> None:
        while self._waiting:
            data = self._waiting[0]
            try:
                sent = self._sock.send(memoryview(data)[self._sent :], SEND_FLAGS)
            except BlockingIOError:
                return
            except OSError:
                self._cut()
                return
            self._progress_at = monotonic()
            self._sent += sent
            if self._sent < len(data):
                return
            del self._waiting[0]
            self._size -= len(data)
            self._sent = 0
        if self._state is _WAITING:
            self._state, self._allowance = _IDLE, 0
        elif self._state is _CLOSING:
            try:
                # Nothing more comes: a peer that has read the close frame ends its side.
                self._sock.shutdown(socket.SHUT_WR)
            except OSError:
                self._cut()

    def _cut(self) -> None:
        """End the socket: wakes the receiving thread, which then ends."""
        if self._state is _CUT:
            return
        self._state = _CUT
        self._waiting = []
        self._size = self._sent = 0
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the peer was first

    def _watch(self) -> None:
        if not self._watched and self._state is not _CUT:
            self._watched = True
            self._flusher.watch(self)
