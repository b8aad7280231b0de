"""The contract of a room's entries, kept by both engines: answers, edits, removals, pins, rules."""

from __future__ import annotations

import time
from typing import Any

import pytest

from chat.protocol import (
    QUOTE_LIMIT,
    Change,
    Deed,
    Done,
    Edit,
    Edited,
    Erase,
    ErrorCode,
    Message,
    Mute,
    Pin,
    Pinned,
    PutOut,
    Quote,
    Refused,
    Rekey,
    Remove,
    Removed,
    Report,
    Rules,
    RulesSet,
    SetRules,
    Write,
    rfc3339,
)
from tests.log.conversations import Conversation, Page
from tests.log.engines import ANN, BOB, draft
from tests.support.waiting import wait_until

KEY = "k" * 22
ANNA = type(ANN)("ann", "Anna")


def code(outcome: Any) -> ErrorCode:
    assert isinstance(outcome, Refused), outcome
    return outcome.code


# --- answers ------------------------------------------------------------------------------


def test_answer_quotes_its_target_as_it_is_now(room: Conversation) -> None:
    long = "word " * 100
    target = room.say(long, BOB)
    answer = room.say("yes", reply=target.seq)
    assert answer.reply == Quote(target.seq, BOB, long[:QUOTE_LIMIT])
    assert room.message(answer.seq) == answer == room.entries()[-1]
    room.do(Edit("edit", target.seq, "short"), BOB)
    assert room.message(answer.seq).reply == Quote(target.seq, BOB, "short")
    room.do(Remove("remove", target.seq), BOB)
    assert room.message(answer.seq).reply == Quote(target.seq, BOB, "", removed=True)
    assert room.say("yes", id=answer.id) == room.message(answer.seq)


# --- edits --------------------------------------------------------------------------------


def test_edit_changes_the_message_and_is_an_entry(room: Conversation) -> None:
    before = room.say("before")
    edited = room.do(Edit("edit", before.seq, "after"), ANNA)
    assert edited == Edited(before.seq + 1, "edit", ANNA, before.seq, edited.at, "after")
    now = Message(before.seq, before.id, ANN, "after", before.at, None, edited.at)
    assert room.messages() == [now]
    assert room.entries() == [now, edited]
    again = room.do(Edit("again", before.seq, "at last"))
    assert [entry.text for entry in room.entries()] == ["at last"] * 3
    assert room.messages()[0].edited == again.at
    room.no_act()


def test_nobody_edits_what_another_wrote_nor_what_is_too_old(room: Conversation) -> None:
    message = room.say("mine")
    before = room.all()
    refused = room.do(Edit("edit", message.seq, "yours"), BOB, is_owner=True)
    assert code(refused) == ErrorCode.NOT_YOURS
    wait_until(lambda: rfc3339(int(time.time() * 1000)) > message.at)
    refused = room.do(Edit("edit", message.seq, "late"), within_s=0)
    assert code(refused) == ErrorCode.TOO_LATE
    assert room.all() == before
    assert room.do(Edit("edit", message.seq, "in time")).text == "in time"  # the id is not used up


# --- removals -----------------------------------------------------------------------------


def test_removed_message_keeps_its_place_and_nothing_of_its_text(room: Conversation) -> None:
    target = room.say("target")
    message = room.say("secret", reply=target.seq)
    edited = room.do(Edit("edit", message.seq, "secret, too"))
    removed = room.do(Remove("remove", message.seq), ANNA)
    assert removed == Removed(edited.seq + 1, "remove", ANNA, message.seq, removed.at)
    tombstone = Message(
        message.seq, message.id, ANN, "", message.at, message.reply, edited.at, removed=True
    )
    assert room.messages() == [target, tombstone]
    gone = Edited(edited.seq, "edit", ANN, message.seq, edited.at, None)
    assert room.entries() == [target, tombstone, gone, removed]
    assert room.say("secret", id=message.id) == tombstone
    room.no_act()


def test_only_owners_remove_what_others_wrote_and_it_is_noted(room: Conversation) -> None:
    message = room.say("spam", BOB)
    before = room.all()
    assert code(room.do(Remove("remove", message.seq))) == ErrorCode.NOT_YOURS
    assert room.all() == before
    removed = room.do(Remove("remove", message.seq), is_owner=True)
    record, deed = room.act()
    assert deed == Deed(1, removed.at, ANN, "remove", BOB, message.seq)
    assert room.log.deeds(room.name, None, 10) == [deed]
    assert record == room.record()
    assert room.message(message.seq).removed


def test_post_is_removed_by_its_id(room: Conversation) -> None:
    message = room.say("sent", id="post")
    room.say("of another", BOB, id="post")
    removed = room.do(Remove("remove", post="post"))
    assert removed == Removed(3, "remove", ANN, message.seq, removed.at)
    assert room.message(message.seq).removed
    assert not room.message(2).removed
    assert room.do(Remove("remove", post="post")) == removed
    assert code(room.do(Remove("again", post="post"))) == ErrorCode.TARGET_UNKNOWN


