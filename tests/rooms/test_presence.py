"""The members that a room is told of: people, not connections, and no two nicks that look alike."""

from __future__ import annotations

import gc
import json
import logging
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import redis

from chat.log import StorageUnavailable
from chat.names.nicks import clean_nick
from chat.protocol import ErrorCode, IsTyping, Joined, Left, Member, Refused, Renamed
from tests.support.peers import run_together
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until
from tests.support.worlds import GRACE_S, RESERVATION_S, LocalWorld, SharedWorld, World

CORPUS = json.loads((Path(__file__).parent.parent / "corpus/names.json").read_text("utf-8"))
ANN, BOB, EVE = "id-ann", "id-bob", "id-eve"


@contextmanager
def traced() -> Iterator[Callable[[], int]]:
    """Give a function that tells how many bytes are held that were not before.

    Without those of Redis's client: each connection of its pool, which is opened when several
    threads ask at once, has 43 KB.
    """
    others = tracemalloc.Filter(
        inclusive=False, filename_pattern=f"{Path(redis.__file__).parent}/*"
    )
    gc.collect()
    tracemalloc.start()

    def grown() -> int:
        gc.collect()
        snapshot = tracemalloc.take_snapshot().filter_traces([others])
        return sum(each.size for each in snapshot.statistics("filename"))

    try:
        yield grown
    finally:
        tracemalloc.stop()


@pytest.fixture(params=["one worker", "two workers on Redis"])
def make_world(request: pytest.FixtureRequest) -> Iterator[Callable[..., World]]:
    """Make worlds of either engine."""
    worlds: list[World] = []

    def make(leave_grace_s: float = GRACE_S) -> World:
        if request.param == "one worker":
            worlds.append(LocalWorld(leave_grace_s))
        else:
            server: RedisServer = request.getfixturevalue("redis")
            with server.client() as client:
                client.flushall()
            worlds.append(SharedWorld(server.url, leave_grace_s))
        return worlds[-1]

    yield make
    for world in worlds:
        world.end()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()


def taken(world: World, member_id: str, nick: str, room: str = "general") -> str | None:
    """Try to join; give the suggested nick if this one is taken, None if the join succeeded."""
    try:
        world.presence.join(room, member_id, nick)
    except Refused as refused:
        if refused.code is not ErrorCode.NICK_TAKEN or refused.suggest is None:
            raise
        return refused.suggest
    return None


# --- what the room is told --------------------------------------------------------


def test_room_is_told_who_came_and_others_are_not(world: World) -> None:
    assert world.presence.join("general", ANN, "Ann").member == Member(ANN, "Ann")
    world.presence.join("kitchen", BOB, "Bob")

    assert world.told() == Joined(Member(ANN, "Ann"))
    assert world.told("kitchen") == Joined(Member(BOB, "Bob"))
    assert world.presence.members("general") == [Member(ANN, "Ann")]
    assert world.presence.members("empty") == []


def test_members_are_listed_in_the_order_of_arrival(world: World) -> None:
    for member_id, nick in ((BOB, "Zoé"), (ANN, "Ann"), (EVE, "Max")):
        world.presence.join("general", member_id, nick)

    assert [member.nick for member in world.presence.members("general")] == ["Zoé", "Ann", "Max"]


def test_member_leaves_when_the_grace_is_over_and_not_before(world: World) -> None:
    world.presence.join("general", BOB, "Bob")
    world.presence.join("general", ANN, "Ann")
    assert [world.told(), world.told()] == [Joined(Member(BOB, "Bob")), Joined(Member(ANN, "Ann"))]
    assert world.told_nothing()
    world.presence.leave("general", ANN)

    world.pass_time(GRACE_S - 0.1)
    assert world.told_nothing()
    assert Member(ANN, "Ann") in world.presence.members("general")
    assert world.presence.is_occupied("general")
    assert not world.presence.is_occupied("kitchen")

    world.pass_time(0.2)
    assert world.told() == Left(Member(ANN, "Ann"))
    assert Member(ANN, "Ann") not in world.presence.members("general")
    assert world.presence.is_occupied("general")  # by Bob


def test_rooms_are_listed_in_which_somebody_is(world: World) -> None:
    assert world.presence.rooms() == []
    for member_id, room in ((ANN, "kitchen"), (BOB, "étage"), (EVE, "general")):
        world.presence.join(room, member_id, None)
    world.presence.visit("garden", EVE, "Eve")  # who is not in it
    assert world.presence.rooms() == ["general", "kitchen", "étage"]
    world.presence.leave("kitchen", ANN)
    assert "kitchen" in world.presence.rooms()

    world.pass_time(GRACE_S + 0.1)

    left = wait_until(lambda: "kitchen" not in (found := world.presence.rooms()) and found)
    assert [room for room in left if "elsewhere" not in room] == ["general", "étage"]


