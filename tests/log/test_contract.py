"""The contract of the log, kept by both engines."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from threading import Event

import pytest

from chat.log import Draft, MessageLog, Missed, Proposal, StorageUnavailable
from chat.protocol import Edit, Member, Message, rfc3339
from tests.log.engines import (
    ANN,
    BOB,
    NEWEST,
    WAIT_S,
    Engine,
    Recorder,
    draft,
    trouble,
    well,
)
from tests.support.waiting import wait_until
from tests.whole.test_costs import calls


@pytest.fixture
def heard() -> Recorder:
    return Recorder()


def opened(place: Engine, heard: Recorder, *rooms: str) -> MessageLog:
    """Open and start a log, with somebody in these rooms."""
    log = place.open()
    heard.start(log)
    for room in rooms or ("general",):
        log.follow(room)
    well(log)
    return log


def test_messages_are_numbered_from_one_without_gaps_in_each_room(
    place: Engine, heard: Recorder
) -> None:
    log = opened(place, heard, "general", "other")
    before_ms = int(time.time() * 1000)
    general = heard.post(log, *(draft(n) for n in range(5)))
    other = heard.post(log, *(draft(n, BOB, "other") for n in range(3)))
    assert [message.seq for message in general] == [1, 2, 3, 4, 5]
    assert [message.seq for message in other] == [1, 2, 3]
    assert log.after("general", 0, 100).entries == general
    assert rfc3339(before_ms) <= general[0].at <= other[-1].at <= rfc3339(before_ms + 60_000)


def test_everything_that_waits_is_committed_at_once_and_in_order(
    place: Engine, heard: Recorder
) -> None:
    log = opened(place, heard)
    heard.post(log, draft("before"))
    log.close()
    log = place.open()
    for number in range(300):
        log.append(draft(number), heard.answers.put)
    heard.start(log)  # they all waited for it
    room, messages = heard.committed()
    assert room == "general"
    assert [message.id for message in messages] == [f"id-{number}" for number in range(300)]


def test_repeated_id_is_answered_with_the_original(place: Engine, heard: Recorder) -> None:
    log = opened(place, heard, "general", "elsewhere")
    log.append(draft(1), heard.answers.put)
    log.append(Draft("general", "id-1", Member("ann", "Renamed"), "other"), heard.answers.put)
    log.append(draft(1, BOB), heard.answers.put)
    log.append(draft(1, ANN, "elsewhere"), heard.answers.put)
    stored: dict[str, list[Message]] = {"general": [], "elsewhere": []}
    while sum(map(len, stored.values())) < 3:
        room, messages = heard.committed()
        stored[room] += messages
    general = stored["general"]
    assert [(m.seq, m.member, m.text) for m in general] == [(1, ANN, "text 1"), (2, BOB, "text 1")]
    assert [m.seq for m in stored["elsewhere"]] == [1]
    assert heard.answer() == general[0]
    log.append(draft(1), heard.answers.put)
    assert heard.answer() == general[0]
    assert heard.batches.empty()


def test_repeated_id_in_one_commit_is_answered_with_the_original(
    place: Engine, heard: Recorder
) -> None:
    log = place.open()
    for member in (ANN, Member("ann", "Renamed"), BOB):
        log.append(Draft("general", "id", member, "text"), heard.answers.put)
    heard.start(log)
    _, messages = heard.committed()
    assert [(message.seq, message.member) for message in messages] == [(1, ANN), (2, BOB)]
    assert heard.answer() == messages[0]


def test_log_that_is_opened_again_is_the_same(place: Engine, heard: Recorder) -> None:
    first = opened(place, heard)
    before = heard.post(first, draft(1), draft(2))
    epoch = first.after("general", 0, 1).epoch
    first.close()
    again = opened(place, heard)
    assert again.after("general", 0, 10) == Missed(epoch, None, 2, before)
    again.append(draft(2), heard.answers.put)
    assert heard.answer() == before[1]
    assert [message.seq for message in heard.post(again, draft(3))] == [3]


def test_what_is_read_ends_where_it_was_asked_to(place: Engine, heard: Recorder) -> None:
    log = opened(place, heard)
    assert log.before("general", NEWEST, 10)[1:] == (0, None, [])
    assert log.after("general", 0, 10)[1:] == (None, 0, [])
    posted = heard.post(log, *(draft(number) for number in range(10)))
    newest = posted[-1].at
    assert log.before("general", NEWEST, 4)[1:] == (10, newest, posted[6:])
    assert log.before("general", 4, 2)[1:] == (10, newest, posted[1:3])
    assert log.before("general", 1, 2)[1:] == (10, newest, [])
    assert log.after("general", 3, 2)[1:] == (posted[2].at, 10, posted[3:5])
    assert log.after("general", 10, 2)[1:] == (newest, 10, [])
    assert log.after("general", 11, 2)[1:] == (None, 10, [])  # never given
    assert log.after("nowhere", 1, 2)[1:] == (None, 0, [])


def test_close_commits_what_is_queued_and_refuses_the_rest(place: Engine, heard: Recorder) -> None:
    log = opened(place, heard)
    for number in range(50):
        log.append(draft(number), heard.answers.put)
    log.close()
    with pytest.raises(StorageUnavailable):
        log.append(draft(99), heard.answers.put)
    with pytest.raises(StorageUnavailable):
        log.check()
    with pytest.raises(StorageUnavailable):
        log.before("general", NEWEST, 1)
    assert len(place.kept()["general"]) == 50


def test_queue_has_a_limit(place: Engine, heard: Recorder) -> None:
    log = place.open()  # not started: nothing leaves the queue
    for number in range(10_000):
        log.append(draft(number), heard.answers.put)
    with pytest.raises(StorageUnavailable):
        log.append(draft("more"), heard.answers.put)


def test_oldest_messages_are_deleted_little_by_little_and_the_log_says_so(
    place: Engine, heard: Recorder
) -> None:
    log = place.open(retention_messages=1000)
    heard.start(log)
    log.follow("general")
    well(log)
    posted = heard.post(log, *(draft(number) for number in range(3000)))
    wait_until(lambda: len(log.before("general", NEWEST, 5000).messages) <= 1000)
    assert log.before("general", NEWEST, 5000).messages == posted[2000:]
    assert log.after("general", 1999, 1).entries == posted[2000:2001]
    assert log.after("general", 1999, 1).at is None
    # The newest that is gone still proves a place.
    assert log.after("general", 2000, 1)[1:] == (posted[1999].at, 3000, posted[2000:2001])
    assert place.kept()["general"] == posted[2000:]


def test_post_that_cannot_be_stored_is_answered_and_the_next_one_is_stored(
    place: Engine, heard: Recorder
) -> None:
    log = opened(place, heard)
    with place.blocked():
        log.append(draft(1), heard.answers.put)
        assert isinstance(heard.answer(), StorageUnavailable)
        assert log.before("general", NEWEST, 10).messages == []
    assert [message.seq for message in heard.post(log, draft(1))] == [1]
    well(log)


def test_what_waits_behind_a_refused_post_does_not_overtake_it(
    place: Engine, heard: Recorder
) -> None:
    # The last one is in a later commit than the first.
    drafts = [draft(number) for number in range(1001)]
    opened(place, heard).close()
    log = place.open()
    for item in drafts:
        log.append(item, heard.answers.put)
    with place.blocked():
        heard.start(log)
        log.follow("general")
        assert isinstance(heard.answer(), StorageUnavailable)
    for _ in drafts[1:]:
        assert isinstance(heard.answer(), StorageUnavailable)
    posted = heard.post(log, *drafts)
    assert [message.id for message in posted] == [item.id for item in drafts]


def test_what_is_posted_before_people_are_told_of_another_log_does_not_get_into_it(
    place: Engine, heard: Recorder
) -> None:
    log, goes_on = place.open(), Event()

    def tail(room: str, messages: Sequence[Message]) -> None:
        heard.tail(room, messages)
        assert goes_on.wait(WAIT_S)

    def replaced(rooms: Collection[str] | None) -> None:
        log.append(late, heard.answers.put)  # of a connection that is not closed yet
        heard.replaced(rooms)

    log.start(tail, replaced, lambda room: True, heard.acted)
    followed = log.follow("general")
    lost, behind, late = (
        draft(name)._replace(followed=followed) for name in ("lost", "behind", "late")
    )
    well(log)
    heard.post(log, lost)
    place.lose()
    log.append(behind, heard.answers.put)
    goes_on.set()
    rooms = heard.replacements.get(timeout=WAIT_S)
    assert rooms is None or "general" in rooms
    for _ in ("behind", "late"):
        assert isinstance(heard.answer(), StorageUnavailable)
    well(log)
    log.follow("general")
    assert [message.seq for message in heard.post(log, draft("next"))] == [1]
    assert [message.id for message in place.kept()["general"]] == ["id-next"]


def test_what_was_meant_for_another_log_is_done_to_no_message_of_this_one(
    place: Engine, heard: Recorder
) -> None:
    log = opened(place, heard)
    before = log.follow("general")
    (lost,) = heard.post(log, draft("lost")._replace(followed=before))
    place.lose()
    heard.replacements.get(timeout=WAIT_S)
    well(log)
    now = log.follow("general")
    (other,) = heard.post(log, draft("other")._replace(followed=now))
    assert other.seq == lost.seq
    edit = Proposal("general", ANN, Edit("edit", lost.seq, "new"), within_s=60, followed=before)
    answer = Draft("general", "answer", ANN, "yes", reply=lost.seq, followed=before)
    for late in (edit, answer):
        log.append(late, heard.answers.put)
        assert isinstance(heard.answer(), StorageUnavailable)
    assert log.after("general", 0, 10).entries == [other]
    log.append(edit._replace(followed=now), heard.answers.put)
    assert heard.committed()[1][0].text == "new"


def test_who_has_left_is_heard_to_the_end(place: Engine, heard: Recorder) -> None:
    log = opened(place, heard)
    followed = log.follow("general")
    heard.post(log, draft(1)._replace(followed=followed))
    heard.empty.add("general")
    left = draft(2)._replace(followed=followed)
    assert [each.seq for each in heard.post(log, left)] == [2]


def test_close_while_nothing_can_be_stored_refuses_what_waits_and_ends(
    place: Engine, heard: Recorder
) -> None:
    log = opened(place, heard)
    with place.blocked():
        for number in range(1001):
            log.append(draft(number), heard.answers.put)
        log.close()
    assert heard.answers.qsize() == 1001
    assert place.kept() == {}


def test_tail_that_fails_stops_nothing(place: Engine, heard: Recorder) -> None:
    log = place.open()

    def tail(room: str, messages: Sequence[Message]) -> None:
        heard.tail(room, messages)
        raise RuntimeError("a bug in the tail")

    log.start(tail, heard.replaced, lambda room: True, heard.acted)
    log.follow("general")
    well(log)
    assert [message.seq for message in heard.post(log, draft(1), draft(2))] == [1, 2]
    log.check()


def test_check_reads_nothing_and_waits_for_nobody(place: Engine, heard: Recorder) -> None:
    log = opened(place, heard)
    counted = calls(log.check)
    assert counted["check"] == 1
    assert not {"C execute", "C get", "C send", "C sendall", "get", "wait", "ask"} & set(counted)


def test_check_says_that_the_writer_hangs(place: Engine, heard: Recorder) -> None:
    log, goes_on = place.open(), Event()
    log.start(
        lambda room, messages: bool(goes_on.wait(2 * WAIT_S)), heard.replaced, bool, heard.acted
    )
    log.follow("general")
    well(log)
    try:
        log.append(draft(1), heard.answers.put)
        wait_until(lambda: "hung" in (trouble(log) or ""))
    finally:
        goes_on.set()
    log.append(draft(1), heard.answers.put)
    assert isinstance(heard.answer(), Message)
    log.check()


def test_recent_nicks_are_those_of_who_posted_since(place: Engine, heard: Recorder) -> None:
    log = opened(place, heard)
    renamed = Member("ann", "Anna")
    heard.post(log, draft(1), draft(2, BOB), draft(3, renamed))
    nicks = dict(log.recent_nicks("general", 0))
    assert nicks.keys() == {ANN, BOB, renamed}
    posted = {message.member: message.at for message in log.after("general", 0, 3).entries}
    assert {member: rfc3339(at_ms) for member, at_ms in nicks.items()} == posted
    assert log.recent_nicks("general", max(nicks.values()) + 1) == []
    assert log.recent_nicks("nowhere", 0) == []


def test_entry_is_found_by_its_members_id_as_it_is_now(place: Engine, heard: Recorder) -> None:
    log = opened(place, heard)
    (message,) = heard.post(log, draft(1))
    heard.post(log, draft(1, BOB), Draft("general", "answer", BOB, "yes", reply=1))
    edit = Edit("edit", 1, "another text")
    log.append(Proposal("general", ANN, edit, within_s=900), heard.answers.put)
    (edited,) = heard.committed()[1]

    found = log.own("general", ANN.id, message.id)
    answer = log.own("general", BOB.id, "answer")

    assert isinstance(found, Message)
    assert (found.seq, found.text, found.edited) == (1, "another text", edited.at)
    assert isinstance(answer, Message)
    assert answer.reply is not None
    assert answer.reply.text == "another text"
    assert log.own("general", ANN.id, "edit") == edited
    assert log.own("general", ANN.id, "answer") is None
    assert log.own("other", ANN.id, message.id) is None
