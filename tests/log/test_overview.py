"""What both engines tell of all rooms, for whoever looks after the chat."""

from __future__ import annotations

import pytest

from chat.log import Draft, Listed, MessageLog, StorageUnavailable
from chat.protocol import Done, End, Make, Mute, Pin, read_time
from tests.log.conversations import Conversation, Told
from tests.log.engines import ANN, Engine, draft, well
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
