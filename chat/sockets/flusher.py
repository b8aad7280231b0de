"""Finish what the kernel did not take at once: one thread for all connections."""

from __future__ import annotations

import selectors
import socket
from collections import deque
from threading import Event, Lock, Thread
from time import monotonic
from typing import Protocol

_SWEEP_S = 0.1  # how often deadlines are looked at


class Flushable(Protocol):
    """Be a connection as the flusher sees it; every call is on the flusher's thread."""

    def fileno(self) -> int:
        """Give the socket's descriptor."""

    def flush(self) -> None:
        """Send what the socket takes now."""

    def enforce_deadlines(self, now: float) -> None:
        """End what takes too long; `now` is monotonic seconds."""

    def waits(self) -> bool:
        """Tell whether bytes wait for the socket."""

    def unwatch(self) -> bool:
        """Leave the flusher unless there is still something to do; tell whether it left."""


class Flusher:
    """Watch the connections that wait for their socket or for the end of a close."""

    def __init__(self) -> None:
        # Guards _alarm. What threads hand over goes through the deques, which are atomic.
        self._lock = Lock()
        self._alarm: socket.socket | None = None  # made with the thread: neither may be forked
        self._arriving: deque[Flushable] = deque()
        self._leaving: deque[tuple[Flushable, Event]] = deque()
        # Only the flusher's thread touches what follows, once it runs.
        self._selector: selectors.BaseSelector
        self._watched: dict[Flushable, bool] = {}  # connection: in the selector?

    def watch(self, connection: Flushable) -> None:
        """Look after a connection until it has nothing left to do; from any thread."""
        self._arriving.append(connection)
        self._wake()

    def forget(self, connection: Flushable) -> None:
        """Return once the selector no longer holds the connection; from any other thread.

        Its descriptor may be given to another connection right after.
        """
        gone = Event()
        self._leaving.append((connection, gone))
        self._wake()
        gone.wait()

    def _wake(self) -> None:
        with self._lock:
            if self._alarm is None:
                self._alarm, alarmed = socket.socketpair()
                self._alarm.setblocking(False)
                self._selector = selectors.DefaultSelector()
                self._selector.register(alarmed, selectors.EVENT_READ)
                Thread(target=self._run, args=(alarmed,), name="flusher", daemon=True).start()
        try:
            self._alarm.send(b"!")
        except BlockingIOError:
            return  # the buffer is full of alarms: one is enough

    def _run(self, alarmed: socket.socket) -> None:
        swept_at = monotonic()
        while True:
            for key, _ in self._selector.select(_SWEEP_S if self._watched else None):
                if key.data is None:
                    alarmed.recv(4096)
                else:
                    key.data.flush()
                    self._settle(key.data)
            while self._arriving:
                connection = self._arriving.popleft()
                self._watched.setdefault(connection, False)
                self._settle(connection)
            if (now := monotonic()) - swept_at >= _SWEEP_S:
                swept_at = now
                for connection in tuple(self._watched):
                    connection.enforce_deadlines(now)
                    self._settle(connection)
            while self._leaving:
                connection, gone = self._leaving.popleft()
                self._drop(connection)
                gone.set()

    def _settle(self, connection: Flushable) -> None:
        """Hold in the selector exactly what waits for its socket."""
        if connection not in self._watched:
            return
        if connection.unwatch():
            self._drop(connection)
            return
        waits, held = connection.waits(), self._watched[connection]
        if waits and not held:
            self._selector.register(connection, selectors.EVENT_WRITE, connection)
        elif held and not waits:
            self._selector.unregister(connection)
        self._watched[connection] = waits

    def _drop(self, connection: Flushable) -> None:
        if self._watched.pop(connection, False):
            self._selector.unregister(connection)
