"""What both engines tell of all rooms, for whoever looks after the chat."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from chat.log import Draft, Hour, Listed, MessageLog, StorageUnavailable, redis_overview
from chat.protocol import Done, End, Make, Member, Mute, Pin, Remove, read_time
from tests.log.conversations import Conversation, Told
from tests.log.engines import ANN, BOB, Engine, OnRedis, draft, well
from tests.support import redis_logs
from tests.support.logs import Past
from tests.support.waiting import wait_until

KEY = "k" * 22


def opened(place: Engine, retention_messages: int = 100_000) -> tuple[MessageLog, Told]:
    log, told = place.open(retention_messages), Told()
    told.start(log)
    well(log)
    return log, told


def test_rooms_are_listed_with_what_they_have(place: Engine) -> None:
    log, told = opened(place)
    general = Conversation(log, told, "general")
    general.say("hello")
    newest = general.do(Pin("pin", 1))
    told.empty.add("a-tea-room")
    tea = Conversation(log, told, "a-tea-room")
    tea.do(Make("a-tea-room", title="Thé", owner=KEY))
    quiet = Conversation(log, told, "quiet")
    quiet.do(Mute("mute", "bob", 60))
    ended = Conversation(log, told, "zoo")
    last = ended.say("bye")
    assert ended.do(End("end")) == Done("end")

    listed = log.rooms("", 10)

    (ended_at,) = (each.ended_at for each in listed if each.room == "zoo")
    assert listed == [
        Listed("a-tea-room", 0, 0, None, True, "Thé", None),
        Listed("general", 2, 2, read_time(newest.at), False, "", None),
        Listed("quiet", 0, 0, None, False, "", None),
        Listed("zoo", 0, 1, read_time(last.at), False, "", ended_at),
    ]
    assert ended_at is not None
    assert ended_at >= last.at
    log.close()
    with pytest.raises(StorageUnavailable):
        log.rooms("", 10)


def test_rooms_are_listed_page_after_page_in_the_order_of_their_names(place: Engine) -> None:
    log, told = opened(place)
    names = [f"{first}{number}" for number in range(150) for first in "é東a-"]
    for name in names:
        log.append(draft(1, room=name), told.events[name].put)
    for name in names:
        Conversation(log, told, name).next()

    pages, after = [], ""
    while page := log.rooms(after, 70):
        pages.append([each.room for each in page])
        after = page[-1].room

    assert [name for page in pages for name in page] == sorted(names)
    assert [len(page) for page in pages] == [70] * 8 + [40]


def test_listed_room_has_the_entries_that_are_kept(place: Engine) -> None:
    log, told = opened(place, retention_messages=100)
    room = Conversation(log, told, "general")
    for number in range(500):
        log.append(Draft("general", f"id-{number}", ANN, "text"), told.events["general"].put)
    for _ in range(500):
        last = room.next()

    def kept() -> Listed:
        (listed,) = log.rooms("", 10)
        return listed

    wait_until(lambda: kept().entries <= 100)
    assert kept() == Listed(
        "general", len(room.entries()), 500, read_time(last.at), False, "", None
    )


# --- the posts of each hour ---------------------------------------------------------------------


def test_posts_of_each_hour_are_counted_with_those_who_wrote_them(place: Engine) -> None:
    log, told = opened(place)
    general, other = Conversation(log, told, "general"), Conversation(log, told, "other")
    hour_ms = int(time.time()) // 3600 * 3_600_000
    yesterday_ms = hour_ms - 24 * 3_600_000

    def say(room: Conversation, at_ms: int, member: Member) -> None:
        log.append(
            Draft(room.name, room.new_id(), member, "x", at_ms=at_ms), told.events[room.name].put
        )
        room.next()

    for room in (general, other):
        for at_ms in (yesterday_ms - 1, yesterday_ms, yesterday_ms + 3_599_999):
            say(room, at_ms, ANN)
    say(other, yesterday_ms + 5, BOB)
    gone = general.say("now")
    general.do(Remove("remove", gone.seq))  # a post all the same
    general.do(Pin("pin", 1))  # none
    ended = Conversation(log, told, "ended")
    say(ended, yesterday_ms, BOB)
    ended.do(End("end"))

    def since(at_ms: int) -> list[Hour]:
        found = log.activity(at_ms)
        assert found.is_whole
        return found.hours

    now_ms = read_time(gone.at) // 3_600_000 * 3_600_000
    assert since(yesterday_ms) == [Hour(yesterday_ms, 5, 2), Hour(now_ms, 1, 1)]
    assert since(yesterday_ms + 1) == [Hour(yesterday_ms, 3, 2), Hour(now_ms, 1, 1)]
    assert since(0)[0] == Hour(yesterday_ms - 3_600_000, 2, 1)
    assert since(read_time(gone.at) + 1) == []


def test_posts_before_many_that_were_put_in_later_are_counted_too(place: Engine) -> None:
    log, told = opened(place)
    room = Conversation(log, told, "general")
    now_ms = read_time(room.say("hello").at)
    long_ago_ms = now_ms - 10**10
    for number in range(700):
        past = Draft("general", f"past-{number}", BOB, "x", at_ms=long_ago_ms)
        log.append(past, told.events["general"].put)
    for _ in range(700):
        room.next()
    for at_ms, posts in ((now_ms, [1]), (long_ago_ms, [700, 1])):
        found = log.activity(at_ms)
        assert ([each.posts for each in found.hours], found.is_whole) == (posts, True)


def test_redis_says_that_it_did_not_look_at_all_posts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, at_ms = OnRedis(tmp_path), int(time.time() * 1000)
    url = place.redis.url
    redis_logs.fill(url, "large", [Past("Ann", "x", at_ms)] * 3000)
    redis_logs.fill(url, "small", [Past("Bob", "x", at_ms)] * 3)
    redis_logs.fill(url, "old", [Past("Bob", "x", at_ms - 10**9)] * 3000)
    log, _ = opened(place)

    assert log.activity(at_ms)[1] is True  # of the old ones, it needs not look at all
    monkeypatch.setattr(redis_overview, "_POSTS_ENTRIES", 1000)
    (hour,), is_whole = log.activity(at_ms)

    assert not is_whole
    assert 600 <= hour.posts <= 1003
    assert hour.members == 2
    place.end()
