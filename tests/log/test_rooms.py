"""The contract of rooms and people, kept by both engines: making, bars, reports, erasing, ends."""

from __future__ import annotations

import time
from typing import Any

from chat.log import BARS_LIMIT, DEEDS_LIMIT, KNOWN_LIMIT, AddressBar, Bar, Record
from chat.names.keys import owner_hash
from chat.protocol import (
    Deed,
    Done,
    Edit,
    End,
    Erase,
    ErrorCode,
    Made,
    Make,
    Message,
    Mute,
    Pin,
    PutOut,
    Quote,
    Rekey,
    Remove,
    Removed,
    Report,
    Rules,
    SetRules,
    Write,
    rfc3339,
)
from tests.log.conversations import Conversation, Told
from tests.log.engines import ANN, BOB, NEWEST, Engine, draft, well
from tests.log.test_entries import code
from tests.support.waiting import wait_until

KEY, OTHER_KEY = "k" * 22, "o" * 22


def now_ms() -> int:
    return int(time.time() * 1000)


# --- making -------------------------------------------------------------------------------


def test_room_is_made_once_and_again_by_its_own_key(empty_room: Conversation) -> None:
    room = empty_room
    ends_at = rfc3339(now_ms() + 3_600_000)
    make = Make(room.name, title="Tea", write=Write.OWNERS, ends_at=ends_at, owner=KEY)
    assert room.do(make) == Made(room.name, KEY)
    made = Record(Rules(Write.OWNERS, ends_at=ends_at), None, owner_hash(KEY), "Tea")
    assert room.act() == (made, None)
    assert room.do(Make(room.name, title="Coffee", owner=KEY)) == Made(room.name, KEY)
    assert code(room.do(Make(room.name, owner=OTHER_KEY))) == ErrorCode.ROOM_EXISTS
    assert room.record() == made
    assert room.log.before(room.name, NEWEST, 10)[1:] == (0, None, [])
    room.say("hello")
    room.told.empty.discard(room.name)
    assert room.do(Make(room.name, owner=KEY)) == Made(room.name, KEY)


def test_room_that_is_there_cannot_be_made(room: Conversation, empty_room: Conversation) -> None:
    assert code(room.do(Make(room.name, owner=KEY))) == ErrorCode.ROOM_EXISTS  # somebody is in it
    empty_room.say("hello")
    assert code(empty_room.do(Make(empty_room.name, owner=KEY))) == ErrorCode.ROOM_EXISTS
    assert empty_room.record() == room.record() == Record()
    general = Conversation(room.log, room.told, "general")
    room.told.empty.add("general")
    assert code(general.do(Make("general", owner=KEY))) == ErrorCode.ROOM_EXISTS


def test_owner_key_can_be_changed(empty_room: Conversation) -> None:
    room = empty_room
    room.do(Make(room.name, owner=KEY))
    assert room.do(Rekey("rekey", OTHER_KEY), is_owner=True) == Done("rekey")
    assert room.record().owner == owner_hash(OTHER_KEY)
    assert code(room.do(Make(room.name, owner=KEY))) == ErrorCode.ROOM_EXISTS
    assert room.do(Make(room.name, owner=OTHER_KEY)) == Made(room.name, OTHER_KEY)


# --- bars ---------------------------------------------------------------------------------


def test_member_is_barred_for_a_time_and_no_longer(room: Conversation) -> None:
    begin = now_ms()
    assert room.do(Mute("mute", BOB.id, 60), is_owner=True, whom=BOB) == Done("mute")
    record, deed = room.act()
    (bar,) = record.bars
    assert bar == Bar(BOB, "mute", bar.until_ms)
    assert begin + 60_000 <= bar.until_ms <= now_ms() + 60_000
    assert deed is not None
    assert deed == Deed(1, deed.at, ANN, "mute", BOB, for_s=60)
    room.do(Mute("more", BOB.id, 600), is_owner=True)
    (bar,) = room.record().bars
    assert bar.until_ms >= begin + 600_000
    room.do(PutOut("out", BOB.id, 60), is_owner=True)
    assert {bar.what for bar in room.record().bars} == {"mute", "put_out"}
    room.do(Mute("no longer", BOB.id, 0), is_owner=True)
    assert [bar.what for bar in room.record().bars] == ["put_out"]
    room.do(PutOut("second", BOB.id, 1), is_owner=True)
    wait_until(lambda: not room.record().bars)
    assert len(room.log.deeds(room.name, None, 10)) == 5


