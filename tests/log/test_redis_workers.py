"""What workers on one Redis tell each other of edits, removals and records, and find out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import Empty
from typing import Any

import pytest

from chat.log import Record, StorageFull, StorageUnavailable
from chat.log.redis import RedisLog
from chat.names.keys import owner_hash
from chat.protocol import (
    Change,
    Deed,
    Done,
    Edit,
    Edited,
    End,
    Erase,
    ErrorCode,
    Made,
    Make,
    Member,
    Message,
    Mute,
    Pin,
    Quote,
    Remove,
    Removed,
    Report,
    SetRules,
    rfc3339,
)
from chat.redis.channels import Channels
from chat.redis.partitions import key, partition_of
from chat.redis.servers import Servers
from tests.log.conversations import Conversation, Told
from tests.log.engines import ANN, BOB, WAIT_S, draft, well
from tests.log.test_entries import code
from tests.log.test_rooms import check_ended
from tests.support import redis_logs
from tests.support.logs import Past
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until

KEY = "k" * 22


class Place:
    """A Redis, on which workers are opened."""

    def __init__(self, redis: RedisServer, stack: ExitStack) -> None:
        self.redis = redis
        self._stack = stack

    def worker(
        self, *rooms: str, deaf: bool = False, timeout_s: float = 5.0, **settings: Any
    ) -> tuple[RedisLog, Told]:
        """Start a worker with somebody in these rooms; a deaf one hears nothing of the others."""
        servers = Servers(self.redis.url, timeout_s=timeout_s)
        channels, told = Channels(servers), Told()
        settings = {"retention_messages": 100_000, **settings}
        log = RedisLog(servers, channels, place="Redis", **settings)
        assert log.claim()
        servers.start()
        if not deaf:
            channels.start()
        told.start(log)
        for close in (servers.close, channels.close, log.close):
            self._stack.callback(close)
        well(log)
        for room in rooms:
            log.follow(room)
        return log, told

    def two(self, *, deaf: bool, **settings: Any) -> tuple[Conversation, Conversation]:
        """Give a room as two workers have it; the second one may be deaf."""
        here = Conversation(*self.worker("room", **settings), "room")
        there = Conversation(*self.worker("room", deaf=deaf, **settings), "room")
        if not deaf:  # else what is published now may not be heard yet
            for n in range(1000):
                here.say(f"{n}")
                if there.next().seq == n + 1 and n > 2:
                    break
        return here, there


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        redis = RedisServer(tmp_path / "redis")
        stack.callback(redis.end)
        redis.start()
        yield Place(redis, stack)


def given(room: Conversation, seq: int) -> list[Any]:
    """Give what is told of a room until the entry with a seq."""
    found: list[Any] = []
    while not found or found[-1].seq < seq:
        found.append(room.next())
    return found


@pytest.mark.parametrize("way", ["heard", "missed", "with a replica"])
def test_all_workers_give_out_the_same_entries_and_tell_the_same_record(
    place: Place, make_redis: Callable[..., RedisServer], way: str
) -> None:
    deaf, replicas = way == "missed", int(way == "with a replica")
    if replicas:
        make_redis().follow(place.redis)
    here, there = place.two(deaf=deaf, replicas=replicas)
    first = here.say("first")
    begin = first.seq
    sent = [
        first,
        here.say("an answer", BOB, reply=begin),
        here.do(Pin("pin", begin + 1), is_owner=True),
    ]
    assert given(there, begin + 2) == sent
    record, deed = there.act()
    assert record.pin == begin + 1
    assert deed == (None if deaf else here.act()[1])
    edited = here.do(Edit("edit", begin, 'été "\\/" \N{GRINNING FACE}\n'))
    removed = here.do(Remove("remove", begin + 1), is_owner=True)
    told = given(there, begin + 4)
    assert told == [edited, removed]
    assert told[0].text == 'été "\\/" \N{GRINNING FACE}\n'
    record, deed = there.act()
    assert record.pin is None
    if not deaf:
        assert deed == Deed(2, removed.at, ANN, "remove", BOB, begin + 1)
    here.do(Mute("mute", BOB.id, 60), is_owner=True, whom=BOB)  # which is no entry
    record, deed = there.act()
    assert [bar.member for bar in record.bars] == [BOB]
    assert (deed is None) is deaf
    here.do(End("end"), is_owner=True)
    record, deed = there.act()
    assert record == here.record() == there.record()
    assert record.ended_at is not None
    check_ended(there, head=begin + 4)
    assert code(there.say("late")) == ErrorCode.ROOM_ENDED


def test_record_is_told_where_somebody_has_asked_about_it(place: Place) -> None:
    log, told_there = place.worker()
    other, told = place.worker()
    assert other.record("asked") == Record()
    told_there.empty.add("asked")
    maker = Conversation(log, told_there, "asked")
    assert maker.do(Make("asked", owner=KEY)) == Made("asked", KEY)
    assert Conversation(other, told, "asked").act() == (Record(owner=owner_hash(KEY)), None)


def test_room_in_which_somebody_is_at_another_worker_is_not_made(place: Place) -> None:
    log, told = place.worker()
    told.empty.add("there")
    room = Conversation(log, told, "there")
    with place.redis.client() as client:
        people = key(partition_of("there"), "people", "there")
        client.hset(people, "somebody", "there")
        assert code(room.do(Make("there", owner=KEY))) == ErrorCode.ROOM_EXISTS
        client.delete(people)
        assert room.do(Make("there", owner=KEY)) == Made("there", KEY)


def test_fail_over_that_loses_a_change_of_the_record_tells_the_one_that_is_left(
    place: Place,
) -> None:
    here, there = place.two(deaf=False)
    here.do(Mute("one", BOB.id, 60), is_owner=True)
    before, _ = there.act()
    at = partition_of("room")
    kept = [key(at, "records"), *(key(at, kind, "room") for kind in ("record", "bars", "deeds"))]
    with place.redis.client() as client:
        copies = {name: client.dump(name) for name in kept}
        here.do(Mute("two", ANN.id, 60), is_owner=True)
        assert len(there.act()[0].bars) == 2
        pipeline = client.pipeline()
        for name, copy in copies.items():
            pipeline.restore(name, 0, copy, replace=True)
        pipeline.execute()
    for room in (here, there):
        while room.act()[0] != before:
            pass
        assert room.record() == before


def test_lost_redis_leaves_no_record(place: Place) -> None:
    here, there = place.two(deaf=False)
    there.told.empty.add("asked")
    asked = Conversation(there.log, there.told, "asked")
    assert asked.do(Make("asked", owner=KEY)) == Made("asked", KEY)
    assert asked.record().owner == owner_hash(KEY)
    here.do(Mute("one", BOB.id, 60), is_owner=True)
    with place.redis.client() as client:
        client.flushall()
    here.send(Mute("two", BOB.id, 60), is_owner=True)
    gone: set[str] = set()
    while gone != {"room", "asked"}:
        gone.update(there.told.replacements.get(timeout=WAIT_S) or ())
    for room in (here, there, asked):
        well(room.log)
        assert room.record() == Record()
    there.log.follow("room")
    there.do(Report("report", 1))
    assert there.say("first").seq == 1


# --- what is refused, lost or sent twice ------------------------------------------------------


def test_full_memory_stores_nothing_of_a_share_and_answers_what_was_done_before(
    place: Place,
) -> None:
    log, told = place.worker("room")
    room = Conversation(log, told, "room")
    first = room.say("first")
    edited = room.do(Edit("edit", 1, "edited"))
    muted = room.do(Mute("mute", BOB.id, 60), is_owner=True)
    with place.redis.client() as client:
        before = client.dump(key(partition_of("room"), "log", "room"))
        client.config_set("maxmemory", 1)
        for command in (Edit("edit", 1, "again"), Mute("mute", BOB.id, 60)):
            room.send(command, is_owner=True)
        room.send(Edit("new", 1, "new"))
        room.send(Pin("pin", 1), is_owner=True)
        room.log.append(draft("reply", BOB, "room")._replace(reply=1), told.events["room"].put)
        answers = [room.next() for _ in range(5)]
        full = [each for each in answers if isinstance(each, StorageFull)]
        assert [each for each in answers if each not in full] == [edited, muted]
        assert len(full) == 3
        assert client.dump(key(partition_of("room"), "log", "room")) == before
        assert room.message(1).text == "edited"
        # A room can be ended: that is what makes room.
        assert room.do(End("end"), is_owner=True) == Done("end")
        client.config_set("maxmemory", 0)
    check_ended(room, head=first.seq + 1)


def test_what_may_have_been_done_is_sent_again_and_done_once(place: Place) -> None:
    log, told = place.worker("room", timeout_s=0.3)
    room = Conversation(log, told, "room")
    for n in range(3):
        room.say(f"{n}")
    commands: list[Change] = [
        Edit("edit", 1, "edited"),
        Remove("remove", 2),
        Remove("early", post="early"),
        Mute("mute", BOB.id, 60),
        Erase("erase"),
    ]
    for command in commands:
        told_of_it = undecided(place, room, command)
        if isinstance(command, Erase):
            assert [each for each in told_of_it if each == Done("erase")] == [Done("erase")]
        else:  # an entry is given out, and it is the answer to who has sent it twice
            assert told_of_it in ([told_of_it[0]], 2 * [told_of_it[0]])
    kinds = [type(entry) for entry in room.entries()]
    assert kinds == [Message, Message, Message, Edited, Removed, Removed, Removed, Removed]
    assert [deed.what for deed in log.deeds("room", None, 10)] == ["erase", "mute"]


def undecided(place: Place, room: Conversation, command: Change) -> list[Any]:
    """Do something while Redis stands still, which does it when it goes on; give what is told.

    If the worker has found that out before it has sent it, it has refused it: it is done again.
    """
    events = room.told.events[room.name]
    for _ in range(10):
        place.redis.freeze()
        room.send(command, is_owner=True)
        found = []
        with suppress(Empty):
            found.append(events.get(timeout=1.0))
        place.redis.thaw()
        well(room.log)
        if not found:
            found.append(room.next())
            with suppress(Empty):
                while True:
                    found.append(events.get(timeout=0.5))
            return found
        assert isinstance(found[0], StorageUnavailable), found
    raise AssertionError("it was refused each time")


# --- what goes on by itself -------------------------------------------------------------------


def test_erase_goes_on_at_another_worker_when_nobody_waits_for_it_any_more(place: Place) -> None:
    here, there = place.two(deaf=False)
    begin = here.say("first").seq
    given(there, begin)
    for n in range(250):
        here.log.append(draft(n, BOB, "room"), lambda outcome: None)
    given(there, begin + 250)
    erasing = key(partition_of("room"), "erasing", "room")
    due = key(partition_of("room"), "due")
    with place.redis.client() as client:
        # As a worker leaves it that was killed.
        client.hset(erasing, "bob/erase", f"{begin + 1}:{begin + 250}:0:Bob")
        client.hset(key(partition_of("room"), "ids", "room"), "bob/erase", "d1")
        client.zadd(due, {"erase:room": 1})
        told = given(there, begin + 500)
        assert [each.target for each in told] == list(range(begin + 1, begin + 251))
        assert [told[0].id, told[1].id] == ["erase", f"erase.{begin + 2}"]
        wait_until(lambda: not client.exists(erasing, due))
    assert there.do(Erase("erase"), BOB) == Done("erase")
    assert there.do(Erase("another"), BOB) == Done("another")


def test_owner_s_erase_goes_on_at_another_worker_too(place: Place) -> None:
    here, there = place.two(deaf=False)
    begin = here.say("first").seq
    given(there, begin)
    for n in range(700):
        here.log.append(draft(n, BOB, "room"), lambda outcome: None)
    given(there, begin + 700)
    here.send(Erase("erase"), whom=BOB, is_owner=True)
    here.log.close()  # which does not wait for all of it
    at = partition_of("room")
    with place.redis.client() as client:
        client.zadd(key(at, "due"), {"erase:room": 1})
        told = given(there, begin + 1400)
        wait_until(lambda: not client.exists(key(at, "erasing", "room"), key(at, "due")))
    assert [each.target for each in told] == list(range(begin + 1, begin + 701))
    assert {each.member for each in told} == {ANN}
    deeds = there.log.deeds("room", None, 10)
    assert [(deed.by, deed.what, deed.member) for deed in deeds] == [(ANN, "erase", BOB)]


def test_room_ends_at_its_time_for_all_workers_and_is_forgotten_after_a_month(
    place: Place,
) -> None:
    here, there = place.two(deaf=False)
    at = partition_of("room")
    head = here.do(Report("report", here.say("first").seq), BOB) and here.say("second").seq
    here.act()
    ends_ms = int(time.time() * 1000) + 600
    seq = here.do(SetRules("rules", ends_at=rfc3339(ends_ms)), is_owner=True).seq
    assert seq == head + 1
    for room in (here, there):
        while (record := room.act()[0]).ended_at is None:
            pass
        assert record.ended_at >= rfc3339(ends_ms)
        check_ended(room, head=seq)
    with place.redis.client() as client:
        left = {name.decode() for name in client.keys(f"*{{p{at:02}}}*room")}
        assert left == {key(at, kind, "room") for kind in ("log", "ids", "record")}
        assert client.hgetall(key(at, "log", "room")).keys() == {b"floor"}
        due_ms = client.zscore(key(at, "due"), "end:room")
        assert due_ms is not None
        assert due_ms - ends_ms >= 29 * 86_400_000
        client.zadd(key(at, "due"), {"end:room": 1})
        for room in (here, there):
            assert room.act() == (Record(), None)
    assert here.say("again").seq == seq + 1  # no number is given twice


# --- reading ----------------------------------------------------------------------------------


def test_messages_are_found_behind_thousands_of_other_entries(place: Place) -> None:
    log, told = place.worker("room")
    room = Conversation(log, told, "room")
    for n in range(3):
        room.say(f"needle {n}")
    for n in range(1300):
        room.send(Edit(f"edit-{n}", 3, f"needle {n}"))
    last = given(room, 1303)[-1]
    assert [each.seq for each in log.before("room", 2**53, 2).messages] == [2, 3]
    assert [each.text for each in log.before("room", 1000, 10).messages][2] == last.text
    found = log.find("room", "NEEDLE", None, 2)
    while found.looked_to is not None:  # a busy machine looks at less in its time
        found = log.find("room", "NEEDLE", found.looked_to, 2)
    assert [each.seq for each in found.messages] == [3, 2]


def test_search_says_how_far_it_has_looked(place: Place) -> None:
    past = [Past("Ann", "needle" if n == 0 else "straw", 10**12) for n in range(15_000)]
    redis_logs.fill(place.redis.url, "room", past)
    log, _ = place.worker("room")
    found = log.find("room", "needle", None, 20)
    assert (found.messages, found.more) == ([], True)
    while found.looked_to is not None:
        assert found.looked_to > 1
        found = log.find("room", "needle", found.looked_to, 20)
    assert [each.seq for each in found.messages] == [1]
    assert not found.more
    newest = log.find("room", "straw", None, 20)
    assert [each.seq for each in newest.messages] == list(range(15_000, 14_980, -1))
    assert (newest.more, newest.looked_to) == (True, None)


def test_entries_of_the_version_before_can_be_changed(place: Place) -> None:
    redis_logs.fill(place.redis.url, "room", [Past("Ann", 'old "text"', 10**12)] * 3)
    log, told = place.worker("room")
    room = Conversation(log, told, "room")
    answer = room.say("an answer", reply=1)
    assert answer.reply == Quote(1, Member("past-Ann", "Ann"), 'old "text"')
    room.do(Edit("edit", 2, "new"), Member("past-Ann", "Anna"), within_s=10**10)
    room.do(Remove("remove", 3), Member("past-Ann", "Anna"))
    old = room.messages()[:3]
    assert [each.text for each in old] == ['old "text"', "new", ""]
    assert {each.member for each in old} == {Member("past-Ann", "Ann")}
