"""What both engines do with messages that were posted before, elsewhere, and are put in now."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from chat.log import Draft, MessageLog
from chat.log.moving import move
from chat.log.opened import Opened
from chat.log.space import Space
from chat.log.upkeep import Rules, Upkeep
from chat.protocol import Edit, ErrorCode, Member, Message, Quote, Seen, read_time, rfc3339
from chat.rooms.delivery import find_gap
from tests.log import test_redis_upkeep
from tests.log.conversations import Conversation, Told
from tests.log.engines import ANN, BOB, Engine, OnRedis, OnSQLite, draft, well
from tests.log.test_entries import code
from tests.log.test_moving import at, quiet

DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS


def now_ms() -> int:
    return int(time.time() * 1000)


def past(number: int | str, at_ms: int, member: Member = ANN, room: str = "general") -> Draft:
    return draft(number, member, room)._replace(at_ms=at_ms)


class Log:
    """A log in which somebody is in « general »."""

    def __init__(self, place: Engine) -> None:
        self.log: MessageLog = place.open()
        self.told = Told()
        self.told.start(self.log)
        well(self.log)
        self.followed = self.log.follow("general")
        self.room = Conversation(self.log, self.told, "general")

    def post(self, *drafts: Draft) -> list[Message]:
        """Post all at once, and wait until they are told."""
        for each in drafts:
            self.log.append(each, self.told.events["general"].put)
        return [self.room.next() for _ in drafts]


@pytest.fixture
def log(place: Engine) -> Log:
    return Log(place)


def test_message_has_the_time_at_which_it_was_posted_and_the_next_number(log: Log) -> None:
    (live,) = log.post(draft("live"))
    before_ms = now_ms() - YEAR_MS
    posted = log.post(past(1, before_ms), past(2, before_ms + 1500, BOB), draft("new"), past(3, 1))
    assert [each.seq for each in posted] == [2, 3, 4, 5]
    assert [each.at for each in posted] == [
        rfc3339(before_ms),
        rfc3339(before_ms + 1500),
        posted[2].at,
        "1970-01-01T00:00:00.001Z",
    ]
    assert posted[2].at >= live.at
    assert [each.member for each in posted] == [ANN, BOB, ANN, ANN]
    assert log.room.messages() == log.room.entries() == [live, *posted]
    assert log.log.before("general", 10, 1).at == posted[-1].at


def test_message_that_is_put_in_twice_is_the_first_one(log: Log) -> None:
    before_ms = now_ms() - YEAR_MS
    (first,) = log.post(past(1, before_ms))
    assert log.post(past(1, before_ms), past(1, before_ms + 1), draft(1)) == [first] * 3
    assert log.room.entries() == [first]


def test_answer_is_put_in_too_and_nobody_edits_what_is_that_old(log: Log) -> None:
    before_ms = now_ms() - YEAR_MS
    first, answer = log.post(
        past(1, before_ms), past("yes", before_ms + 60_000, BOB)._replace(reply=1)
    )
    assert (answer.seq, answer.at) == (2, rfc3339(before_ms + 60_000))
    assert answer.reply == Quote(1, ANN, "text 1")
    assert log.room.messages() == [first, answer]
    assert code(log.room.do(Edit("edit", 1, "new"))) == ErrorCode.TOO_LATE
    assert code(log.post(past("no", before_ms)._replace(reply=9))[0]) == ErrorCode.TARGET_UNKNOWN


def test_many_are_put_in_at_once_in_their_order_between_those_of_now(log: Log) -> None:
    before_ms = now_ms() - YEAR_MS
    drafts = [past(n, before_ms + n // 3) if n % 7 else draft(n) for n in range(400)]
    other = [past(n, before_ms - n, room="other") for n in range(30)]
    for each in other:
        log.log.append(each, log.told.events["other"].put)
    posted = log.post(*drafts)
    assert [each.id for each in posted] == [each.id for each in drafts]
    assert [each.seq for each in posted] == list(range(1, 401))
    assert all(
        each.at == rfc3339(asked.at_ms)
        for each, asked in zip(posted, drafts, strict=True)
        if asked.at_ms is not None
    )
    there = Conversation(log.log, log.told, "other")
    assert [there.next().id for _ in other] == [each.id for each in other]


def test_all_that_waits_is_put_in_before_the_end(place: Engine) -> None:
    log, before_ms = Log(place), now_ms() - YEAR_MS
    for number in range(100):
        log.log.append(past(number, before_ms + number), log.told.events["general"].put)
    log.log.close()
    assert [each.at for each in place.kept()["general"]] == [
        rfc3339(before_ms + number) for number in range(100)
    ]


def test_place_is_proved_before_and_behind_what_is_put_in(place: Engine, log: Log) -> None:
    before_ms = now_ms() - YEAR_MS
    log.post(draft("a"), past(1, before_ms), past(2, before_ms - 5), draft("b"))
    log.post(past(3, before_ms + DAY_MS))
    entries = log.room.entries()

    def proves_all() -> None:
        epoch = log.log.after("general", 0, 1).epoch
        for entry in entries:
            missed = log.log.after("general", entry.seq, 100)
            assert find_gap(Seen(epoch, entry.seq, entry.at), missed) is None
            assert missed.entries == entries[entry.seq :]
        wrong = Seen(epoch, 3, entries[1].at)
        assert find_gap(wrong, log.log.after("general", 3, 100)) is not None

    proves_all()
    if isinstance(place, OnSQLite):  # after which all that was given out is looked for
        with closing(sqlite3.connect(place.path)) as other:
            other.execute("INSERT INTO days (day) VALUES (1)")
            other.commit()
    entries += log.post(draft("c")._replace(followed=log.followed))
    proves_all()
    log.log.close()
    log = Log(place)
    proves_all()
    assert log.told.replacements.empty()


def test_nicks_are_those_of_who_posted_lately(log: Log) -> None:
    anna, since_ms = Member(ANN.id, "Anna"), now_ms() - 60_000
    log.post(draft(1), past(2, since_ms + 1000), past(3, since_ms - 1000, BOB))
    log.post(past(4, since_ms + 500, anna))
    nicks = log.log.recent_nicks("general", since_ms)
    assert [member for member, _ in nicks] == [anna, ANN]
    assert rfc3339(nicks[1][1]) == log.room.message(1).at


# --- deletion by age and by use ---------------------------------------------------------------


def keep_up(place: Engine, rules: Rules, days: Iterable[int] = ()) -> None:
    """Let upkeep look at everything once, after servers ran on these days."""
    if isinstance(place, OnRedis):
        test_redis_upkeep.ran_on(place.redis, days)
        test_redis_upkeep.keep_up(place.redis, rules)
        return
    assert isinstance(place, OnSQLite)
    with closing(Opened(place.path)) as opened:
        opened.database.executemany(
            "INSERT OR IGNORE INTO days (day) VALUES (?)", [(day,) for day in days]
        )
        upkeep = Upkeep(opened, Space(opened, 0), rules, now_ms)
        while upkeep.step():
            pass


def test_age_deletes_the_first_entries_alone_and_the_place_of_the_last_one_is_proved(
    place: Engine,
) -> None:
    log, before_ms = Log(place), now_ms() - YEAR_MS
    gone = log.post(past(1, before_ms), past(2, before_ms - DAY_MS))
    kept = log.post(draft("now"), past(3, before_ms), draft("later"))
    for number in range(300):
        log.log.append(past(number, before_ms, room="old"), log.told.events["old"].put)
    there = Conversation(log.log, log.told, "old")
    last = [there.next() for _ in range(300)][-1]
    log.log.close()

    keep_up(place, Rules(messages=1000, days=30))

    log = Log(place)
    assert log.room.entries() == kept
    missed = log.log.after("general", 2, 10)
    assert find_gap(Seen(missed.epoch, 2, gone[1].at), missed) is None
    assert log.log.after("old", 300, 10)[1:] == (last.at, 300, [])
    (next_one,) = log.post(draft("next"))
    assert next_one.seq == 6


def test_room_that_was_filled_today_is_no_unused_one(place: Engine) -> None:
    log, before_ms = Log(place), now_ms() - YEAR_MS
    put_in = log.post(past(1, before_ms), past(2, before_ms)._replace(reply=1))
    log.log.close()
    today = now_ms() // DAY_MS
    rules = Rules(messages=1000, idle_days=5)

    keep_up(place, rules, range(today - 20, today + 1))
    log = Log(place)
    assert log.room.entries() == put_in
    log.log.close()

    keep_up(place, rules, range(today + 1, today + 20))
    log = Log(place)
    assert log.log.rooms("", 1)[0].entries == 0


def test_what_was_put_in_is_known_after_a_move_too(tmp_path: Path) -> None:
    file, on_redis = OnSQLite(tmp_path), OnRedis(tmp_path)
    log = Log(file)
    (live,) = log.post(draft("live"))
    log.post(*(past(n, now_ms() - YEAR_MS) for n in range(300)))
    file.end()
    move(at(file.path), at(on_redis.redis.url), quiet)
    found = Log(on_redis).log.activity(read_time(live.at))
    assert ([each.posts for each in found.hours], found.is_whole) == ([1], True)
    on_redis.end()
