"""What is taken away from the file: removed and edited texts, and rooms that have ended."""

from __future__ import annotations

import multiprocessing
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chat.log import ENDED_KEPT_S, Record, StorageFull, StorageUnavailable
from chat.log.schema import ROOM_TABLES
from chat.log.sqlite import SQLiteLog
from chat.protocol import (
    Done,
    Edit,
    End,
    Erase,
    Make,
    Member,
    Mute,
    Pin,
    Remove,
    Removed,
    Report,
    SetRules,
    rfc3339,
)
from tests.log.conversations import Conversation, Told
from tests.log.engines import ANN, BOB, draft
from tests.log.on_file import File
from tests.support.waiting import wait_until

DAY_MS = 86_400_000
KEY = "k" * 22


@pytest.fixture
def file(tmp_path: Path) -> Iterator[File]:
    file = File(tmp_path / "tchat.db")
    yield file
    file.end()


def test_what_is_removed_edited_or_ended_is_overwritten_within_a_minute(file: File) -> None:
    file.open()
    room, ended = file.room("kept"), file.room("ended")
    secret = "a secret " + "s" * 1500
    for n in range(5):  # short ones too, within a page with others
        room.say(f"{secret[: 9 + n * 300]} {n}")
        room.say("to be kept")
    for target in (1, 5, 9):
        room.do(Remove(f"remove-{target}", target))
    for target, text in ((3, "harmless"), (7, "h" * 2000)):
        room.do(Edit(f"edit-{target}", target, text))
    file.told.empty.add("ended")
    ended.do(Make("ended", title="a secret title", owner=KEY))
    message = ended.say(secret)
    ended.do(Report("report", message.seq, secret))
    assert file.has(b"a secret")
    ended.do(End("end"), is_owner=True)
    wait_until(lambda: not file.has(b"a secret"))
    assert file.has(b"harmless")
    assert [message.text for message in room.messages()[1::2]] == ["to be kept"] * 5