def test_post_that_was_removed_before_it_came_never_becomes_a_message(room: Conversation) -> None:
    removed = room.do(Remove("remove", post="late"))
    assert removed == Removed(1, "late", ANN, None, removed.at)
    assert room.say("never", id="late") == removed
    assert room.do(Remove("remove", post="late")) == removed
    assert room.do(Remove("another", post="late")) == removed
    assert room.say("of another", BOB, id="late").seq == 2
    assert room.entries()[0] == removed
    assert [message.seq for message in room.messages()] == [2]


# --- pins and rules -----------------------------------------------------------------------


def test_one_message_is_pinned_until_another_is_or_it_is_removed(room: Conversation) -> None:
    first, second = room.say("first"), room.say("second", BOB)
    pinned = room.do(Pin("pin", first.seq), is_owner=True)
    assert pinned == Pinned(3, "pin", ANN, first.seq, pinned.at, first)
    record, deed = room.act()
    assert (record.pin, deed) == (first.seq, Deed(1, pinned.at, ANN, "pin", target=first.seq))
    room.do(Pin("pin-2", second.seq), is_owner=True)
    assert room.act()[0].pin == second.seq
    room.do(Edit("edit", second.seq, "now"), BOB)
    assert room.entries()[3].message == room.message(second.seq)
    room.do(Remove("remove", second.seq), BOB)
    record, deed = room.act()
    assert (record.pin, deed) == (None, None)
    assert room.record().pin is None
    assert [entry.message for entry in room.entries()[2:4]] == [first, None]
    room.do(Pin("pin-3", first.seq), is_owner=True)
    none = room.do(Pin("pin-4", None), is_owner=True)
    assert (none.target, none.message, room.record().pin) == (None, None, None)


def test_record_is_told_after_the_entries_that_are_committed_with_it(room: Conversation) -> None:
    room.say("one")
    room.do(Pin("pin", 1), is_owner=True)
    room.act()
    room.do(SetRules("rules", pace_s=1), is_owner=True)
    room.act()
    assert room.told.order[room.name] == ["entry 1", "entry 2", "record", "entry 3", "record"]


def test_rules_that_are_not_named_stay(room: Conversation) -> None:
    ends_at = rfc3339(int(time.time() * 1000) + 3_600_000)
    first = room.do(SetRules("rules", write=Write.OWNERS, ends_at=ends_at), is_owner=True)
    rules = Rules(Write.OWNERS, 0, False, ends_at)
    assert first == RulesSet(1, "rules", ANN, first.at, rules)
    record, deed = room.act()
    assert (record.rules, deed) == (rules, Deed(1, first.at, ANN, "rules", rules=rules))
    second = room.do(SetRules("more", pace_s=30, locked=True), is_owner=True)
    assert second.rules == Rules(Write.OWNERS, 30, True, ends_at)
    room.do(SetRules("less", write=Write.ALL, ends_at=None), is_owner=True)
    assert room.record().rules == Rules(Write.ALL, 30, True, None)
    assert room.entries()[:2] == [first, second]
    written = room.do(SetRules("zone", ends_at="2126-01-01T01:00:00+01:00"), is_owner=True)
    assert written.rules.ends_at == "2126-01-01T00:00:00.000Z"
    before = room.all()
    for bad in ("tomorrow", "9999-12-31T23:59:59-14:00"):
        refused = room.do(SetRules("bad", ends_at=bad), is_owner=True)
        assert code(refused) == ErrorCode.BAD_COMMAND
    assert room.all() == before


# --- what is refused ----------------------------------------------------------------------

TO_TARGET = {
    "edit": lambda seq: Edit("new", seq, "text"),
    "remove": lambda seq: Remove("new", seq),
    "pin": lambda seq: Pin("new", seq),
    "report": lambda seq: Report("new", seq, "rude"),
}


@pytest.mark.parametrize("name", [*TO_TARGET, "reply"])
def test_bad_target_is_refused_and_nothing_changes(
    room: Conversation, other_room: Conversation, name: str
) -> None:
    for number in range(9):
        other_room.say(f"elsewhere {number}")
    gone = room.say("gone")
    entry = room.do(Remove("gone", gone.seq))
    edited = room.do(Edit("edit", room.say("stays").seq, "text"))
    rules = room.do(SetRules("rules", pace_s=0), is_owner=True)
    before, elsewhere = room.all(), other_room.all()
    # Removed, no messages, not there, of another room, never there.
    for seq in (gone.seq, entry.seq, edited.seq, rules.seq, rules.seq + 1, 9, 2**53 - 1):
        if name == "reply":
            outcome = room.say("answer", reply=seq, id="new")
        else:
            outcome = room.do(TO_TARGET[name](seq), is_owner=True)
        assert code(outcome) == ErrorCode.TARGET_UNKNOWN, seq
    assert room.all() == before
    assert other_room.all() == elsewhere
    assert isinstance(room.say("the id is not used up", id="new"), Message)


