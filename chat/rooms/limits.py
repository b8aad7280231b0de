"""How fast one connection may ask and be refused; its address has budgets besides (ledger.py)."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from time import monotonic
from typing import NamedTuple

from chat.config import Settings
from chat.protocol import AnyCommand, ErrorCode, Post, Refused

_BURST_S = 5.0  # in which all that a connection may ask at once comes back
_REFUSALS_S = 50.0  # the same for refusals: who obeys retry_after is hardly ever refused


class Abuse(Exception):
    """Somebody who was refused too often: the connection is to be closed (1008)."""


class Amount(NamedTuple):
    """How much of something there is for a time.

    All of it may be used at once; then it comes back evenly (the generic cell rate algorithm of
    ITU-T I.371). So one number is kept of what was used: when all will be back.
    """

    setting: str  # the one that says so
    number: float
    period_s: float

    def full_at(self, full_at: float, number: float, now: float) -> float:
        """Give when all will be back if so much is taken now; monotonic seconds."""
        return max(full_at, now) + number * self.period_s / self.number

    def wait_s(self, full_at: float, now: float) -> float:
        """Give the seconds until that much was there to be taken; at most 0 if it is there."""
        return full_at - now - self.period_s

    def __str__(self) -> str:
        return f"{self.setting} allows {self.number:g} in {self.period_s:g} s"


class Paces(NamedTuple):
    """What one connection may ask, and be refused."""

    posts: Amount
    others: Amount
    refusals: Amount


def read_paces(settings: Settings) -> Paces:
    """Give what the settings allow one connection."""
    return Paces(
        Amount("CHAT_CONNECTION_POSTS", settings.chat_connection_posts, _BURST_S),
        Amount("CHAT_CONNECTION_COMMANDS", settings.chat_connection_commands, _BURST_S),
        Amount("CHAT_CONNECTION_REFUSALS", settings.chat_connection_refusals, _REFUSALS_S),
    )


class Pace:
    """What one connection may still ask; for one thread at a time."""

    __slots__ = ("_now_s", "_others", "_paces", "_posts", "_refusals")

    def __init__(self, paces: Paces, now_s: Callable[[], float] = monotonic) -> None:
        self._paces = paces
        self._now_s = now_s
        # When each is whole again; monotonic seconds.
        self._posts = self._others = self._refusals = 0.0

    def spend(self, command: AnyCommand) -> None:
        """Count a command. Raises Refused (`rate_limited`) when it is one too many."""
        now = self._now_s()
        is_post = isinstance(command, Post)
        pace = self._paces.posts if is_post else self._paces.others
        full_at = pace.full_at(self._posts if is_post else self._others, 1, now)
        if (wait_s := pace.wait_s(full_at, now)) > 0:
            raise too_fast("Too fast: wait a moment.", wait_s)
        if is_post:
            self._posts = full_at
        else:
            self._others = full_at

    def refused(self) -> None:
        """Count a refusal. Raises Abuse when it is one too many."""
        now = self._now_s()
        pace = self._paces.refusals
        full_at = pace.full_at(self._refusals, 1, now)
        if pace.wait_s(full_at, now) > 0:
            raise Abuse("too much was refused")
        self._refusals = full_at


def too_fast(sentence: str, wait_s: float) -> Refused:
    """Make the refusal of what comes too soon."""
    # Rounded up: a sender that waits that long gets through.
    return Refused(ErrorCode.RATE_LIMITED, sentence, retry_after=ceil(wait_s * 100) / 100)
