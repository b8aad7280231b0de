"""What is known of rooms besides their messages moves with them, and is in their copies."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from chat.log import AddressBar, LogError
from chat.log.copies import backup, restore
from chat.log.moving import move
from chat.protocol import (
    Edit,
    End,
    Erase,
    Make,
    Member,
    Mute,
    Pin,
    PutOut,
    Remove,
    Report,
    SetRules,
    Write,
    rfc3339,
)
from tests.log.conversations import Conversation
from tests.log.engines import ANN, BOB, draft
from tests.log.on_file import File
from tests.log.test_moving import at, quiet
from tests.log.test_rooms import check_ended
from tests.support.redis import RedisServer

KEY = "k" * 22


def fill(file: File) -> dict[str, object]:
    """Make rooms with all that there can be; give what can be read of each."""
    log = file.open()
    file.told.empty |= {"made", "unused"}
    room = file.room("made")
    ends_at = rfc3339(file.clock() + 86_400_000)
    room.do(Make("made", title="Salle d'été", write=Write.OWNERS, ends_at=ends_at, owner=KEY))
    file.room("unused").do(Make("unused", owner=KEY))
    for n in range(250):
        room.say(f"{n} été", reply=n or None)
    room.do(Edit("edit", 3, "edited"))
    room.do(Remove("remove", 4))
    room.do(Remove("early", post="early"))
    room.do(Pin("pin", 3), is_owner=True)
    room.do(SetRules("rules", pace_s=3, locked=True), is_owner=True, known=["ann", "bob"])
    room.do(Mute("mute", BOB.id, 3600), is_owner=True, whom=BOB)
    room.do(PutOut("out", "eve", 3600), Member("bob", "Bob"), is_owner=True)
    bars = [AddressBar(b"salt", b"digest", file.clock() + 3_600_000)]
    room.do(PutOut(".1", "eve", 3600), is_owner=True, addresses=bars)
    room.do(Report("report", 5, "why"), BOB)
    file.room("open").do(Mute("mute", BOB.id, 3600), is_owner=True)
    ended = file.room("ended")
    for n in range(300):
        log.append(draft(n, ANN, "ended"), file.told.events["ended"].put)
    for _ in range(300):
        ended.next()
    ended.do(End("end"), is_owner=True)
    log.close()  # before all of it is deleted
    return read(file)


def read(file: File) -> dict[str, object]:
    log = file.open()
    found: dict[str, object] = {name: file.room(name).all() for name in ("made", "unused", "open")}
    found["known"] = [log.knows("made", each) for each in ("ann", "bob", "eve")]
    found["reports"] = log.reports(10)
    check_ended(file.room("ended"), head=300)
    found["ended"] = log.record("ended")
    # The ids are used up, of entries and of what became none.
    room = file.room("made")
    for command in (Edit("edit", 1, "x"), Mute("mute", "eve", 60), Remove("x", post="early")):
        found[command.id] = room.do(command, is_owner=True)
    log.close()
    return found


def test_everything_that_is_known_of_rooms_moves(tmp_path: Path) -> None:
    source, target = File(tmp_path / "source.db"), File(tmp_path / "target.db")
    before = fill(source)
    moved = move(at(source.path), at(target.path), quiet)
    assert moved.resumes
    assert moved.contents[:2] == (4, 255)
    assert read(target) == before == read(source)


def test_everything_that_is_known_of_rooms_moves_through_redis(
    make_redis: Callable[..., RedisServer], tmp_path: Path
) -> None:
    source, target = File(tmp_path / "source.db"), File(tmp_path / "target.db")
    before = fill(source)
    one, other = make_redis(), make_redis()
    for here, there in ((source.path, one.url), (one.url, other.url), (other.url, target.path)):
        moved = move(at(here), at(there), quiet)
        assert moved.resumes
        assert moved.contents[:2] == (4, 255)
    assert read(target) == before


def test_everything_that_is_known_of_rooms_is_in_a_copy(tmp_path: Path) -> None:
    source, target = File(tmp_path / "source.db"), File(tmp_path / "target.db")
    before = fill(source)
    copy = tmp_path / "copy.db"
    assert backup(source.path, copy, quiet).messages >= 250
    restore(copy, target.path, quiet)
    after = read(target)
    for name, value in before.items():
        if name in ("made", "unused", "open"):  # all but the epoch
            (log, *others), (log_before, *others_before) = after[name], value  # type: ignore[misc]
            assert log[1:] == log_before[1:]
            assert others == others_before
        else:
            assert after[name] == value


def test_log_in_which_messages_are_still_to_be_removed_is_not_moved(tmp_path: Path) -> None:
    source = File(tmp_path / "source.db")
    log = source.open()
    for n in range(500):
        log.append(draft(n), source.told.events["general"].put)
    Conversation(log, source.told, "general").send(Erase("erase"))
    log.close()
    with closing(sqlite3.connect(source.path)) as database:
        assert database.execute("SELECT count(*) FROM erasures").fetchone() == (1,)
    with pytest.raises(LogError, match="still to be removed"):
        move(at(source.path), at(tmp_path / "target.db"), quiet)
    assert not (tmp_path / "target.db").exists()
