"""What both engines do when somebody asks for the deletion of a room's oldest entries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from chat.log import MessageLog, StorageFull, StorageUnavailable
from chat.protocol import Done, End, Pin, Seen
from chat.rooms.delivery import find_gap
from tests.log.conversations import Conversation, Told
from tests.log.engines import ANN, BOB, Engine, OnRedis, draft, well
from tests.log.on_file import File
from tests.support.waiting import wait_until


def opened(place: Engine) -> tuple[MessageLog, Conversation]:
    log, told = place.open(), Told()
    told.start(log)
    well(log)
    log.follow("general")
    return log, Conversation(log, told, "general")


def filled(room: Conversation, number: int) -> None:
    for each in range(number):
        room.log.append(draft(each, ANN, room.name), room.told.events[room.name].put)
    for _ in range(number):
        room.next()


def test_oldest_entries_are_deleted_and_the_place_of_the_last_one_is_proved(
    place: Engine,
) -> None:
    log, room = opened(place)
    filled(room, 1000)
    room.do(Pin("pin", 3), is_owner=True)
    other = Conversation(log, room.told, "other")
    elsewhere = other.say("elsewhere")
    before = room.entries()

    assert log.prune("general", 601) == 601

    assert room.entries()[:-1] == before[601:-1]
    assert room.entries()[-1].message is None  # what was pinned
    missed = log.after("general", 601, 1)
    assert find_gap(Seen(missed.epoch, 601, before[600].at), log.after("general", 601, 999)) is None
    assert log.after("general", 600, 1).at is None
    assert log.own("general", ANN.id, "id-600") is None
    assert log.find("general", "600", None, 10).messages == []
    assert room.record().pin is None
    assert other.entries() == [elsewhere]
    assert log.rooms("", 1)[0].entries == 1001 - 601
    assert log.prune("general", 601) == log.prune("general", 0) == 0
    assert log.prune("nowhere", 10) == 0
    log.close()
    log, room = opened(place)
    assert room.entries()[:-1] == before[601:-1]


def test_no_number_is_given_twice_when_all_entries_are_deleted(place: Engine) -> None:
    log, room = opened(place)
    filled(room, 200)  # as many as a step of one engine, and four of the other
    newest = room.message(200)
    assert log.prune("general", 10**9) == 200
    missed = log.after("general", 200, 10)
    assert missed[1:] == (newest.at, 200, [])
    assert find_gap(Seen(missed.epoch, 200, newest.at), missed) is None
    assert room.say("next").seq == 201
    assert room.say("again", id="id-7").seq == 202  # its id is free
    log.close()
    log, room = opened(place)
    assert [each.seq for each in room.entries()] == [201, 202]
    assert room.do(End("end"), is_owner=True) == Done("end")
    assert log.prune("general", 202) == 0


def test_posts_are_stored_while_entries_are_deleted(place: Engine) -> None:
    log, room = opened(place)
    filled(room, 5000)
    pruned: list[int] = []
    thread = Thread(target=lambda: pruned.append(log.prune("general", 5000)))
    thread.start()
    posted = [room.say("meanwhile", BOB) for _ in range(20)]
    thread.join()
    assert pruned == [5000]
    assert [each.seq for each in posted] == list(range(5001, 5021))
    assert room.entries() == posted


def test_log_that_is_not_open_deletes_nothing(place: Engine) -> None:
    log = place.open()
    with pytest.raises(StorageUnavailable):
        log.prune("general", 1)
    log.close()
    log, room = opened(place)
    room.say("hello")
    log.close()
    with pytest.raises(StorageUnavailable):
        log.prune("general", 1)


def test_redis_with_full_memory_deletes(tmp_path: Path) -> None:
    place = OnRedis(tmp_path)
    log, room = opened(place)
    filled(room, 300)
    with place.blocked():
        assert log.prune("general", 250) == 250
    assert [each.seq for each in room.entries()] == list(range(251, 301))
    place.end()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[File]:
    file = File(tmp_path / "tchat.db")
    yield file
    file.end()


def test_full_file_deletes_and_takes_posts_again(file: File) -> None:
    log = file.open(database_bytes=1 << 20)
    room = file.room("general")
    said = "something long " * 100
    posts = 0
    while not isinstance(outcome := room.say(said), StorageFull):
        posts += 1
    assert posts > 100
    assert log.prune("general", posts - 10) == posts - 10
    wait_until(lambda: not isinstance(room.say("more"), StorageUnavailable), lambda: outcome)


def test_text_is_overwritten_in_the_file_and_in_its_wal(file: File) -> None:
    log = file.open()
    room = file.room("general")
    room.say("a secret word")
    room.say("another one")
    assert file.has(b"a secret word")
    assert log.prune("general", 1) == 1
    wait_until(lambda: not file.has(b"a secret word"))
    assert file.has(b"another one")
