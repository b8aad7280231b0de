"""Threads for requests: one each, which ends with it; a WebSocket's lasts as long as it does."""

from __future__ import annotations

import logging
from _thread import get_ident, start_new_thread
from collections import deque
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

_logger = logging.getLogger(__name__)

_Task = TypeVar("_Task")


class RequestThreads(Generic[_Task]):
    """A thread for each task; when `limit` are taken, the next tasks wait.

    Each task is somebody's. All whose tasks wait take turns: many tasks of one keep no other
    waiting.

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
        # Guards all below.
        self._lock = Lock()
        self._running = 0
        # The tasks of each, the one whose turn is next first. Not more than accepted sockets.
        self._waiting: dict[Hashable, deque[_Task]] = {}
        self._apart: set[int] = set()  # threads that do not count any more

    def start(self, task: _Task, whose: Hashable = "") -> None:
        """Do a task on a thread, now or when one is free.

        Raises RuntimeError when the machine has no more threads; the task is not done then.
        """
        with self._lock:
            if self._running >= self._limit:
                self._waiting.setdefault(whose, deque()).append(task)
                return
            self._running += 1
        try:
            start_new_thread(self._run, (task,))
        except RuntimeError:
            with self._lock:
                self._running -= 1
            raise

    def go_apart(self) -> None:
        """Let the task on this thread, which will take long, count no more: another may follow.

        Raises RuntimeError when the machine has no thread for that one; it waits on then.
        """
        with self._lock:
            task = self._next()
            self._apart.add(get_ident())
        if task is None:
            return
        try:
            start_new_thread(self._run, (task[1],))
        except RuntimeError:
            with self._lock:
                self._apart.remove(get_ident())
                self._waiting.setdefault(task[0], deque()).appendleft(task[1])
            raise

    def shutdown(self, *, wait: bool) -> None:
        """Do nothing: gunicorn asks for it last, and the threads end with their requests."""

    def _run(self, task: _Task) -> None:
        """Do a task, and after it those that wait."""
        while True:
            try:
                self._do(task)
            except Exception:
                _logger.exception("a request's thread: a bug; it goes on with the next")
            with self._lock:
                if get_ident() in self._apart:
                    self._apart.remove(get_ident())
                    return
                following = self._next()
            if following is None:
                return
            _, task = following

    def _next(self) -> tuple[Hashable, _Task] | None:
        """Give the task whose turn it is, or let one thread less run; with the lock held."""
        if not self._waiting:
            self._running -= 1
            return None
        whose = next(iter(self._waiting))
        tasks = self._waiting.pop(whose)
        task = tasks.popleft()
        if tasks:
            self._waiting[whose] = tasks  # last now
        return whose, task
