"""What each measurement is a run of: something that can run here, measured undisturbed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Protocol

_DISTURBED_SHARE = 0.15  # of a core
_TRIES = 3

Numbers = dict[str, float]


class Candidate(Protocol):
    """A server or a fleet that may be measured."""

    @property
    def label(self) -> str:
        """Give its name for people."""

    def missing(self) -> str | None:
        """Give the reason if it cannot run here."""


def undisturbed(measure: Callable[[], Numbers]) -> Numbers:
    """Measure, and again if other programs took too much of the cores. Keep the quietest run."""
    tries: list[Numbers] = []
    while True:
        tries.append(measure())
        best = min(tries, key=lambda numbers: numbers["others_share"])
        best["tries"] = len(tries)
        if best["others_share"] < _DISTURBED_SHARE or len(tries) == _TRIES:
            return best


def can_run(candidate: Candidate, notices: list[str]) -> bool:
    """Tell whether something can run here; if not, note why."""
    reason = candidate.missing()
    if reason:
        notices.append(f"{candidate.label} is left out: {reason}.")
        print(notices[-1], file=sys.stderr)
    return not reason