def test_member_that_returns_within_the_grace_was_never_away(world: World) -> None:
    world.presence.join("general", ANN, "Ann")
    assert world.told() == Joined(Member(ANN, "Ann"))
    assert world.told_nothing()

    for _ in range(5):
        world.presence.leave("general", ANN)
        world.pass_time(GRACE_S - 1)
        world.presence.join("general", ANN, "Ann")
    world.pass_time(10 * GRACE_S)

    assert world.told_nothing()


def test_grace_starts_again_with_each_departure(world: World) -> None:
    world.presence.join("general", BOB, "Bob")
    world.presence.join("general", ANN, "Ann")
    assert [world.told(), world.told()]
    world.presence.leave("general", ANN)
    world.pass_time(GRACE_S - 1)
    world.presence.join("general", ANN, "Ann")
    world.presence.leave("general", ANN)

    world.pass_time(2)  # the first grace is over
    assert world.told_nothing()
    world.pass_time(GRACE_S)
    assert world.told() == Left(Member(ANN, "Ann"))


def test_departure_is_told_without_anything_else_happening(
    make_world: Callable[..., World],
) -> None:
    world = make_world(leave_grace_s=0)
    world.presence.join("general", BOB, "Bob")
    world.presence.join("general", ANN, "Ann")
    assert [world.told(), world.told()]

    world.presence.leave("general", ANN)

    assert world.told() == Left(Member(ANN, "Ann"))


def test_member_with_two_connections_comes_once_and_goes_with_the_last(world: World) -> None:
    world.presence.join("general", BOB, "Bob")
    world.presence.join("general", ANN, "Ann")
    world.presence.join("general", ANN, "Ann")
    assert world.presence.members("general") == [Member(BOB, "Bob"), Member(ANN, "Ann")]
    assert [world.told(), world.told()] == [Joined(Member(BOB, "Bob")), Joined(Member(ANN, "Ann"))]

    world.presence.leave("general", ANN)
    world.pass_time(2 * GRACE_S)
    assert world.told_nothing()

    world.presence.leave("general", ANN)
    world.pass_time(2 * GRACE_S)
    assert world.told() == Left(Member(ANN, "Ann"))


def test_member_may_be_in_several_rooms_under_several_nicks(world: World) -> None:
    world.presence.join("general", ANN, "Ann")
    world.presence.join("kitchen", ANN, "Chef")

    assert world.presence.member("general", ANN) == Member(ANN, "Ann")
    assert world.presence.member("kitchen", ANN) == Member(ANN, "Chef")


def test_rename_is_told_with_the_nick_before(world: World) -> None:
    world.presence.join("general", ANN, "Ann")
    world.presence.rename("general", ANN, "Anna")

    assert world.told() == Joined(Member(ANN, "Ann"))
    assert world.told() == Renamed(Member(ANN, "Anna"), "Ann")
    assert world.presence.member("general", ANN) == Member(ANN, "Anna")


def test_second_connection_with_another_nick_renames_its_member(world: World) -> None:
    world.presence.join("general", ANN, "Ann")
    world.presence.join("general", ANN, "Anna")

    assert world.told() == Joined(Member(ANN, "Ann"))
    assert world.told() == Renamed(Member(ANN, "Anna"), "Ann")
    assert world.presence.members("general") == [Member(ANN, "Anna")]


def test_typing_is_told_with_the_nick_of_now(world: World) -> None:
    world.presence.join("general", ANN, "Ann")
    world.presence.rename("general", ANN, "Anna")
    world.presence.typing("general", ANN)

    assert [world.told() for _ in range(3)][-1] == IsTyping(Member(ANN, "Anna"))


def test_flood_of_typing_is_told_a_few_times_only(world: World) -> None:
    world.presence.join("general", ANN, "Ann")
    assert world.told() == Joined(Member(ANN, "Ann"))
    for _ in range(1000):
        world.presence.typing("general", ANN)
    assert world.told() == IsTyping(Member(ANN, "Ann"))
    world.presence.join("general", BOB, "Bob")

    told = 1
    while world.told() == IsTyping(Member(ANN, "Ann")):
        told += 1

    assert told < 100


