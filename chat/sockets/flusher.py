"""One thread that sends, for all connections, what the kernel did not take at once."""

from __future__ import annotations

import selectors
import socket
from collections import deque
from threading import Event, Lock, Thread
from time import monotonic
from typing import Protocol

_SWEEP_S = 0.1  # how often deadlines are looked at


class Flushable(Protocol):
    """An outbox as the flusher sees it; every call is on the flusher's thread."""

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
    """One thread for all outboxes that wait for their socket, or for a close to end."""

    def __init__(self) -> None:
        # Guards _alarm. The deques need no lock: they are atomic.
        self._lock = Lock()
        self._alarm: socket.socket | None = (
            None  # made with the thread: after a fork neither would work
        )
        self._arriving: deque[Flushable] = deque()
        self._leaving: deque[tuple[Flushable, Event]] = deque()
        # Only the flusher's thread touches what follows, once it runs.
        self._selector: selectors.BaseSelector
        self._watched: dict[Flushable, bool] = {}  # outbox: in the selector?

    def watch(self, outbox: Flushable) -> None:
        """Look after an outbox until it has nothing left to do; from any thread."""
        self._arriving.append(outbox)
        self._wake()

    def forget(self, outbox: Flushable) -> None:
        """Return once the selector no longer holds the outbox; from any other thread.

        Its descriptor may be given to another connection right after.
        """
        gone = Event()
        self._leaving.append((outbox, gone))
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
            return  # the thread has not read the alarms before: it will

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
                outbox = self._arriving.popleft()
                self._watched.setdefault(outbox, False)
                self._settle(outbox)
            if (now := monotonic()) - swept_at >= _SWEEP_S:
                swept_at = now
                for outbox in tuple(self._watched):
                    outbox.enforce_deadlines(now)
                    self._settle(outbox)
            while self._leaving:
                outbox, gone = self._leaving.popleft()
                self._drop(outbox)
                gone.set()

    def _settle(self, outbox: Flushable) -> None:
        """Have an outbox in the selector exactly while it waits for its socket."""
        if outbox not in self._watched:
            return
        if outbox.unwatch():
            self._drop(outbox)
            return
        waits, held = outbox.waits(), self._watched[outbox]
        if waits and not held:
            self._selector.register(outbox, selectors.EVENT_WRITE, outbox)
        elif held and not waits:
            self._selector.unregister(outbox)
        self._watched[outbox] = waits

    def _drop(self, outbox: Flushable) -> None:
        if self._watched.pop(outbox, False):
            self._selector.unregister(outbox)
