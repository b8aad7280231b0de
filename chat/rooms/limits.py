"""How much one session may ask, and be refused."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from time import monotonic

from chat.protocol import AnyCommand, ErrorCode, Post, Refused

# Tokens a second, and at once, for one session.
_POSTS = (20.0, 100.0)
_OTHERS = (20.0, 100.0)
_REFUSALS = (10.0, 500.0)  # a session that is refused more often is abusing


class Abuse(Exception):
    """A session that was refused too often: its connection is to be closed (1008)."""


class Bucket:
    """A token bucket: `burst` tokens at once, and `rate` a second after that.

    For one thread at a time.
    """

    __slots__ = ("_burst", "_filled_at", "_now_s", "_rate", "_tokens")

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


class Budget:
    """What one session may still ask; for one thread at a time."""

    __slots__ = ("_others", "_posts", "_refusals")

    def __init__(self) -> None:
        self._posts = Bucket(*_POSTS)
        self._others = Bucket(*_OTHERS)
        self._refusals = Bucket(*_REFUSALS)

    def spend(self, command: AnyCommand) -> None:
        """Count a command. Raises Refused (`rate_limited`) when it is one too many."""
        bucket = self._posts if isinstance(command, Post) else self._others
        if wait_s := bucket.take():
            # Rounded up: a sender that waits that long gets through.
            retry_after = ceil(wait_s * 100) / 100
            raise Refused(
                ErrorCode.RATE_LIMITED, "Too fast: wait a moment.", retry_after=retry_after
            )

    def refused(self) -> None:
        """Count a refusal. Raises Abuse when it is one too many."""
        if self._refusals.take():
            raise Abuse("too much was refused")