def test_crowd_that_comes_at_once_is_announced_completely_and_once(world: World) -> None:
    def come(first: int) -> None:
        for number in range(first, first + 25):
            world.presence.join("general", f"m{number}", f"Guest {number}")

    world.presence.join("general", BOB, "Bob")
    assert world.told() == Joined(Member(BOB, "Bob"))
    run_together(*(partial(come, first) for first in range(0, 200, 25)))

    told = [world.told() for _ in range(200)]
    expected = {Joined(Member(f"m{n}", f"Guest {n}")) for n in range(200)}
    assert set(told) == expected
    assert len(world.presence.members("general")) == 201
    assert world.told_nothing()


def test_failed_announcement_is_logged_and_the_next_one_comes(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.ears.announcing_problem = RuntimeError("no paper")
    with caplog.at_level(logging.ERROR):
        world.presence.join("general", ANN, "Ann")
        while world.ears.announcing_problem is not None:
            world.presence.member("general", ANN)
        assert world.told_nothing()

    assert "general" in caplog.text
    assert "no paper" in caplog.text


def test_bug_in_one_round_does_not_end_the_thread(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.presence.join("general", BOB, "Bob")
    world.presence.join("general", ANN, "Ann")
    assert [world.told(), world.told()]
    world.around.clock_problem = RuntimeError("no clock")
    with caplog.at_level(logging.ERROR):
        world.presence.typing("general", ANN)  # wakes the thread, which looks at the clock
        assert world.told() == IsTyping(Member(ANN, "Ann"))
        wait_until(lambda: "no clock" in caplog.text)  # a thread of either worker


def test_who_comes_and_goes_all_the_time_leaves_nothing_behind(world: World) -> None:
    def come_and_go(times: int) -> None:
        for _ in range(times):
            world.presence.join("general", ANN, "Ann")
            world.presence.leave("general", ANN)

    come_and_go(100)
    assert world.told() == Joined(Member(ANN, "Ann"))
    with traced() as grown:
        come_and_go(100)
        once = grown()
        come_and_go(500)  # within the leave grace
        assert grown() - once < 20_000


def test_crowd_that_leaves_again_and_again_is_remembered_once() -> None:
    world = LocalWorld(leave_grace_s=0)
    world.presence.join("general", BOB, "Bob")
    assert world.told() == Joined(Member(BOB, "Bob"))

    def come_and_go() -> None:
        for number in range(200):
            world.presence.join("general", f"m{number}", f"Guest {number}")
        for number in range(200):
            world.presence.leave("general", f"m{number}")
        for _ in range(400):
            world.told()

    with traced() as grown:
        come_and_go()
        once = grown()
        for _ in range(20):
            come_and_go()  # within the nicks' reservation
        assert grown() - once < 50_000


def test_room_that_nobody_could_enter_is_forgotten() -> None:
    world = LocalWorld()
    world.around.recent["general"] = [(Member(ANN, "Ann"), 100.0)]
    assert taken(world, BOB, "Ann") is not None
    world.pass_time(RESERVATION_S + 1)
    world.around.recent["general"] = [(Member(EVE, "Eve"), 0.0)]

    assert taken(world, BOB, "Eve") is not None  # read again from the log


# --- the owner of a nick ----------------------------------------------------------


@pytest.mark.parametrize("nick", ["Ann", "ANN", "Аnn", "Ann\u200d"], ids=ascii)
def test_nick_that_looks_like_a_present_ones_is_taken_and_the_suggestion_is_free(
    world: World, nick: str
) -> None:
    world.presence.join("general", ANN, "Ann")

    suggestion = taken(world, BOB, nick)

    assert suggestion is not None
    assert taken(world, BOB, suggestion) is None
    assert [member.id for member in world.presence.members("general")] == [ANN, BOB]


def test_refused_nick_changes_nothing(world: World) -> None:
    world.presence.join("general", ANN, "Ann")
    world.presence.join("general", BOB, "Bob")
    with pytest.raises(Refused):
        world.presence.rename("general", BOB, "ann")
    assert taken(world, EVE, "BOB") is not None

    assert world.presence.members("general") == [Member(ANN, "Ann"), Member(BOB, "Bob")]
    assert [world.told(), world.told()]
    assert world.told_nothing()


def test_suggestions_for_a_crowd_with_one_nick_are_all_different(world: World) -> None:
    world.presence.join("general", ANN, "Ann")

    for number in range(20):
        suggestion = taken(world, f"m{number}", "Ann")
        assert suggestion is not None
        assert taken(world, f"m{number}", suggestion) is None

    assert len({member.nick for member in world.presence.members("general")}) == 21


def test_same_nick_may_be_had_in_another_room(world: World) -> None:
    world.presence.join("general", ANN, "Ann")

    assert taken(world, BOB, "Ann", "kitchen") is None


def test_nick_stays_reserved_for_its_member_after_leaving(world: World) -> None:
    world.presence.join("general", ANN, "Ann")
    world.presence.leave("general", ANN)

    world.pass_time(GRACE_S + 1)
    assert world.presence.members("general") == []
    assert taken(world, BOB, "ann") is not None
    world.pass_time(RESERVATION_S - 2)
    assert taken(world, BOB, "ann") is not None
    assert taken(world, ANN, "Ann") is None


def test_nick_is_free_when_its_reservation_is_over(world: World) -> None:
    world.presence.join("general", ANN, "Ann")
    world.presence.leave("general", ANN)
    world.pass_time(GRACE_S + 1)
    assert taken(world, BOB, "Ann") is not None

    world.pass_time(RESERVATION_S)

    assert taken(world, BOB, "Ann") is None
    assert taken(world, ANN, "Ann") is not None


def test_nick_before_a_rename_stays_reserved_for_its_member(world: World) -> None:
    world.presence.join("general", ANN, "Ann")
    world.presence.rename("general", ANN, "Zoé")
    assert taken(world, BOB, "Ann") is not None
    assert taken(world, BOB, "zoé") is not None

    world.presence.rename("general", ANN, "Ann")
    world.presence.rename("general", ANN, "Zoé")
    world.pass_time(RESERVATION_S + 1)

    assert taken(world, BOB, "Ann") is None
    assert taken(world, EVE, "zoé") is not None


def test_reserved_nick_is_not_freed_by_somebody_who_takes_many(world: World) -> None:
    world.presence.join("general", ANN, "Ann")
    world.presence.leave("general", ANN)
    world.pass_time(GRACE_S + 1)

    world.presence.join("general", EVE, "Eve")
    for number in range(2100):
        world.presence.rename("general", EVE, f"Eve {number}")

    with pytest.raises(Refused):
        world.presence.rename("general", EVE, "Ann")
    assert taken(world, ANN, "Ann") is None


def test_nick_is_not_pushed_out_by_many_members_of_one_address(world: World) -> None:
    world.presence.join("general", ANN, "Ann", b"hers")
    world.presence.leave("general", ANN)
    world.pass_time(GRACE_S + 1)
    for number in range(2050):
        world.presence.join("general", f"m{number}", f"nick{number}", b"a stranger's")
        world.presence.leave("general", f"m{number}")
    world.pass_time(GRACE_S + 1)
    # On Redis they are let go of a thousand at a time.
    wait_until(lambda: not world.presence.members("general"))

    assert taken(world, BOB, "Ann") is not None
    assert taken(world, BOB, "nick2049") is not None
    # Of two workers, either may have let go of its people first.
    assert None in (taken(world, BOB, "nick0"), taken(world, EVE, "nick1"))


def test_member_keeps_the_three_nicks_that_it_had_last(world: World) -> None:
    world.presence.join("general", ANN, "Ann 0")
    for number in range(1, 6):
        world.presence.rename("general", ANN, f"Ann {number}")

    for number in (2, 3, 4, 5):
        assert taken(world, BOB, f"Ann {number}") is not None
    assert taken(world, BOB, "Ann 1") is None


def test_who_was_here_lately_is_known(world: World) -> None:
    def is_known(member_id: str, nick: str, room: str = "general") -> bool:
        return world.presence.join(room, member_id, nick).is_known

    assert is_known(ANN, "Ann")  # she may have been here, before the server started
    world.pass_time(RESERVATION_S + 1)
    assert not is_known(EVE, "Eve")
    assert is_known(EVE, "Eve")
    assert not is_known(EVE, "Eve", "kitchen")
    world.presence.leave("general", EVE)
    world.presence.leave("general", EVE)
    world.pass_time(GRACE_S + 1)
    assert is_known(EVE, "Eve")
    assert not is_known(BOB, "Bob")


def test_suggestion_is_no_twin_and_is_allowed_itself(world: World) -> None:
    world.presence.join("general", ANN, "Alice")

    for number, twin in enumerate(CORPUS["twins"]["Alice"]):
        suggestion = taken(world, f"eve-{number}", twin)
        assert suggestion is not None
        assert clean_nick(suggestion) == suggestion
        assert taken(world, f"eve-{number}", suggestion) is None


@pytest.mark.parametrize("variant", ["ANN", "Аnn", "ann"], ids=ascii)
def test_member_may_take_a_variant_of_its_own_nick_and_keeps_it(world: World, variant: str) -> None:
    world.presence.join("general", ANN, "Ann")
    world.presence.rename("general", ANN, variant)

    world.pass_time(2 * RESERVATION_S)  # the reservation of the nick before has ended

    assert world.presence.member("general", ANN).nick == variant
    for lookalike in ("Ann", "ANN", "ann", "aNN"):
        assert taken(world, BOB, lookalike) is not None, lookalike


def test_present_member_keeps_its_nick_for_ever(world: World) -> None:
    world.presence.join("general", ANN, "Ann")

    world.pass_time(100 * RESERVATION_S)

    assert taken(world, BOB, "Ann") is not None


def test_restart_relearns_the_nicks_of_those_who_spoke_lately(world: World) -> None:
    world.around.recent["general"] = [
        (Member(ANN, "Ann"), 100.0),
        (Member(EVE, "Eve"), RESERVATION_S + 1),
    ]

    assert taken(world, BOB, "ANN") is not None
    assert taken(world, BOB, "Eve") is None  # that was long ago
    world.pass_time(RESERVATION_S - 101)
    assert taken(world, "another", "ANN") is not None
    world.pass_time(2)
    assert taken(world, "another", "ANN") is None


def test_restart_gives_a_nick_back_to_who_used_it_last(world: World) -> None:
    world.around.recent["general"] = [(Member(EVE, "Ann"), 300.0), (Member(ANN, "Ann"), 100.0)]

    assert taken(world, EVE, "Ann") is not None
    assert taken(world, ANN, "Ann") is None


def test_room_whose_past_cannot_be_read_is_not_joined(world: World) -> None:
    world.around.storage_problem = StorageUnavailable("no disk")
    with pytest.raises(StorageUnavailable, match="no disk"):
        world.presence.join("general", BOB, "Ann")
    assert world.presence.members("general") == []

    world.around.storage_problem = None
    world.around.recent["general"] = [(Member(ANN, "Ann"), 100.0)]
    assert taken(world, BOB, "Ann") is not None


def test_guest_gets_a_nick_of_its_own_and_keeps_it(world: World) -> None:
    guests = [world.presence.join("general", f"m{number}", None).member for number in range(50)]

    assert len({guest.nick for guest in guests}) == 50
    assert world.presence.join("general", "m0", None).member == guests[0]


# --- who visits ------------------------------------------------------------------------


def test_visitor_is_not_in_the_room_and_nobody_is_told(world: World) -> None:
    world.presence.join("general", BOB, "Bob")
    assert world.told() == Joined(Member(BOB, "Bob"))
    assert world.presence.visit("general", ANN, "Ann") == Member(ANN, "Ann")
    assert [each.id for each in world.presence.members("general")] == [BOB]
    world.presence.join("general", EVE, "Eve")
    assert world.told() == Joined(Member(EVE, "Eve"))


def test_visitors_nick_is_its_own_and_is_kept_for_it(world: World) -> None:
    world.presence.visit("general", ANN, "Ann")
    assert taken(world, BOB, "ann") is not None
    assert world.presence.visit("general", ANN, None).nick == "Ann"
    assert taken(world, ANN, "Ann") is None


def test_visitor_cannot_have_the_nick_of_somebody_there(world: World) -> None:
    world.presence.join("general", BOB, "Bob")
    with pytest.raises(Refused) as refused:
        world.presence.visit("general", ANN, "bob")
    assert refused.value.code is ErrorCode.NICK_TAKEN
    assert refused.value.suggest is not None
    assert world.presence.visit("general", ANN, refused.value.suggest)


def test_member_that_is_there_visits_under_the_nick_that_it_has(world: World) -> None:
    world.presence.join("general", ANN, "Zoé")
    assert world.presence.visit("general", ANN, "Ann").nick == "Zoé"


def test_visitors_nick_is_free_when_its_reservation_is_over(world: World) -> None:
    world.presence.visit("general", ANN, "Ann")
    world.pass_time(RESERVATION_S + 1)
    assert taken(world, BOB, "Ann") is None


def test_each_visit_keeps_the_nick_for_longer(world: World) -> None:
    for _ in range(3):
        world.presence.visit("general", ANN, "Ann")
        world.pass_time(RESERVATION_S - 1)
    assert taken(world, BOB, "Ann") is not None


def test_people_are_listed_with_the_time_of_arrival(world: World) -> None:
    assert world.presence.people("general") == []
    world.presence.join("general", ANN, "Ann")
    world.presence.join("general", BOB, "Bob")
    (ann, ann_ms), (bob, bob_ms) = world.presence.people("general")
    assert (ann.nick, bob.nick) == ("Ann", "Bob")
    assert 1_700_000_000_000 < ann_ms <= bob_ms
