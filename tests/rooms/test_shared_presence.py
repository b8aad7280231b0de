"""The people of several workers on a real Redis: what one worker alone cannot show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import current_thread
from typing import Any

import pytest
from redis.exceptions import OutOfMemoryError

from chat.log import StorageUnavailable
from chat.protocol import ErrorCode, IsTyping, Joined, Left, Member, Refused, Renamed
from chat.redis.partitions import key, partition_of
from chat.rooms import shared_presence
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until
from tests.support.worlds import Around, Worker

ANN, BOB, EVE = Member("id-ann", "Ann"), Member("id-bob", "Bob"), Member("id-eve", "Eve")
RENEW_S = 0.4


@pytest.fixture
def around() -> Around:
    return Around()


@pytest.fixture
def make_worker(redis: RedisServer, around: Around) -> Iterator[Callable[..., Worker]]:
    """Make workers; a member leaves at once with its last connection."""
    workers: list[Worker] = []

    def make(**options: float) -> Worker:
        options = {"leave_grace_s": 0.0, "timeout_s": 0.5, "renew_s": RENEW_S, **options}
        workers.append(Worker(redis.url, around, **options))
        return workers[-1]

    yield make
    for worker in workers:
        worker.die()


def come(worker: Worker, *members: Member, room: str = "general") -> None:
    for member in members:
        worker.join(room, member.id, member.nick)


@pytest.fixture
def pair(make_worker: Callable[..., Worker]) -> tuple[Worker, Worker]:
    """Give two workers; Bob is at the first one, Eve at the second."""
    one, other = make_worker(), make_worker()
    come(one, BOB)
    assert one.told() == Joined(BOB)
    come(other, EVE)
    assert one.told() == other.told() == Joined(EVE)
    return one, other


def test_person_with_tabs_at_two_workers_comes_once_and_goes_once(
    pair: tuple[Worker, Worker],
) -> None:
    one, other = pair
    come(one, ANN)
    assert one.told() == other.told() == Joined(ANN)
    come(other, ANN)
    one.leave("general", ANN.id)  # without a grace: the worker lets go of her now

    other.presence.rename("general", ANN.id, "Anna")  # the next that anybody is told
    assert one.told() == other.told() == Renamed(Member(ANN.id, "Anna"), "Ann")
    other.leave("general", ANN.id)
    assert one.told() == other.told() == Left(Member(ANN.id, "Anna"))
    wait_until(lambda: one.members() == other.members() == ["Bob", "Eve"])


def test_room_with_somebody_at_another_worker_is_occupied(
    make_worker: Callable[..., Worker],
) -> None:
    one, other = make_worker(), make_worker()
    come(other, ANN, room="kitchen")
    assert one.presence.is_occupied("kitchen")
    assert not one.presence.is_occupied("garden")


def test_typing_and_the_nick_of_now_are_told_at_all_workers(pair: tuple[Worker, Worker]) -> None:
    one, other = pair
    one.presence.typing("general", BOB.id)
    assert one.told() == other.told() == IsTyping(BOB)

    come(other, BOB)
    other.presence.rename("general", BOB.id, "Bobby")
    assert one.told() == Renamed(Member(BOB.id, "Bobby"), "Bob")
    assert one.presence.member("general", BOB.id) == Member(BOB.id, "Bobby")


def test_nick_is_changed_as_often_as_allowed_at_whatever_worker(
    make_worker: Callable[..., Worker],
) -> None:
    one, other = make_worker(rename_every_s=60.0), make_worker(rename_every_s=60.0)
    come(one, ANN)
    come(other, ANN)
    one.presence.rename("general", ANN.id, "Anna")

    with pytest.raises(Refused) as refused:
        other.presence.rename("general", ANN.id, "Anne")

    assert refused.value.code is ErrorCode.RATE_LIMITED
    assert refused.value.retry_after == pytest.approx(60.0, abs=2.0)


def test_join_asks_redis_once(pair: tuple[Worker, Worker]) -> None:
    one, _ = pair
    asked: list[str] = []
    ask = one.servers.ask

    def counting(*arguments: Any) -> list[Any]:
        asked.append(current_thread().name)
        return ask(*arguments)

    one.servers.ask = counting  # type: ignore[method-assign]
    come(one, ANN)
    one.presence.members("general")
    one.presence.member("general", ANN.id)

    assert asked.count(current_thread().name) == 1


def test_people_of_a_dead_worker_leave_unless_they_are_elsewhere(
    pair: tuple[Worker, Worker],
) -> None:
    one, other = pair
    come(other, ANN)
    assert one.told() == Joined(ANN)
    come(one, ANN)

    other.die()

    assert one.told() == Left(EVE)
    assert one.members() == ["Bob", "Ann"]


def test_who_leaves_while_too_many_do_is_found_and_leaves(
    pair: tuple[Worker, Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pair
    members = [Member(f"id-{number}", f"Nick {number}") for number in range(5)]
    come(one, *members)
    monkeypatch.setattr(shared_presence, "_GONE_LIMIT", 0)
    for member in members:
        one.leave("general", member.id)
    wait_until(lambda: other.members() == one.members() == ["Bob", "Eve"])


def test_many_people_of_a_dead_worker_leave(pair: tuple[Worker, Worker]) -> None:
    one, other = pair
    for number in range(1200):
        come(other, Member(f"m{number}", f"Guest {number}"), room=f"room-{number % 3}")
        if number < 3:
            come(one, BOB, room=f"room-{number}")

    other.die()

    assert one.told() == Left(EVE)
    for number in range(3):
        wait_until(lambda room=f"room-{number}": one.members(room) == ["Bob"])


def test_worker_that_was_taken_for_dead_holds_its_people_again(
    pair: tuple[Worker, Worker],
) -> None:
    one, other = pair

    other.leases.close()

    assert one.told() == Left(EVE)
    assert one.told() == Joined(EVE)


def test_people_of_a_redis_that_lost_all_stay(
    pair: tuple[Worker, Worker], redis: RedisServer, make_worker: Callable[..., Worker]
) -> None:
    one, other = pair
    with redis.client() as client:
        client.flushall()
        people = key(partition_of("general"), "people", "general")
        wait_until(lambda: client.hlen(people) == 2)

    come(other, ANN)
    assert one.told() == other.told() == Joined(ANN)  # nobody has left or come meanwhile
    third = make_worker()
    come(third, Member("id-max", "Max"))
    assert set(third.members()) == {"Bob", "Eve", "Ann", "Max"}
    assert one.told() == Joined(Member("id-max", "Max"))


def test_who_comes_to_a_redis_that_has_just_lost_all_finds_everybody(
    pair: tuple[Worker, Worker], redis: RedisServer
) -> None:
    one, other = pair
    with redis.client() as client:
        client.flushall()
    come(one, ANN)

    assert one.members() == ["Bob", "Eve", "Ann"]
    wait_until(lambda: set(other.members()) == {"Bob", "Eve", "Ann"})
    assert one.told() == other.told() == Joined(ANN)


def test_people_stay_while_redis_does_not_answer_and_nobody_comes(
    pair: tuple[Worker, Worker], redis: RedisServer
) -> None:
    one, other = pair
    redis.freeze()
    try:
        with pytest.raises(StorageUnavailable):
            one.presence.join("general", ANN.id, "Ann")
        with pytest.raises(StorageUnavailable):
            one.presence.rename("general", BOB.id, "Bobby")
        with pytest.raises(StorageUnavailable):
            one.presence.rooms()
        one.presence.typing("general", BOB.id)
        assert one.members() == other.members() == ["Bob", "Eve"]
        assert one.presence.member("general", BOB.id) == BOB
    finally:
        redis.thaw()

    # What Redis did when it woke up, and nobody had its answer, is undone.
    wait_until(lambda: one.members() == other.members() != [])

    def ann_has_come() -> bool:
        try:
            come(other, ANN)
        except StorageUnavailable:  # for a moment, a server that did not answer is not asked
            return False
        return True

    wait_until(ann_has_come)
    other.leave("general", ANN.id)
    wait_until(lambda: "Ann" not in one.members() and "Ann" not in other.members())


def test_people_stay_when_redis_begins_anew(
    pair: tuple[Worker, Worker], redis: RedisServer
) -> None:
    one, other = pair
    redis.kill()
    with pytest.raises(StorageUnavailable):
        one.presence.join("general", ANN.id, "Ann")
    redis.start()
    with redis.client() as client:
        people = key(partition_of("general"), "people", "general")
        wait_until(lambda: client.hlen(people) == 2)

    def comes() -> bool:
        try:
            one.presence.join("general", ANN.id, "Ann")
        except StorageUnavailable:
            return False
        return True

    wait_until(comes)
    assert one.told() == other.told() == Joined(ANN)
    assert one.members() == ["Bob", "Eve", "Ann"]


def test_what_was_not_heard_is_found(pair: tuple[Worker, Worker], redis: RedisServer) -> None:
    one, other = pair
    with redis.client() as client:
        for number in range(10):
            client.client_kill_filter(_type="pubsub")
            come(other, Member(f"m{number}", f"Guest {number}"))

    wait_until(lambda: len(one.members()) == 12)
    assert one.members() == other.members()
    assert {one.told() for _ in range(10)} == {
        Joined(Member(f"m{number}", f"Guest {number}")) for number in range(10)
    }


def test_nothing_is_left_of_a_room_when_its_nicks_are_free(
    make_worker: Callable[..., Worker], around: Around, redis: RedisServer
) -> None:
    worker = make_worker(nick_reservation_s=0.5)
    around.recent["attic"] = [(ANN, 0.1)]
    come(worker, ANN)
    worker.presence.rename("general", ANN.id, "Anna")
    worker.leave("general", ANN.id)
    with pytest.raises(Refused):  # nobody was let into that room
        worker.presence.join("attic", BOB.id, "Ann")

    with redis.client() as client:
        leases = {key(partition_of(room), "leases") for room in ("general", "attic")}
        assert client.dbsize() > len(leases)
        wait_until(lambda: {name.decode() for name in client.scan_iter()} <= leases)


def test_people_come_when_the_memory_of_redis_is_full(
    pair: tuple[Worker, Worker], redis: RedisServer
) -> None:
    one, other = pair
    with redis.client() as client:
        client.config_set("maxmemory", "1mb")
        try:
            with pytest.raises(OutOfMemoryError):
                client.set("more", "x")
            come(one, ANN)
            assert other.told() == Joined(ANN)
            one.leave("general", ANN.id)
            assert other.told() == Left(ANN)
        finally:
            client.config_set("maxmemory", "0")
