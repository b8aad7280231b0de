"""What one connection may ask, and what happens when it asks too much."""

from __future__ import annotations

import json

import pytest

from chat.protocol import ErrorCode, Ping, Pong, Post, Refused, Typing
from chat.rooms.session import Bucket, Session
from tests.support.peers import opened

POST = Post("p", "text")
_MORE_THAN_ANY_LIMIT = 20_000


class Clock:
    """Be a clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def spend_all(session: Session, command: Post | Ping) -> Refused:
    """Send commands until one is refused."""
    for _ in range(_MORE_THAN_ANY_LIMIT):
        try:
            session.spend(command)
        except Refused as refused:
            return refused
    raise AssertionError("nothing was refused")


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
    with opened() as (connection, _, _):
        refused = spend_all(Session(connection, limited=True), POST)

    assert refused.code is ErrorCode.RATE_LIMITED
    assert refused.retry_after is not None
    assert 0 <= refused.retry_after < 5


def test_posts_and_other_commands_do_not_use_up_each_other() -> None:
    with opened() as (connection, _, _):
        session = Session(connection, limited=True)
        spend_all(session, POST)
        session.spend(Typing())

        session = Session(connection, limited=True)
        spend_all(session, Ping())
        session.spend(POST)


def test_limits_can_be_switched_off() -> None:
    with opened() as (connection, _, _):
        session = Session(connection, limited=False)
        for _ in range(_MORE_THAN_ANY_LIMIT):
            session.spend(POST)
            session.refused()

        assert connection.close_code is None


def test_connection_that_is_refused_again_and_again_is_closed_for_abuse() -> None:
    with opened() as (connection, peer, _):
        session = Session(connection, limited=True)
        session.refused()
        assert connection.close_code is None

        for _ in range(_MORE_THAN_ANY_LIMIT):
            session.refused()

        assert peer.close_code() == 1008


def test_event_is_sent_to_the_connection_alone() -> None:
    with opened() as (connection, peer, _), opened() as (_, other, other_route):
        Session(connection, limited=True).send(Pong())

        assert json.loads(peer.text()) == {"type": "pong"}
        other_route.connection.close(1000)
        assert other.until_closed() == ([], 1000)
