"""One thread for each connection, which ends with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from threading import Lock, Thread
from typing import Any


class ConnectionThreads(Executor):
    """A thread for each task; when `limit` are taken, the next tasks wait.

    The usual pool keeps its threads for ever, and with each of them what the C library keeps
    for a thread's next allocations: a server would hold on to the memory of its busiest hour,
    and 300 people who come and go would cost 10 MB more within minutes.

    The threads are daemons: to start any other, Python 3.11 and 3.12 look through the locks of
    all that run. A worker that ends waits for its connections before, as long as it may.
    """

    def __init__(self, limit: int) -> None:
        """Allow `limit` threads at a time."""
        self._limit = limit
        # Guards _running and _waiting.
        self._lock = Lock()
        self._running = 0
        # Not more than the sockets that gunicorn accepts.
        self._waiting: deque[Callable[[], None]] = deque()

    def submit(self, function: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        """Call `function` on a thread, now or when one is free; the future gets its result."""
        future: Future[Any] = Future()

        def task() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = function(*args, **named)
            except BaseException as error:  # noqa: BLE001 -- whoever asked has to hear of it
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._lock:
            if self._running >= self._limit:
                self._waiting.append(task)
                return future
            self._running += 1
        try:
            Thread(target=self._run, args=(task,), name="connection", daemon=True).start()
        except RuntimeError as error:  # the machine has no more threads: this task fails
            with self._lock:
                self._running -= 1
            future.set_exception(error)
        return future

    def _run(self, task: Callable[[], None] | None) -> None:
        """Do a task, and after it those that wait."""
        while task is not None:
            task()
            with self._lock:
                task = self._waiting.popleft() if self._waiting else None
                if task is None:
                    self._running -= 1
