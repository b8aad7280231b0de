"""How long a client waits before it comes back: as the page does (static/js/server/)."""

from __future__ import annotations

import random
from typing import NamedTuple

from chat.protocol import CloseCode

_STEADY_S = 5.0  # after a connection that lasted this long, the pauses are short again

_BASE_S = 0.5
_CAP_S = 15.0
_LEAST_S = 0.1
_RESTART_S = (0.2, 2.0)  # random: all clients were told at the same moment
_COOL_DOWN_S = 30.0  # after abuse: the server answers nobody of this address meanwhile
_COOLEST_S = 300.0
_SPREAD = 1.5  # clients that were all told to wait so long do not come back at the same moment
_LONGEST_S = 86_400.0


class Pause(NamedTuple):
    """Why a client stays away, and for how long."""

    reason: str
    seconds: float
    detail: str = ""


class Pauses:
    """The pauses of one client; each is random, so that a crowd does not come at once."""

    def __init__(self) -> None:
        self._attempts = 0
        self._abuses = 0

    def next(self, reason: str, detail: str = "") -> Pause:
        """Give the next pause, which is longer the more there were (full jitter)."""
        ceiling = min(_CAP_S, _BASE_S * 2 ** min(self._attempts, 10))
        self._attempts += 1
        return Pause(reason, max(_LEAST_S, random.uniform(0, ceiling)), detail)  # noqa: S311

    def told(self, reason: str, least_s: float, detail: str = "") -> Pause:
        """Give a pause of at least so many seconds, as the server said."""
        self._attempts += 1
        least = min(max(least_s, _LEAST_S), _LONGEST_S)
        return Pause(reason, random.uniform(least, least * _SPREAD), detail)  # noqa: S311

    def after(self, code: int | None, lasted_s: float) -> Pause:
        """Give the pause after a connection that ended with this close code; None: without one.

        It was joined for `lasted_s` seconds; 0: never.
        """
        if lasted_s >= _STEADY_S:
            self._attempts = 0
        if lasted_s >= _COOL_DOWN_S:
            self._abuses = 0
        if code == CloseCode.RESTARTING:
            self._attempts += 1
            return Pause("restarting", random.uniform(*_RESTART_S))  # noqa: S311
        if code == CloseCode.ABUSE:
            self._abuses += 1
            return self.told(
                "abuse", min(_COOLEST_S, _COOL_DOWN_S * 2 ** min(self._abuses - 1, 10))
            )
        if code == CloseCode.TOO_SLOW and self._attempts == 0:
            self._attempts += 1
            return Pause("slow", 0.0)
        return self.next("full" if code == CloseCode.FULL else "lost")
