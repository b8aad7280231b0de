"""Turns: one post of a member in a while, as the log and the tail tell; amounts by member."""

from __future__ import annotations

from collections.abc import Callable
from time import time

import pytest

from chat.protocol import ErrorCode, Member, Message, Refused
from chat.rooms.amounts import Amount
from chat.rooms.turns import MemberAmount, Turns
from tests.rooms.test_pace import Clock

ROOM, PACE_S = "salon", 60
ANN, BOB = Member("a" * 22, "Ann"), Member("b" * 22, "Bob")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def waits(take: Callable[[], object]) -> float | None:
    """Give the seconds to wait that somebody is told, or 0."""
    try:
        take()
    except Refused as refused:
        return refused.retry_after
    return 0.0


def message(member: Member) -> Message:
    return Message(1, "id", member, "text", "2026-01-01T00:00:00.000Z")


def test_turn_comes_back_after_the_pace(clock: Clock) -> None:
    turns = Turns(lambda room, since_ms: [], clock)
    turns.take(ROOM, ANN.id, PACE_S)
    clock.now_s += 59.5
    with pytest.raises(Refused) as refusal:
        turns.take(ROOM, ANN.id, PACE_S)
    assert (refusal.value.code, refusal.value.retry_after) == (ErrorCode.TOO_SOON, 0.5)
    assert waits(lambda: turns.take(ROOM, BOB.id, PACE_S)) == 0
    assert waits(lambda: turns.take("elsewhere", ANN.id, PACE_S)) == 0
    clock.now_s += 0.5
    assert waits(lambda: turns.take(ROOM, ANN.id, PACE_S)) == 0


def test_post_that_came_to_nothing_gives_its_turn_back(clock: Clock) -> None:
    turns = Turns(lambda room, since_ms: [], clock)
    turns.take(ROOM, ANN.id, PACE_S)
    clock.now_s += 60
    give_back = turns.take(ROOM, ANN.id, PACE_S)
    give_back()
    assert waits(lambda: turns.take(ROOM, ANN.id, 90)) == 30  # of the post before
    turns.forget(ROOM)
    turns.take(ROOM, ANN.id, PACE_S)()
    assert waits(lambda: turns.take(ROOM, ANN.id, PACE_S)) == 0


def test_posts_before_the_first_one_here_are_read_from_the_log(clock: Clock) -> None:
    asked = []

    def recent(room: str, since_ms: int) -> list[tuple[Member, int]]:
        asked.append(room)
        assert time() * 1000 - since_ms == pytest.approx(PACE_S * 1000, abs=5000)
        now_ms = int(time() * 1000)
        return [(ANN, now_ms - 20_000), (Member(ANN.id, "Anna"), now_ms - 50_000)]

    turns = Turns(recent, clock)
    assert waits(lambda: turns.take(ROOM, ANN.id, PACE_S)) == pytest.approx(40, abs=2)
    assert waits(lambda: turns.take(ROOM, BOB.id, PACE_S)) == 0
    assert asked == [ROOM]


def test_posts_at_other_workers_are_told_by_the_tail(clock: Clock) -> None:
    turns = Turns(lambda room, since_ms: [], clock)
    turns.committed(ROOM, [message(BOB)])  # nobody has asked about the room yet: it is read later
    turns.take(ROOM, ANN.id, PACE_S)
    turns.committed(ROOM, [message(BOB)])
    assert waits(lambda: turns.take(ROOM, BOB.id, PACE_S)) == PACE_S


def test_amount_is_each_members(clock: Clock) -> None:
    amount = MemberAmount(Amount("a test", 2, 60), clock)
    for _ in range(2):
        amount.spend(ROOM, ANN.id)
    assert waits(lambda: amount.spend(ROOM, ANN.id)) == 30
    assert waits(lambda: amount.spend(ROOM, ANN.id)) == 30  # what is refused is not counted
    assert waits(lambda: amount.spend(ROOM, BOB.id)) == 0
    clock.now_s += 30
    assert waits(lambda: amount.spend(ROOM, ANN.id)) == 0
