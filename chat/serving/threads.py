"""One thread for each connection, which ends with it."""

from __future__ import annotations

import logging
from _thread import start_new_thread
from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

_logger = logging.getLogger(__name__)

_Task = TypeVar("_Task")


class ConnectionThreads(Generic[_Task]):
    """A thread for each task; when `limit` are taken, the next tasks wait.

    The usual pool keeps its threads for ever, and with each of them what the C library keeps
    for a thread's next allocations: a server would hold on to the memory of its busiest hour,
    and 300 people who come and go would cost 10 MB more within minutes.

    They are threads without a `threading.Thread`, which costs 5 KB and whose start waits until
    the thread runs: a quarter of the time to connect. So the process does not wait for them when
    it ends; its worker has waited before, as long as it may. `threading.current_thread()` must
    not be called on them, for it makes an object that stays (see `tune_interpreter`).
    """

    def __init__(self, limit: int, do: Callable[[_Task], None]) -> None:
        """Allow `limit` threads at a time; `do` does a task on one."""
        self._limit = limit
        self._do = do
        # Guards _running and _waiting.
        self._lock = Lock()
        self._running = 0
        # Not more than the sockets that gunicorn accepts.
        self._waiting: deque[_Task] = deque()

    def start(self, task: _Task) -> None:
        """Do a task on a thread, now or when one is free.

        Raises RuntimeError when the machine has no more threads; the task is not done then.
        """
        with self._lock:
            if self._running >= self._limit:
                self._waiting.append(task)
                return
            self._running += 1
        try:
            start_new_thread(self._run, (task,))
        except RuntimeError:
            with self._lock:
                self._running -= 1
            raise

    def shutdown(self, *, wait: bool) -> None:
        """Do nothing: gunicorn asks for it last, and the threads end with their connections."""

    def _run(self, task: _Task | None) -> None:
        """Do a task, and after it those that wait."""
        while task is not None:
            try:
                self._do(task)
            except Exception:
                _logger.exception("a connection's thread: a bug; it goes on with the next")
            with self._lock:
                task = self._waiting.popleft() if self._waiting else None
                if task is None:
                    self._running -= 1