def test_who_is_put_out_may_come_from_no_address_of_theirs(room: Conversation) -> None:
    room.do(PutOut("out", BOB.id, 60), is_owner=True, known=["here", "wrote"])
    room.act()
    assert room.log.knows(room.name, "here")
    assert room.log.knows(room.name, "wrote")
    assert not room.log.knows(room.name, "new")
    # Each worker that has seen the member adds what it knows.
    until_ms = now_ms() + 60_000
    bars = [AddressBar(b"salt %d" % n, b"digest %d" % n, until_ms + n) for n in range(3)]
    over = AddressBar(b"salt", b"over", now_ms() - 1)
    more = PutOut(".1", BOB.id, 60)
    assert room.do(more, BOB, is_owner=True, addresses=[*bars[1:], over]) == Done(".1")
    record, deed = room.act()
    assert (list(record.addresses), deed) == (bars[1:], None)
    room.do(PutOut(".2", BOB.id, 60), BOB, is_owner=True, addresses=bars[:1])
    assert list(room.act()[0].addresses) == bars
    assert len(room.log.deeds(room.name, None, 10)) == 1
    room.do(PutOut("more", BOB.id, 60), is_owner=True, known=["new"])
    assert list(room.record().addresses) == bars
    assert room.log.knows(room.name, "here")
    assert room.log.knows(room.name, "new")
    room.do(PutOut("in", BOB.id, 0), is_owner=True)
    assert room.record().addresses == room.record().bars == ()
    # Too late: it may come in again.
    assert room.do(more, BOB, is_owner=True, addresses=bars) == Done(".1")
    assert room.record().addresses == ()


def test_bars_are_bounded_and_those_that_end_first_go(room: Conversation) -> None:
    addresses = [AddressBar(b"salt", b"%d" % n, now_ms() + 60_000 + n) for n in range(250)]
    count = BARS_LIMIT + 20
    for n in range(count):
        room.send(PutOut(f"out-{n}", f"member-{n}", 60 + n), is_owner=True)
    assert [room.next() for _ in range(count)] == [Done(f"out-{n}") for n in range(count)]
    more = PutOut(".1", f"member-{count - 1}", 60)
    room.do(more, BOB, is_owner=True, addresses=addresses)
    record = room.record()
    assert [bar.member.id for bar in record.bars] == [f"member-{n}" for n in range(20, count)]
    assert list(record.addresses) == addresses[-BARS_LIMIT:]


# --- who is no newcomer -------------------------------------------------------------------


def test_who_was_there_when_a_room_was_locked_is_no_newcomer(room: Conversation) -> None:
    room.say("hello", BOB)
    room.do(Edit("edit", 1, "hi"), BOB)
    room.do(Remove("remove", post="never"), ANN)
    assert sorted(room.log.members(room.name)) == [ANN.id, BOB.id]
    room.do(SetRules("lock", locked=True), is_owner=True, known=["ann", "guest"])
    assert room.log.knows(room.name, "guest")
    room.do(SetRules("pace", pace_s=3), is_owner=True, known=["another"])
    assert room.log.knows(room.name, "guest")
    room.do(SetRules("open", locked=False), is_owner=True)
    room.do(SetRules("again", locked=True), is_owner=True, known=["ann"])
    assert room.log.knows(room.name, "ann")
    assert not room.log.knows(room.name, "guest")
    assert not room.log.knows("nowhere", "ann")
    assert room.log.members("nowhere") == []


def test_known_members_are_bounded(room: Conversation) -> None:
    known = [f"member-{n}" for n in range(KNOWN_LIMIT + 10)]
    room.do(SetRules("lock", locked=True), is_owner=True, known=known)
    assert room.log.knows(room.name, known[KNOWN_LIMIT - 1])
    assert not room.log.knows(room.name, known[KNOWN_LIMIT])


