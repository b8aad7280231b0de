"""How much one session may ask, and what happens when it asks too much."""

from __future__ import annotations

import pytest

from chat.config import read_settings
from chat.protocol import ErrorCode, Ping, Post, Refused, Typing
from chat.rooms.amounts import Abuse
from chat.rooms.pace import Pace, read_paces

POST = Post("p", "text")
_MORE_THAN_ANY_LIMIT = 20_000


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def spend_all(pace: Pace, command: Post | Ping) -> Refused:
    """Send commands until one is refused."""
    for _ in range(_MORE_THAN_ANY_LIMIT):
        try:
            pace.spend(command)
        except Refused as refused:
            return refused
    raise AssertionError("nothing was refused")


def refuse(pace: Pace, times: int) -> None:
    """Count that many refusals."""
    for _ in range(times):
        pace.refused()


@pytest.fixture
def pace() -> Pace:
    return Pace(read_paces(read_settings()))


def test_pace_allows_its_burst_and_its_rate_for_ever() -> None:
    clock = Clock()
    pace = Pace(read_paces(read_settings({"CHAT_CONNECTION_POSTS": "10"})), clock)
    for _ in range(10):
        pace.spend(POST)
    with pytest.raises(Refused) as refused:
        pace.spend(POST)
    assert refused.value.retry_after == 0.5
    for _ in range(100):
        clock.now_s += 0.5
        pace.spend(POST)
    clock.now_s += 3600
    for _ in range(10):
        pace.spend(POST)
    with pytest.raises(Refused):
        pace.spend(POST)


def test_who_waits_as_long_as_told_is_not_counted_when_refused_again() -> None:
    clock = Clock()
    pace = Pace(read_paces(read_settings({"CHAT_CONNECTION_REFUSALS": "2"})), clock)
    assert pace.refused(0.5)
    for _ in range(50):
        clock.now_s += 0.5
        assert not pace.refused(0.5)
    assert pace.refused(0.5)  # at once
    assert pace.refused(None)
    with pytest.raises(Abuse):
        pace.refused(None)


def test_flood_of_posts_is_refused_with_the_time_to_wait(pace: Pace) -> None:
    refused = spend_all(pace, POST)

    assert refused.code is ErrorCode.RATE_LIMITED
    assert refused.retry_after is not None
    assert 0 <= refused.retry_after < 5


def test_posts_and_other_commands_do_not_use_up_each_other(pace: Pace) -> None:
    spend_all(pace, POST)
    pace.spend(Typing())

    pace = Pace(read_paces(read_settings()))
    spend_all(pace, Ping())
    pace.spend(POST)


def test_who_is_refused_again_and_again_is_abusing(pace: Pace) -> None:
    pace.refused()

    with pytest.raises(Abuse):
        refuse(pace, _MORE_THAN_ANY_LIMIT)
