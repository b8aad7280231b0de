"""What the hub knows of one connection, and how much that may ask."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from time import monotonic

from chat.protocol import AnyCommand, CloseCode, ErrorCode, Event, Post, Refused
from chat.sockets.connection import Connection
from chat.sockets.frames import encode_event

# Tokens a second, and at once, for one connection.
_POSTS = (20.0, 100.0)
_OTHERS = (20.0, 100.0)
_REFUSALS = (10.0, 500.0)  # whoever is refused more often is abusing (1008)


class Bucket:
    """Allow `burst` at once and `rate` a second after that (a token bucket).

    For one thread at a time: each connection's own.
    """

    def __init__(self, rate: float, burst: float, now_s: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._now_s = now_s
        self._tokens = burst
        self._filled_at = now_s()

    def take(self) -> float:
        """Take one token; return 0, or the seconds until there is one."""
        now = self._now_s()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate


class Session:
    """Be what the hub knows of one connection; for that connection's thread."""

    def __init__(self, connection: Connection, *, limited: bool) -> None:
        self.connection = connection
        self.room: str | None = None
        self.member_id = ""
        self._limited = limited
        self._posts = Bucket(*_POSTS)
        self._others = Bucket(*_OTHERS)
        self._refusals = Bucket(*_REFUSALS)

    def send(self, event: Event) -> None:
        """Send an event to this connection alone; from any thread."""
        self.connection.enqueue(encode_event(event))

    def spend(self, command: AnyCommand) -> None:
        """Count a command against the limits. Raises Refused (`rate_limited`)."""
        if not self._limited:
            return
        bucket = self._posts if isinstance(command, Post) else self._others
        if wait_s := bucket.take():
            retry_after = ceil(wait_s * 100) / 100  # rounded up: who waits that long gets through
            raise Refused(
                ErrorCode.RATE_LIMITED, "Too fast: wait a moment.", retry_after=retry_after
            )

    def refused(self) -> None:
        """Count a refusal; too many close the connection (1008)."""
        if self._limited and self._refusals.take():
            self.connection.close(CloseCode.ABUSE, "too much was refused")