def test_room_that_has_ended_is_deleted_little_by_little_and_known_for_thirty_days(
    file: File,
) -> None:
    log = file.open()
    room, other = file.room("ended"), file.room("other")
    other.say("stays")
    other.do(Mute("mute", BOB.id, 600), is_owner=True)
    before = other.all()
    put = file.told.events["ended"].put
    for n in range(3000):
        log.append(draft(n, ANN, "ended")._replace(text="x" * 2000), put)
    for _ in range(3000):
        room.next()
    known = [f"member-{n}" for n in range(3000)]
    room.do(SetRules("lock", locked=True), is_owner=True, known=known)
    room.do(Mute("mute", BOB.id, 600), is_owner=True)
    room.do(Pin("pin", 3), is_owner=True)
    (pages,) = file.ask("PRAGMA page_count")[0]
    assert room.do(End("end"), is_owner=True) == Done("end")

    def left() -> int:
        (number,) = file.ask("SELECT id FROM rooms WHERE name = 'ended'")[0]
        tables = ["entries", *ROOM_TABLES]
        counts = [file.ask(f"SELECT count(*) FROM {t} WHERE room = {number}")[0][0] for t in tables]
        return sum(counts)

    wait_until(lambda: left() == 1)  # the record, which says that it has ended
    wait_until(lambda: file.ask("SELECT emptied FROM records WHERE ended_at NOTNULL") == [(1,)])
    wait_until(lambda: file.ask("PRAGMA page_count")[0][0] < pages // 2)
    file.clock.ahead_ms = ENDED_KEPT_S * 1000 - DAY_MS
    assert room.record().ended_at is not None
    file.clock.ahead_ms += 2 * DAY_MS
    wait_until(lambda: room.record() == Record())
    # Its address is open again, and no number is given twice.
    assert room.say("hello").seq == 3003
    file.clock.ahead_ms = 0
    assert other.all() == before


def test_rooms_whose_time_came_while_no_server_ran_end_at_the_start(file: File) -> None:
    file.open().close()
    file.open()
    names = [f"room-{n}" for n in range(150)]
    ends_at = rfc3339(file.clock() + DAY_MS)
    for name in names:
        file.told.empty.add(name)
        file.room(name).do(Make(name, ends_at=ends_at, owner=KEY))
    file.end()
    file.clock.ahead_ms = 2 * DAY_MS
    file.open()
    for name in names:
        record, _ = file.room(name).act()
        assert record.ended_at is not None


@pytest.mark.parametrize("whom", [None, BOB], ids=["own", "by an owner"])
def test_erase_goes_on_after_a_stop(file: File, whom: Member | None) -> None:
    log = file.open()
    room = file.room("general")
    put = file.told.events["general"].put
    for n in range(1000):
        log.append(draft(n, whom or ANN), put)
    for _ in range(1000):
        room.next()
    room.send(Erase("erase"), whom=whom, is_owner=True)
    log.close()
    *removed, outcome = [room.next() for _ in range(file.told.events["general"].qsize())]
    assert isinstance(outcome, StorageUnavailable)
    assert len(removed) < 1000
    file.open()
    room = file.room("general")
    room.send(Erase("erase"), whom=whom, is_owner=True)  # once more, by who was not answered
    removed += room.until_done("erase")
    assert [each.target for each in removed] == list(range(1, 1001))
    assert {each.member for each in removed} == {ANN}
    assert all(message.removed for message in room.messages())
    assert room.do(Erase("erase"), whom=whom, is_owner=True) == Done("erase")
    assert room.log.after("general", 0, 1).head == 2000


def test_erase_that_an_older_program_has_begun_goes_on(file: File) -> None:
    file.open()
    room = file.room("general")
    for n in range(3):
        room.say(f"{n}")
    file.end()
    with closing(sqlite3.connect(file.path)) as database:
        database.execute("ALTER TABLE erasures DROP COLUMN by_member")  # which it does not know
        database.execute(
            "INSERT INTO erasures (room, member, nick, id, done, last) "
            "VALUES (1, 'ann', 'Ann', 'erase', 0, 3)"
        )
        database.commit()
    file.open()
    room = file.room("general")
    removed = [room.next() for _ in range(3)]
    assert [(each.member, each.target) for each in removed] == [(ANN, 1), (ANN, 2), (ANN, 3)]


@pytest.mark.long
@pytest.mark.parametrize("kill_s", [0.02, 0.05, 0.1, 0.2])
def test_nothing_is_half_done_after_a_kill(file: File, kill_s: float) -> None:
    file.open().close()
    process = multiprocessing.get_context("spawn").Process(target=act, args=(file.path,))
    process.start()
    wait_until(lambda: file.ask("SELECT 1 FROM entries WHERE kind = 2 LIMIT 1"))
    time.sleep(kill_s)  # whatever it is doing then
    process.kill()
    process.join()
    file.open()
    room = file.room("general")
    wait_until(lambda: not file.ask("SELECT 1 FROM erasures"))
    entries = room.entries()
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    targets = [entry.target for entry in entries if isinstance(entry, Removed)]
    assert targets == [message.seq for message in room.messages() if message.removed]
    assert len(targets) % 1000 == 0
    deeds = room.log.deeds("general", None, 100)
    assert [deed.number for deed in deeds] == list(range(len(deeds), 0, -1))


def act(path: Path) -> None:
    """Post and erase, again and again, until killed."""
    log = SQLiteLog(path, retention_messages=1_000_000)
    assert log.claim()
    told = Told()
    told.start(log)
    room = Conversation(log, told, "general")
    for round_number in range(1000):
        put = told.events["general"].put
        for n in range(1000):
            log.append(draft(f"{round_number}-{n}"), put)
        for _ in range(1000):
            room.next()
        room.send(Erase(f"erase-{round_number}"))
        room.until_done(f"erase-{round_number}")


def test_room_can_be_ended_while_the_disk_is_full(file: File) -> None:
    log = file.open()
    room = file.room("general")
    first = room.say("x" * 2000)
    muted = room.do(Mute("mute", BOB.id, 600), is_owner=True)
    for n in range(200):
        room.say(f"{n} {'x' * 1990}")
    log.close()
    file.open(database_bytes=file.path.stat().st_size - 1)
    room = file.room("general")
    assert isinstance(room.say("more", id="more"), StorageFull)
    assert isinstance(room.do(Remove("remove", 5)), StorageFull)
    assert isinstance(room.do(Make("other", owner=KEY)), StorageFull)
    assert room.say("x", id=first.id) == first
    assert room.do(Mute("mute", BOB.id, 600), is_owner=True) == muted
    assert room.do(End("end"), is_owner=True) == Done("end")
    other = file.room("other")
    wait_until(lambda: not isinstance(other.say("there is space"), StorageFull))


def test_file_in_which_tables_are_missing_is_another_one(file: File) -> None:
    file.open()
    room = file.room("general")
    room.do(Mute("mute", BOB.id, 600), is_owner=True)
    with closing(sqlite3.connect(file.path)) as other:
        other.execute("DROP TABLE records")
    assert isinstance(room.say("lost"), StorageUnavailable)
    wait_until(lambda: not isinstance(room.say("again"), StorageUnavailable))
    assert room.record() == Record()