# --- the audit list -----------------------------------------------------------------------


def test_reports_are_for_who_looks_after_a_room_and_for_the_operator(
    room: Conversation, other_room: Conversation
) -> None:
    here, there = room.say("rude", BOB), other_room.say("ruder", BOB)
    assert room.do(Report("report", here.seq, "why")) == Done("report")
    record, deed = room.act()
    assert deed is not None
    assert (record, deed) == (Record(), Deed(1, deed.at, ANN, "report", BOB, here.seq, "why"))
    wait_until(lambda: rfc3339(int(time.time() * 1000)) > deed.at)  # for the order of both
    other_room.do(Report("report", there.seq))
    newest = room.log.reports(2)
    assert [(each.room, each.number, each.text) for each in newest] == [
        (other_room.name, 1, ""),
        (room.name, 1, "why"),
    ]
    assert room.log.deeds(room.name, None, 10) == [deed]
    room.do(Remove("remove", here.seq), BOB)
    assert room.log.deeds(room.name, None, 10) == [deed]


def test_audit_list_is_read_page_by_page_and_bounded(room: Conversation) -> None:
    extra = 5
    for n in range(DEEDS_LIMIT + extra):
        room.send(Mute(f"mute-{n}", BOB.id, 0), is_owner=True)
    for _ in range(DEEDS_LIMIT + extra):
        room.next()
    first = room.log.deeds(room.name, None, 10)
    assert [deed.number for deed in first] == list(range(DEEDS_LIMIT + extra, DEEDS_LIMIT - 5, -1))
    second = room.log.deeds(room.name, first[-1].number, 10)
    assert second[0].number == first[-1].number - 1
    assert [deed.number for deed in room.log.deeds(room.name, extra + 3, 10)] == [7, 6]


# --- all of one's own ---------------------------------------------------------------------


def test_all_of_a_member_s_messages_are_removed_and_nobody_else_s(room: Conversation) -> None:
    own = [room.say(f"own {n}") for n in range(3)]
    others = [room.say("other", BOB, reply=2)]
    room.do(Remove("one", own[0].seq))
    room.do(Pin("pin", own[2].seq), BOB, is_owner=True)
    room.act()
    room.send(Erase("erase"))
    removed = room.until_done("erase")
    assert [(each.seq, each.id, each.target) for each in removed] == [
        (7, "erase", 2),
        (8, "erase.3", 3),
    ]
    told = [room.act()]
    while told[-1][0].pin is not None:
        told.append(room.act())
    deed = next(deed for _, deed in told if deed is not None)
    assert deed == Deed(2, deed.at, ANN, "erase")
    assert [message.removed for message in room.messages()] == [True, True, True, False]
    assert room.message(others[0].seq).text == "other"
    assert room.do(Erase("erase")) == Done("erase")
    assert isinstance(room.say("a later one"), Message)
    before = room.messages()
    assert room.do(Erase("erase")) == Done("erase")
    assert room.messages() == before


def test_all_of_a_member_s_messages_are_removed_by_an_owner(room: Conversation) -> None:
    theirs = [room.say(f"theirs {n}", BOB) for n in range(3)]
    mine = room.say("mine", reply=2)
    room.do(Pin("pin", theirs[1].seq), is_owner=True)
    room.act()
    assert code(room.do(Erase("erase"), whom=BOB)) == ErrorCode.NOT_OWNER
    assert room.message(1).text == "theirs 0"

    room.send(Erase("erase"), whom=BOB, is_owner=True)
    removed = room.until_done("erase")

    assert [(each.seq, each.id, each.member, each.target) for each in removed] == [
        (6, "erase", ANN, 1),
        (7, "erase.2", ANN, 2),
        (8, "erase.3", ANN, 3),
    ]
    told = [room.act()]
    while told[-1][0].pin is not None:
        told.append(room.act())
    (deed,) = (deed for _, deed in told if deed is not None)
    assert deed == Deed(2, deed.at, ANN, "erase", BOB)
    assert room.log.deeds(room.name, None, 1) == [deed]
    assert [message.removed for message in room.messages()] == [True, True, True, False]
    assert room.message(mine.seq).reply == Quote(2, BOB, "", removed=True)
    later = room.say("a later one", BOB)
    assert room.do(Erase("erase"), whom=BOB, is_owner=True) == Done("erase")
    assert room.do(Erase("erase"), whom=BOB) == Done("erase")  # it was done by an owner
    assert room.message(later.seq) == later
    room.send(Erase("own"), BOB)
    assert [each.member for each in room.until_done("own")] == [BOB]