def test_neither_target_nor_post_is_refused_too(room: Conversation) -> None:
    assert code(room.do(Remove("remove"))) == ErrorCode.TARGET_UNKNOWN
    room.do(Mute("mute", BOB.id, 60), is_owner=True)
    assert code(room.do(Remove("remove", post="mute"))) == ErrorCode.TARGET_UNKNOWN
    assert room.entries() == []


def test_refused_proposal_stops_nothing_that_is_committed_with_it(room: Conversation) -> None:
    room.say("first")
    for number in range(20):
        room.send(Edit(f"bad-{number}", 99, "text"))
        room.log.append(draft(number, BOB, room.name), room.told.events[room.name].put)
    events = [room.next() for _ in range(40)]
    assert [event.seq for event in events if isinstance(event, Message)] == list(range(2, 22))
    assert [code(each) for each in events if isinstance(each, Refused)] == [
        ErrorCode.TARGET_UNKNOWN
    ] * 20


# --- an id that is used again -------------------------------------------------------------

ACTS: dict[str, Change] = {
    "edit": Edit("act", 1, "edited"),
    "remove": Remove("act", 1),
    "remove a post": Remove("act", post="one"),
    "remove another's": Remove("act", 2),
    "pin": Pin("act", 1),
    "unpin": Pin("act", None),
    "rules": SetRules("act", pace_s=5),
    "mute": Mute("act", BOB.id, 60),
    "put_out": PutOut("act", BOB.id, 60),
    "report": Report("act", 2, "rude"),
    "erase": Erase("act"),
    "rekey": Rekey("act", KEY),
}


@pytest.mark.parametrize("name", ACTS)
def test_id_that_is_used_again_gives_the_original_outcome(room: Conversation, name: str) -> None:
    room.say("one", id="one")
    room.say("two", BOB)
    outcome = room.do(ACTS[name], is_owner=True)
    if name == "erase":
        assert isinstance(outcome, Removed)
        outcome = room.next()
    assert outcome == Done("act") or outcome.id == "act"
    is_own = name in ("edit", "remove", "remove a post")
    assert bool(room.log.deeds(room.name, None, 10)) is not is_own
    before = room.all()
    for again in ACTS.values():
        assert room.do(again, is_owner=True) in (outcome, Done("act"))
    assert room.say("a post", id="act") == outcome
    assert room.all() == before
    assert isinstance(room.say("the same of another", BOB, id="act"), Message)


def test_id_of_a_post_is_no_command_s(room: Conversation) -> None:
    message = room.say("one", id="act")
    before = room.all()
    for again in ACTS.values():
        assert room.do(again, is_owner=True) == message
    assert room.all() == before


# --- order --------------------------------------------------------------------------------


def test_everything_is_numbered_in_the_order_in_which_it_was_done(room: Conversation) -> None:
    put = room.told.events[room.name].put
    for number in range(0, 60, 6):
        room.log.append(draft(number, ANN, room.name), put)
        room.send(Edit(f"edit-{number}", number + 1, f"edited {number}"))
        room.log.append(draft(f"b{number}", BOB, room.name), put)
        room.send(Pin(f"pin-{number}", number + 3), is_owner=True)
        room.send(Remove(f"remove-{number}", number + 1))
        room.send(SetRules(f"rules-{number}", pace_s=number), is_owner=True)
    told = [room.next() for _ in range(60)]
    assert [entry.seq for entry in told] == list(range(1, 61))
    entries = room.entries()
    kinds = [Message, Edited, Message, Pinned, Removed, RulesSet] * 10
    assert [type(entry) for entry in entries] == kinds
    assert [(each.seq, each.id, each.at) for each in entries] == [
        (each.seq, each.id, each.at) for each in told
    ]
    assert room.record().pin == 57
    assert [message.text for message in room.messages()[::2]] == [""] * 10
    # `limit` counts messages here, and entries there.
    assert [each.seq for each in room.log.before(room.name, 60, 3).messages] == [51, 55, 57]
    assert [each.seq for each in room.log.after(room.name, 5, 3).entries] == [6, 7, 8]


def test_what_was_missed_can_be_given_from_anywhere_and_twice(room: Conversation) -> None:
    told = [
        room.say("one"),
        room.say("two", BOB),
        room.do(Edit("e1", 1, "one!")),
        room.say("three", reply=1),
        room.do(Edit("e2", 1, "one!!")),
        room.do(Remove("r1", 2), BOB),
        room.do(Edit("e3", 4, "three!")),
        room.do(Remove("r2", 4)),
    ]
    texts = {1: "one!!", 2: None, 4: None}
    for seen in range(len(told) + 1):
        for back in range(seen + 1):
            page = Page()
            page.apply(told[:seen])
            missed = room.log.after(room.name, seen - back, 100).entries
            page.apply(missed)
            assert page.texts == texts
            page.apply(missed)
            assert page.texts == texts
