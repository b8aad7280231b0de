"""How many WebSockets there may be at a time."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock


class Admission:
    """The places for WebSockets, `limit` of them, so that threads are left for HTTP."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        # What the process does on the thread of a request that becomes a WebSocket.
        self.go_apart: Callable[[], None] = lambda: None
        # Guards _admitted.
        self._lock = Lock()
        self._admitted = 0

    def enter(self) -> bool:
        """Take a place, if there is one."""
        with self._lock:
            free = self._admitted < self.limit
            self._admitted += free
            return free

    def leave(self) -> None:
        """Give a place back."""
        with self._lock:
            self._admitted -= 1

    @property
    def full(self) -> bool:
        """Tell whether the next one would be refused."""
        with self._lock:
            return self._admitted >= self.limit