def test_many_messages_are_removed_by_an_owner_while_posts_go_on(room: Conversation) -> None:
    count, events = 450, room.told.events[room.name]
    for n in range(count):
        room.log.append(draft(n, BOB, room.name), events.put)
    for _ in range(count):
        room.next()
    room.send(Erase("erase"), whom=BOB, is_owner=True)
    room.log.append(draft("meanwhile", ANN, room.name), events.put)
    told = room.until_done("erase")
    removed = [each for each in told if isinstance(each, Removed)]
    assert [each.target for each in removed] == list(range(1, count + 1))
    assert {each.member for each in removed} == {ANN}
    assert [each.id for each in told if isinstance(each, Message)] == ["id-meanwhile"]
    assert [each.removed for each in room.messages()] == [True] * count + [False]


def test_erasing_nothing_is_remembered(room: Conversation) -> None:
    room.say("other", BOB)
    assert room.do(Erase("erase")) == Done("erase")
    mine = room.say("mine")
    assert room.do(Erase("erase")) == Done("erase")
    assert room.message(mine.seq) == mine
    assert [deed.what for deed in room.log.deeds(room.name, None, 10)] == ["erase"]


def test_fifteen_hundred_messages_are_removed_and_posts_go_on(room: Conversation) -> None:
    count = 1500
    events = room.told.events[room.name]
    for n in range(count):
        room.log.append(draft(n, ANN, room.name), events.put)
    for _ in range(count):
        room.next()
    room.send(Erase("erase"))
    posts = 0
    seqs = []
    outcome: Any = None
    while outcome != Done("erase"):
        if posts < 20:  # meanwhile
            room.log.append(draft(posts, BOB, room.name), events.put)
            posts += 1
        outcome = room.next()
        if not isinstance(outcome, Done):
            seqs.append(outcome.seq)
    messages = room.messages()
    assert all(message.removed is (message.member == ANN) for message in messages)
    entries = room.entries()
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    removed = [entry for entry in entries if isinstance(entry, Removed)]
    assert [entry.target for entry in removed] == list(range(1, count + 1))
    assert [entry.id for entry in removed] == ["erase", *(f"erase.{n}" for n in range(2, 1501))]
    assert seqs == list(range(count + 1, seqs[-1] + 1))


# --- the end ------------------------------------------------------------------------------


def test_nothing_of_a_room_can_be_read_after_its_end(empty_room: Conversation) -> None:
    room = empty_room
    room.do(Make(room.name, title="Tea", owner=KEY))
    message = room.say("hello", BOB)
    room.do(Report("report", message.seq))
    room.do(Mute("mute", BOB.id, 60), is_owner=True)
    room.do(SetRules("lock", locked=True), is_owner=True, known=["ann"])
    for _ in range(4):
        room.act()
    assert room.do(End("end"), is_owner=True) == Done("end")
    record, deed = room.act()
    assert record == Record(ended_at=record.ended_at)
    assert record.ended_at is not None
    assert deed is None
    check_ended(room, head=2)
    for outcome in (
        room.say("late"),
        room.say("hello", BOB, id=message.id),
        room.do(Edit("edit", 1, "late"), BOB),
        room.do(Mute("mute", BOB.id, 60), is_owner=True),
        room.do(Erase("erase"), BOB),
        room.do(Make(room.name, owner=KEY)),
    ):
        assert code(outcome) == ErrorCode.ROOM_ENDED
    assert room.do(End("end"), is_owner=True) == Done("end")
    check_ended(room, head=2)


