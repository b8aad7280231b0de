"""The records of rooms that somebody is in: never older than what a newcomer has read."""

from __future__ import annotations

from typing import Any, cast

import pytest

from chat.log import MessageLog, Record
from chat.protocol import Member, Message, Pinned, Removed, Rules, RulesSet, Write
from chat.rooms.records import Records

ROOM, AT = "salon", "2026-01-01T00:00:00.000Z"
ANN = Member("a" * 22, "Ann")


class Log:
    """The one method of a log that is asked; it has what a test puts there."""

    def __init__(self) -> None:
        self.now = Record()
        self.asked = 0

    def record(self, room: str) -> Record:
        self.asked += 1
        return self.now


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def rooms() -> set[str]:
    """Name the rooms that somebody is in."""
    return {ROOM}


@pytest.fixture
def records(log: Log, rooms: set[str]) -> Records:
    return Records(cast(MessageLog, log), rooms.__contains__)


def message(seq: int) -> Message:
    return Message(seq, f"id-{seq}", ANN, "text", AT)


def pinned(seq: int, target: int | None) -> Pinned:
    return Pinned(seq, f"id-{seq}", ANN, target, AT)


def test_record_is_read_once_while_nothing_changes_it(records: Records, log: Log) -> None:
    assert records.as_of(ROOM, 3) is log.now
    assert records.as_of(ROOM, 3) is records.of(ROOM) is log.now
    records.committed(ROOM, [message(4), message(5)])
    assert records.as_of(ROOM, 5) is log.now
    assert log.asked == 1
    records.as_of(ROOM, 6)  # it has read an entry that the tail has not brought yet
    assert log.asked == 2


@pytest.mark.parametrize(
    "entry",
    [
        pinned(4, 2),
        RulesSet(4, "id", ANN, AT, Rules(write=Write.OWNERS)),
        Removed(4, "id", ANN, 1, AT),
    ],
    ids=lambda entry: type(entry).__name__,
)
def test_record_is_read_from_the_entry_that_changes_it_until_that_is_told(
    records: Records, log: Log, entry: Any
) -> None:
    before = log.now = Record(pin=1)
    records.as_of(ROOM, 3)
    log.now = Record(pin=2)
    records.committed(ROOM, [entry])
    records.committed(ROOM, [message(5)])
    assert records.as_of(ROOM, 5) is log.now
    assert records.of(ROOM) is log.now  # who has seen the entry is not done by the record before
    assert records.take(ROOM, log.now) is before
    asked = log.asked
    assert records.as_of(ROOM, 5) is records.of(ROOM) is log.now
    assert log.asked == asked


def test_other_removals_change_no_record(records: Records, log: Log) -> None:
    log.now = Record(pin=1)
    records.as_of(ROOM, 3)
    records.committed(ROOM, [Removed(4, "id", ANN, 2, AT), Removed(5, "id", ANN, None, AT)])
    records.as_of(ROOM, 5)
    assert log.asked == 1


def test_what_is_told_while_it_is_read_is_not_undone(records: Records, log: Log) -> None:
    newer = Record(pin=7)
    changes = records.changes
    log.record = lambda room: (records.take(ROOM, newer), Record())[1]  # type: ignore[method-assign]
    records.read(ROOM)
    assert records.of(ROOM) is newer
    assert records.changes == changes + 1


def test_empty_room_is_forgotten(records: Records, log: Log, rooms: set[str]) -> None:
    log.now = Record(owner=b"x")
    records.as_of(ROOM, 3)
    assert records.is_made(ROOM)
    records.forget(ROOM)
    assert records.is_made(ROOM)
    rooms.clear()
    records.forget(ROOM)
    assert not records.is_made(ROOM)
    records.take(ROOM, log.now)
    records.of(ROOM)
    assert not records.is_made(ROOM)  # nobody is there who would be told of changes


def test_records_of_another_log_are_dropped(records: Records, log: Log) -> None:
    records.as_of(ROOM, 3)
    records.drop(["elsewhere"])
    records.as_of(ROOM, 3)
    assert log.asked == 1
    records.drop(None)
    records.as_of(ROOM, 3)
    assert log.asked == 2


def test_record_of_a_log_that_is_gone_meanwhile_is_not_kept(log: Log) -> None:
    class Replaced:
        """The log, which becomes another one while it is read."""

        def record(self, room: str) -> Record:
            before = log.record(room)
            if log.asked == 1:
                log.now = Record(pin=2)
                records.drop(None)
            return before

    records = Records(cast(MessageLog, Replaced()), {ROOM}.__contains__)
    assert records.as_of(ROOM, 3) is not log.now
    assert records.of(ROOM) is log.now
