"""So much of something for a time, and what those are told who ask for more."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

from chat.protocol import ErrorCode, Refused


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

    def back_s(self, number: float) -> float:
        """Give the seconds in which so much comes back."""
        return number * self.period_s / self.number

    def wait_s(self, full_at: float, now: float) -> float:
        """Give the seconds until that much was there to be taken; at most 0 if it is there."""
        return full_at - now - self.period_s

    def __str__(self) -> str:
        return f"{self.setting} allows {self.number:g} in {self.period_s:g} s"


def too_fast(sentence: str, wait_s: float) -> Refused:
    """Make the refusal of what comes too soon."""
    return Refused(ErrorCode.RATE_LIMITED, sentence, retry_after=rounded_up(wait_s))


def rounded_up(wait_s: float) -> float:
    """Give the seconds after which to try again: a sender that waits that long gets through."""
    return ceil(wait_s * 100) / 100