def check_ended(room: Conversation, head: int) -> None:
    log = room.log
    assert room.record() == Record(ended_at=room.record().ended_at)
    assert log.after(room.name, 0, 10)[1:] == (None, head, [])
    assert log.before(room.name, NEWEST, 10).messages == []
    assert log.before(room.name, NEWEST, 10).head == head
    assert log.deeds(room.name, None, 10) == []
    assert log.members(room.name) == log.recent_nicks(room.name, 0) == []
    assert not log.knows(room.name, "ann")
    assert log.find(room.name, "hello", None, 10).messages == []
    assert room.name not in {report.room for report in log.reports(1000)}


def test_room_ends_when_its_time_has_come(
    empty_room: Conversation, other_room: Conversation
) -> None:
    room = empty_room
    ends_ms = now_ms() + 700
    room.do(Make(room.name, ends_at=rfc3339(ends_ms), owner=KEY))
    other_room.do(SetRules("rules", ends_at=rfc3339(now_ms() + 60_000)), is_owner=True)
    message = room.say("hello")
    room.act()
    record, deed = room.act()
    late_ms = now_ms() - ends_ms
    assert (record.ended_at is not None, deed) == (True, None)
    assert 0 <= late_ms < 5000  # a second on a machine that has time
    assert record.ended_at >= rfc3339(ends_ms)
    check_ended(room, head=message.seq)
    assert other_room.record().ended_at is None


# --- what stays ---------------------------------------------------------------------------


def test_everything_is_there_when_the_log_is_opened_again(place: Engine) -> None:
    room = reopened(place)
    room.do(Make(room.name, title="Tea", owner=KEY))
    room.say("one")
    room.say("two", BOB, reply=1)
    room.do(Edit("edit", 2, "two!"), BOB)
    room.do(Pin("pin", 2), is_owner=True)
    room.do(PutOut("out", "eve", 600), is_owner=True, known=["ann"])
    room.do(Report("report", 2, "why"))
    before = room.all()
    ended = Conversation(room.log, room.told, "ended")
    room.log.follow("ended")
    ended.say("gone")
    ended.do(End("end"), is_owner=True)
    room.log.close()
    room = reopened(place)
    assert room.all() == before
    assert room.log.knows(room.name, "ann")
    assert room.do(PutOut("out", "eve", 600), is_owner=True) == Done("out")
    assert room.do(Pin("pin", 2), is_owner=True) == before[0].entries[3]
    check_ended(Conversation(room.log, room.told, "ended"), head=1)
    assert code(Conversation(room.log, room.told, "ended").do(Erase("erase"))) == "room_ended"
    assert room.all() == before


def reopened(place: Engine) -> Conversation:
    log, told = place.open(), Told()
    told.empty.add("kept")
    told.start(log)
    well(log)
    log.follow("kept")
    return Conversation(log, told, "kept")


def test_pruning_does_no_harm_to_what_is_about_a_message(place: Engine) -> None:
    log, told = place.open(retention_messages=400), Told()
    told.start(log)
    well(log)
    log.follow("kept")
    room = Conversation(log, told, "kept")
    room.say("first")
    room.do(Pin("pin", 1), is_owner=True)
    answer = draft("answer", BOB, "kept")._replace(reply=1)
    for n in range(300):  # nothing is pruned yet
        room.log.append(draft(n, ANN, "kept"), told.events["kept"].put)
    room.send(Edit("edit", 1, "edited"))
    room.log.append(answer, told.events["kept"].put)
    for n in range(300, 690):
        room.log.append(draft(n, ANN, "kept"), told.events["kept"].put)
    for _ in range(692):
        room.next()
    wait_until(lambda: len(log.after("kept", 0, 2000).entries) == 400)
    kept = room.entries()
    edited, answered = (each for each in kept if each.id in ("edit", answer.id))
    assert (edited.target, edited.text) == (1, None)
    assert answered.reply == Quote(1)
    assert room.record().pin is None
    assert code(room.do(Edit("late", 1, "text"))) == ErrorCode.TARGET_UNKNOWN
    assert code(room.do(Pin("late", 1), is_owner=True)) == ErrorCode.TARGET_UNKNOWN
    assert room.entries() == kept
