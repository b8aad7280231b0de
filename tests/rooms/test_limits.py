"""How much one session may ask, and what happens when it asks too much."""

from __future__ import annotations

import pytest

from chat.protocol import ErrorCode, Ping, Post, Refused, Typing
from chat.rooms.limits import Abuse, Bucket, Budget

POST = Post("p", "text")
_MORE_THAN_ANY_LIMIT = 20_000


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def spend_all(budget: Budget, command: Post | Ping) -> Refused:
    """Send commands until one is refused."""
    for _ in range(_MORE_THAN_ANY_LIMIT):
        try:
            budget.spend(command)
        except Refused as refused:
            return refused
    raise AssertionError("nothing was refused")


def refuse(budget: Budget, times: int) -> None:
    """Count that many refusals."""
    for _ in range(times):
        budget.refused()


def test_bucket_allows_its_burst_and_tells_when_there_is_more() -> None:
    clock = Clock()
    bucket = Bucket(2.0, 3.0, clock)

    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]
    clock.now_s += 0.25
    assert bucket.take() == pytest.approx(0.25)
    clock.now_s += 0.25
    assert [bucket.take(), bucket.take()] == [0, 0.5]


def test_bucket_never_holds_more_than_its_burst() -> None:
    clock = Clock()
    bucket = Bucket(2.0, 3.0, clock)

    clock.now_s += 3600

    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]


def test_bucket_allows_its_rate_for_ever() -> None:
    clock = Clock()
    bucket = Bucket(4.0, 1.0, clock)

    for _ in range(1000):
        assert bucket.take() == 0
        clock.now_s += 0.25


def test_flood_of_posts_is_refused_with_the_time_to_wait() -> None:
    refused = spend_all(Budget(), POST)

    assert refused.code is ErrorCode.RATE_LIMITED
    assert refused.retry_after is not None
    assert 0 <= refused.retry_after < 5


def test_posts_and_other_commands_do_not_use_up_each_other() -> None:
    budget = Budget()
    spend_all(budget, POST)
    budget.spend(Typing())

    budget = Budget()
    spend_all(budget, Ping())
    budget.spend(POST)


def test_who_is_refused_again_and_again_is_abusing() -> None:
    budget = Budget()
    budget.refused()

    with pytest.raises(Abuse):
        refuse(budget, _MORE_THAN_ANY_LIMIT)
