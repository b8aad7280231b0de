"""One thread that sends, for all connections, what the kernel did not take at once."""

from __future__ import annotations

import logging
import selectors
import socket
from collections import deque
from collections.abc import Callable
from functools import partial
from threading import Event, Thread
from time import monotonic, sleep
from typing import Protocol

from chat.metrics import Metrics

_logger = logging.getLogger(__name__)

_SWEEP_S = 0.1  # how often deadlines are looked at
_FORGET_WITHIN_S = 5.0  # the thread answers at once; this bounds what a bug there can hold up


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

    @property
    def waiting_bytes(self) -> int:
        """Give how much waits, as of a moment ago."""

    def unwatch(self) -> bool:
        """Leave the flusher unless there is still something to do; tell whether it left."""

    def cut(self) -> None:
        """End the socket, without a word."""


class Flusher:
    """One thread for all outboxes that wait for their socket, or for a close to end."""

    def __init__(self, metrics: Metrics | None = None) -> None:
        self._waiting_bytes = (metrics or Metrics()).outbox_bytes
        # They need no lock: they are atomic.
        self._arriving: deque[Flushable] = deque()
        self._leaving: deque[tuple[Flushable, Event]] = deque()
        # Made by start: after a fork neither would work.
        self._alarm: socket.socket
        self._alarmed: socket.socket
        # Only the flusher's thread touches what follows, once it runs.
        self._selector: selectors.BaseSelector
        self._watched: dict[Flushable, bool] = {}  # outbox: in the selector?
        self._swept_at = 0.0  # monotonic seconds

    def start(self) -> None:
        """Start the thread; once, before the first connection, in the process that serves."""
        self._alarm, self._alarmed = socket.socketpair()
        self._alarm.setblocking(False)
        self._alarmed.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._alarmed, selectors.EVENT_READ)
        Thread(target=self._run, name="flusher", daemon=True).start()

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
        if not gone.wait(_FORGET_WITHIN_S):
            _logger.error("flusher: it does not answer")

    def _wake(self) -> None:
        try:
            self._alarm.send(b"!")
        except BlockingIOError:
            return  # the thread has not read the alarms before: it will

    # --- on the flusher's thread -------------------------------------------------------

    def _run(self) -> None:
        while True:
            try:
                self._turn()
            except Exception:
                _logger.exception("flusher: a bug; it goes on")
                sleep(_SWEEP_S)  # so that a bug that comes back at once does not fill the log

    def _turn(self) -> None:
        """Do once what is to be done, after waiting for it."""
        for key, _ in self._selector.select(_SWEEP_S if self._watched else None):
            if key.data is None:
                self._alarmed.recv(4096)
            else:
                self._tend(key.data, key.data.flush)
        while self._arriving:
            outbox = self._arriving.popleft()
            self._watched.setdefault(outbox, False)
            self._tend(outbox)
        if (now := monotonic()) - self._swept_at >= _SWEEP_S:
            self._swept_at = now
            for outbox in tuple(self._watched):
                self._tend(outbox, partial(outbox.enforce_deadlines, now))
            self._measure()
        while self._leaving:
            outbox, gone = self._leaving.popleft()
            try:
                self._drop(outbox)
            finally:
                gone.set()
        if not self._watched:  # nobody sweeps while nothing waits
            self._measure()

    def _measure(self) -> None:
        self._waiting_bytes.set(sum(outbox.waiting_bytes for outbox in self._watched))

    def _tend(self, outbox: Flushable, task: Callable[[], None] | None = None) -> None:
        """Do a task for one outbox; what goes wrong with it ends this one alone."""
        try:
            if task is not None:
                task()
            self._settle(outbox)
        except Exception:
            _logger.exception("flusher: a bug; one connection is cut")
            self._drop(outbox)
            outbox.cut()

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
