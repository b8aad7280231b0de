"""Connections without a thread, which wait for their peers: not one longer than it may."""

from __future__ import annotations

from collections.abc import Callable
from selectors import BaseSelector
from socket import socket
from time import monotonic
from typing import Any


class Waiting:
    """Connections that wait for the same: for a head, to be read, or for an end."""

    def __init__(self, within_s: float, fail: Callable[[Any, Exception], None]) -> None:
        """Let each wait so long; `fail` is given one for which `proceed` raised an exception."""
        self._within_s = within_s
        self._fail = fail
        self._due_at: dict[Any, float] = {}  # monotonic seconds, in that order

    def __len__(self) -> int:
        return len(self._due_at)

    def add(
        self, conn: Any, poller: BaseSelector, events: int, proceed: Callable[[], None]
    ) -> None:
        """Proceed whenever a connection's socket allows it, until it is discarded."""

        def happened(_sock: socket) -> None:
            if conn not in self._due_at:  # discarded by what happened just before, in this turn
                return
            try:
                proceed()
            except Exception as error:  # noqa: BLE001 -- whoever is given it logs it
                self._fail(conn, error)

        poller.register(conn.sock, events, happened)
        self._due_at[conn] = monotonic() + self._within_s

    def renew(self, conn: Any) -> None:
        """Let a connection wait as long again."""
        del self._due_at[conn]
        self._due_at[conn] = monotonic() + self._within_s

    def discard(self, conn: Any, poller: BaseSelector) -> bool:
        """Let a connection wait no more; tell whether it did."""
        if self._due_at.pop(conn, None) is None:
            return False
        poller.unregister(conn.sock)
        return True

    def first(self, due_at: float) -> Any:
        """Give the connection that is due first, if it is by then; else None."""
        for conn, at in self._due_at.items():
            return conn if at <= due_at else None
        return None
