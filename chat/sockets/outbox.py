"""Every byte that leaves one socket: atomic, never blocking, bounded.

Any thread may write. What the kernel does not take at once waits here, and the flusher's
thread finishes it. Closing goes the same way: what waits, the close frame, end of stream.
"""

from __future__ import annotations

import socket
from threading import Lock
from time import monotonic

from chat.protocol import CloseCode
from chat.sockets import frames
from chat.sockets.flusher import Flusher
from chat.sockets.nonblocking import SEND_FLAGS

_CLOSE_LINGER_S = 1.0  # how long a peer may take to read what it was sent and end its side
_RESTART_LINGER_S = 0.5  # the same when the server stops, which is to take less than two
_STALL_S = 9.5  # without one byte taken for so long, a connection is too slow: ended within ten


class Outbox:
    """Send on one socket, and end it."""

    # Half the memory of a dictionary, and half the cache lines that a delivery fetches.
    __slots__ = (
        "_allowance",
        "_closing_since",
        "_cut",
        "_flusher",
        "_limit_bytes",
        "_lock",
        "_progress_at",
        "_sent",
        "_size",
        "_sock",
        "_waiting",
        "_watched",
        "close_code",
    )

    def __init__(self, sock: socket.socket, flusher: Flusher, limit_bytes: int) -> None:
        self._sock = sock
        self._flusher = flusher
        self._limit_bytes = limit_bytes
        # Guards everything below. Held across a send, which never blocks.
        self._lock = Lock()
        # None: nothing waits and nothing is closing, what comes may go straight to the kernel.
        self._waiting: list[bytes] | None = None
        self._size = 0  # bytes in _waiting
        self._allowance = 0  # bytes above the limit, until nothing waits
        self._sent = 0  # bytes of _waiting[0] that the kernel has taken
        self._progress_at = 0.0  # monotonic seconds: when it last took some of them
        self._closing_since: float | None = None  # monotonic seconds
        self._cut = False
        self._watched = False  # by the flusher
        self.close_code: int | None = None

    @property
    def closing(self) -> bool:
        """Tell whether nothing more will be sent."""
        return self._closing_since is not None

    def send(self, data: bytes, *, counted: bool = True) -> None:
        """Send whole frames, or keep what the socket does not take; too much closes it (4008).

        What was asked for as one piece, and is bounded by the protocol, is not `counted`: a
        resume that is larger than the outbox would otherwise end in a close each time.
        """
        with self._lock:
            self._write(data, counted=counted)

    def close(self, code: int | None, reason: str = "") -> None:
        """Send a close frame and end; the peer has _CLOSE_LINGER_S to do the same."""
        with self._lock:
            self._close(code, reason)

    def finish(self) -> None:
        """Let go of the socket, which its server may close now; not on the flusher's thread."""
        with self._lock:
            self._end()
            watched = self._watched
        if watched:
            self._flusher.forget(self)

    # --- the flusher's side ----------------------------------------------------------

    def flush(self) -> None:
        """Send what the socket takes now of what waits."""
        with self._lock:
            self._flush()

    def enforce_deadlines(self, now: float) -> None:
        """End what takes too long; `now` is monotonic seconds."""
        with self._lock:
            if self._closing_since is not None:
                restarting = self.close_code == CloseCode.RESTARTING
                if now - self._closing_since > (
                    _RESTART_LINGER_S if restarting else _CLOSE_LINGER_S
                ):
                    self._end()
            elif self._waiting and now - self._progress_at > _STALL_S:
                self._close(CloseCode.TOO_SLOW, "too slow: come back")

    def waits(self) -> bool:
        """Tell whether bytes wait for the socket."""
        with self._lock:
            return bool(self._waiting)

    def unwatch(self) -> bool:
        """Leave the flusher unless bytes wait or a close goes on; tell whether it left."""
        with self._lock:
            self._watched = not self._cut and (bool(self._waiting) or self.closing)
            return not self._watched

    def fileno(self) -> int:
        """Give the socket's descriptor, for the flusher's selector."""
        return self._sock.fileno()

    # --- with the lock held ------------------------------------------------------------

    def _write(self, data: bytes, *, counted: bool = True) -> None:
        if self._waiting is None:
            # Each delivery comes through here: no call that can be spared.
            try:
                sent = self._sock.send(data, SEND_FLAGS)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._end()
                return
            if sent == len(data):
                return
            self._waiting, self._sent, self._progress_at = [], sent, monotonic()
        if self._closing_since is not None:
            return
        self._waiting.append(data)
        self._size += len(data)
        self._allowance += 0 if counted else len(data)
        if self._size - self._sent > self._limit_bytes + self._allowance:
            self._close(CloseCode.TOO_SLOW, "too slow: come back")
        self._watch()

    def _flush(self) -> None:
        while self._waiting:
            data = self._waiting[0]
            try:
                sent = self._sock.send(memoryview(data)[self._sent :], SEND_FLAGS)
            except BlockingIOError:
                return
            except OSError:
                self._end()
                return
            self._progress_at = monotonic()
            self._sent += sent
            if self._sent < len(data):
                return
            del self._waiting[0]
            self._size -= len(data)
            self._sent = 0
        if self._closing_since is None:
            self._waiting, self._allowance = None, 0
        else:
            try:
                # Nothing more comes: a peer that has read the close frame ends its side.
                self._sock.shutdown(socket.SHUT_WR)
            except OSError:
                self._end()

    def _close(self, code: int | None, reason: str) -> None:
        if self._closing_since is not None:
            return
        self.close_code = code
        self._closing_since = monotonic()
        if self._waiting and code == CloseCode.TOO_SLOW:
            # Only the frame that is under way is finished: the rest would come too late.
            begun = self._waiting[0]
            self._waiting = [begun[: frames.frame_end(begun, self._sent)]]
        self._waiting = [*(self._waiting or ()), frames.close_frame(code, reason)]
        self._size = sum(map(len, self._waiting))
        self._flush()
        self._watch()

    def _end(self) -> None:
        """Cut the socket: wakes the receiving thread, which then ends."""
        if self._cut:
            return
        self._cut = True
        self._closing_since = self._closing_since or monotonic()
        self._waiting = []
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the peer was first

    def _watch(self) -> None:
        if not self._watched and not self._cut:
            self._watched = True
            self._flusher.watch(self)
