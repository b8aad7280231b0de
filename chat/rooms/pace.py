"""How fast one connection may ask and be refused; its address has budgets besides (ledger.py)."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from chat.config import Settings
from chat.protocol import AnyCommand, Edit, Post
from chat.rooms.amounts import Abuse, Amount, too_fast

_BURST_S = 5.0  # in which all that a connection may ask at once comes back
_REFUSALS_S = 50.0  # the same for refusals: who obeys retry_after is hardly ever refused


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

    __slots__ = ("_now_s", "_others", "_paces", "_posts", "_refusals", "_waits_until")

    def __init__(self, paces: Paces, now_s: Callable[[], float] = monotonic) -> None:
        self._paces = paces
        self._now_s = now_s
        # When each is whole again; monotonic seconds.
        self._posts = self._others = self._refusals = 0.0
        # Until when it was told to wait; for ever if it was not told how long.
        self._waits_until = float("inf")

    def spend(self, command: AnyCommand) -> None:
        """Count a command. Raises Refused (`rate_limited`) when it is one too many."""
        now = self._now_s()
        is_post = isinstance(command, Post | Edit)
        pace = self._paces.posts if is_post else self._paces.others
        full_at = pace.full_at(self._posts if is_post else self._others, 1, now)
        if (wait_s := pace.wait_s(full_at, now)) > 0:
            raise too_fast("Too fast: wait a moment.", wait_s)
        if is_post:
            self._posts = full_at
        else:
            self._others = full_at

    def refused(self, retry_after: float | None = None) -> bool:
        """Count a refusal, unless it came after the time that was told with the one before.

        Several who wait for one budget may each be refused again. Gives whether it was counted;
        raises Abuse when it is one too many.
        """
        now = self._now_s()
        waited = now >= self._waits_until
        self._waits_until = float("inf") if retry_after is None else now + retry_after
        if waited:
            return False
        pace = self._paces.refusals
        full_at = pace.full_at(self._refusals, 1, now)
        if pace.wait_s(full_at, now) > 0:
            raise Abuse("too much was refused")
        self._refusals = full_at
        return True
