"""How long a client stays away: random, longer each time, and never shorter than it was told."""

from __future__ import annotations

import pytest

from chat.client.pauses import Pauses
from chat.protocol import CloseCode

TIMES = range(200)


@pytest.mark.parametrize("attempt", range(12))
def test_pauses_grow_and_end_at_15_seconds(attempt: int) -> None:
    seconds = []
    for _ in TIMES:
        pauses = Pauses()
        for _ in range(attempt):
            pauses.next("lost")
        seconds.append(pauses.next("lost").seconds)
    ceiling = min(15.0, 0.5 * 2**attempt)
    assert all(0.1 <= each <= ceiling for each in seconds)
    assert len(set(seconds)) > 1  # a crowd does not come at once


def test_connection_that_lasted_makes_them_short_again() -> None:
    pauses = Pauses()
    for _ in range(10):
        pauses.next("lost")
    assert pauses.after(None, lasted_s=5.0).seconds <= 0.5


def test_restart_and_slowness_are_soon_over() -> None:
    for _ in TIMES:
        assert 0.2 <= Pauses().after(CloseCode.RESTARTING, 0.0).seconds <= 2.0
    pauses = Pauses()
    assert pauses.after(CloseCode.TOO_SLOW, 0.0).seconds == 0.0
    assert pauses.after(CloseCode.TOO_SLOW, 0.0).seconds >= 0.1  # it is too slow again


def test_abuse_cools_down_longer_each_time() -> None:
    pauses = Pauses()
    for least in (30, 60, 120, 240, 300, 300):
        assert least <= pauses.after(CloseCode.ABUSE, 0.0).seconds <= least * 1.5


def test_what_the_server_says_is_the_least() -> None:
    for _ in TIMES:
        assert 7.0 <= Pauses().told("limited", 7.0).seconds <= 10.5
    assert Pauses().told("limited", 1e30).seconds <= 86_400 * 1.5
    assert Pauses().told("limited", -1.0).seconds > 0
