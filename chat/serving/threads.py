"""One thread for each connection, which ends with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Lock, Thread
from typing import Generic, TypeVar

_Task = TypeVar("_Task")


class ConnectionThreads(Generic[_Task]):
    """A thread for each task; when `limit` are taken, the next tasks wait.

    The usual pool keeps its threads for ever, and with each of them what the C library keeps
    for a thread's next allocations: a server would hold on to the memory of its busiest hour,
    and 300 people who come and go would cost 10 MB more within minutes.

    The threads are daemons: to start any other, Python 3.11 and 3.12 look through the locks of
    all that run. A worker that ends waits for its connections before, as long as it may.
    """

    def __init__(self, limit: int, do: Callable[[_Task], None]) -> None:
        """Allow `limit` threads at a time; `do` does a task on one, and raises nothing."""
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
            Thread(target=self._run, args=(task,), name="connection", daemon=True).start()
        except RuntimeError:
            with self._lock:
                self._running -= 1
            raise

    def shutdown(self, *, wait: bool) -> None:
        """Do nothing: gunicorn asks for it last, and the threads end with their connections."""

    def _run(self, task: _Task | None) -> None:
        """Do a task, and after it those that wait."""
        while task is not None:
            self._do(task)
            with self._lock:
                task = self._waiting.popleft() if self._waiting else None
                if task is None:
                    self._running -= 1
