"""The SQLite log, on real files."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from queue import Queue
from threading import Event

import pytest

from chat.log import Draft, LogError, Missed, StorageUnavailable
from chat.log.schema import prepare
from chat.log.sqlite import SQLiteLog
from chat.protocol import Member, Message
from tests.support.logs import Past, fill
from tests.whole.test_costs import calls

WAIT_S = 10.0
QUIET_S = 2.5  # upkeep has something to do each second
NEWEST = 2**53
AT = "2023-11-14T22:13:20.000Z"
ANN = Member("ann", "Ann")
BOB = Member("bob", "Bob")


class Recorder:
    """The log's commits and answers, in order."""

    def __init__(self) -> None:
        self.batches: Queue[tuple[str, list[Message]]] = Queue()
        self.answers: Queue[Message | StorageUnavailable] = Queue()
        self.replacements: Queue[None] = Queue()

    def tail(self, room: str, messages: Sequence[Message]) -> None:
        self.batches.put((room, list(messages)))

    def replaced(self) -> None:
        self.replacements.put(None)

    def committed(self) -> tuple[str, list[Message]]:
        return self.batches.get(timeout=WAIT_S)

    def answer(self) -> Message | StorageUnavailable:
        return self.answers.get(timeout=WAIT_S)


@pytest.fixture
def heard() -> Recorder:
    return Recorder()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tchat.db"


@pytest.fixture
def open_log(path: Path) -> Iterator[Callable[..., SQLiteLog]]:
    logs: list[SQLiteLog] = []

    def make(retention_messages: int = 100_000) -> SQLiteLog:
        logs.append(
            SQLiteLog(path, retention_messages=retention_messages, now_ms=lambda: 1_700_000_000_000)
        )
        assert logs[-1].claim()
        return logs[-1]

    yield make
    for log in logs:
        log.close()


def draft(number: int | str, member: Member = ANN, room: str = "general") -> Draft:
    return Draft(room, f"id-{number}", member, f"text {number}")


def post(log: SQLiteLog, heard: Recorder, *drafts: Draft) -> list[Message]:
    """Append drafts and wait until as many are committed."""
    for item in drafts:
        log.append(item, heard.answers.put)
    messages: list[Message] = []
    while len(messages) < len(drafts):
        messages += heard.committed()[1]
    return messages


def test_messages_are_numbered_from_one_without_gaps_in_each_room(
    open_log: Callable[..., SQLiteLog], heard: Recorder
) -> None:
    log = open_log()
    log.start(heard.tail, heard.replaced)
    general = post(log, heard, *(draft(n) for n in range(5)))
    other = post(log, heard, *(draft(n, BOB, "other") for n in range(3)))
    assert [message.seq for message in general] == [1, 2, 3, 4, 5]
    assert [message.seq for message in other] == [1, 2, 3]
    assert log.after("general", 0, 100).messages == general
    assert general[0].at == AT


def test_everything_that_waits_is_committed_at_once_and_in_order(
    open_log: Callable[..., SQLiteLog], heard: Recorder
) -> None:
    log = open_log()
    for number in range(300):
        log.append(draft(number), heard.answers.put)
    log.start(heard.tail, heard.replaced)  # they all waited for it
    room, messages = heard.committed()
    assert room == "general"
    assert [message.id for message in messages] == [f"id-{number}" for number in range(300)]


def test_repeated_id_is_answered_with_the_original(
    open_log: Callable[..., SQLiteLog], heard: Recorder
) -> None:
    log = open_log()
    log.append(draft(1), heard.answers.put)
    log.append(Draft("general", "id-1", Member("ann", "Renamed"), "other"), heard.answers.put)
    log.append(draft(1, BOB), heard.answers.put)
    log.append(draft(1, ANN, "elsewhere"), heard.answers.put)
    log.start(heard.tail, heard.replaced)
    _, general = heard.committed()
    _, elsewhere = heard.committed()
    assert [(m.seq, m.member, m.text) for m in general] == [(1, ANN, "text 1"), (2, BOB, "text 1")]
    assert [m.seq for m in elsewhere] == [1]
    assert heard.answer() == general[0]
    log.append(draft(1), heard.answers.put)
    assert heard.answer() == general[0]


def test_reopened_file_is_the_same_log(
    open_log: Callable[..., SQLiteLog], heard: Recorder, path: Path
) -> None:
    first = open_log()
    first.start(heard.tail, heard.replaced)
    before = post(first, heard, draft(1), draft(2))
    epoch = first.after("general", 0, 1).epoch
    first.close()
    again = open_log()
    again.start(heard.tail, heard.replaced)
    assert again.after("general", 0, 10) == Missed(epoch, None, 2, before)
    again.append(draft(2), heard.answers.put)
    assert heard.answer() == before[1]
    assert [message.seq for message in post(again, heard, draft(3))] == [3]
    assert path.stat().st_mode & 0o077 == 0


def test_close_commits_what_is_queued_and_refuses_the_rest(
    open_log: Callable[..., SQLiteLog], heard: Recorder, path: Path
) -> None:
    log = open_log()
    log.start(heard.tail, heard.replaced)
    for number in range(50):
        log.append(draft(number), heard.answers.put)
    log.close()
    with pytest.raises(StorageUnavailable):
        log.append(draft(99), heard.answers.put)
    with pytest.raises(StorageUnavailable):
        log.check()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM entries").fetchone() == (50,)


def test_queue_has_a_limit(open_log: Callable[..., SQLiteLog], heard: Recorder) -> None:
    log = open_log()  # not started: nothing leaves the queue
    for number in range(10_000):
        log.append(draft(number), heard.answers.put)
    with pytest.raises(StorageUnavailable):
        log.append(draft("more"), heard.answers.put)


def test_oldest_messages_are_deleted_little_by_little_and_the_log_says_so(
    open_log: Callable[..., SQLiteLog], heard: Recorder
) -> None:
    log = open_log(retention_messages=1000)
    log.start(heard.tail, heard.replaced)
    post(log, heard, *(draft(number) for number in range(3000)))
    deadline = time.monotonic() + WAIT_S
    while len(log.before("general", NEWEST, 5000).messages) > 1000:
        assert time.monotonic() < deadline
        time.sleep(0.02)  # bounded by the deadline: nobody is told of a deletion
    kept = log.before("general", NEWEST, 5000).messages
    assert [kept[0].seq, kept[-1].seq] == [2001, 3000]
    oldest = kept[0].seq
    assert log.after("general", oldest - 2, 1).messages == kept[:1]
    assert log.after("general", oldest - 2, 1).at is None
    # The newest that is gone still proves a place.
    assert log.after("general", oldest - 1, 1)[1:] == (AT, 3000, kept[:1])


def test_locked_database_is_answered_and_the_next_post_is_stored(
    open_log: Callable[..., SQLiteLog], heard: Recorder, path: Path
) -> None:
    log = open_log()
    log.start(heard.tail, heard.replaced)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    log.append(draft(1), heard.answers.put)
    assert isinstance(heard.answer(), StorageUnavailable)
    blocker.execute("ROLLBACK")
    blocker.close()
    assert [message.seq for message in post(log, heard, draft(1))] == [1]


def test_what_waits_behind_a_refused_post_does_not_overtake_it(
    open_log: Callable[..., SQLiteLog], heard: Recorder, path: Path
) -> None:
    log = open_log()
    log.start(heard.tail, heard.replaced)
    # The last one is in a later commit than the first.
    drafts = [draft(number) for number in range(1001)]
    with closing(sqlite3.connect(path, isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        for item in drafts:
            log.append(item, heard.answers.put)
        assert isinstance(heard.answer(), StorageUnavailable)
    for _ in drafts[1:]:
        assert isinstance(heard.answer(), StorageUnavailable)
    assert [message.id for message in post(log, heard, *drafts)] == [item.id for item in drafts]


def test_close_while_locked_refuses_what_waits_and_ends(
    open_log: Callable[..., SQLiteLog], heard: Recorder, path: Path
) -> None:
    log = open_log()
    log.start(heard.tail, heard.replaced)
    with closing(sqlite3.connect(path, isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        for number in range(1001):
            log.append(draft(number), heard.answers.put)
        log.close()
    assert heard.answers.qsize() == 1001
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM entries").fetchone() == (0,)


def test_tail_that_fails_stops_nothing(open_log: Callable[..., SQLiteLog], heard: Recorder) -> None:
    log = open_log()

    def tail(room: str, messages: Sequence[Message]) -> None:
        heard.tail(room, messages)
        raise RuntimeError("a bug in the tail")

    log.start(tail, heard.replaced)
    assert [message.seq for message in post(log, heard, draft(1), draft(2))] == [1, 2]
    log.check()


def test_check_reads_nothing_and_waits_for_nobody(
    open_log: Callable[..., SQLiteLog], heard: Recorder
) -> None:
    log = open_log()
    log.start(heard.tail, heard.replaced)
    counted = calls(log.check)
    assert counted["check"] == 1
    assert not {"C execute", "C get", "get", "wait"} & set(counted)


def trouble(log: SQLiteLog) -> str:
    """Wait until a log is not well, and give what it says."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        try:
            log.check()
        except StorageUnavailable as problem:
            return str(problem)
        time.sleep(0.05)  # bounded by the deadline: there is no event to wait for
    return "none"


def test_check_says_that_the_writer_hangs(
    open_log: Callable[..., SQLiteLog], heard: Recorder
) -> None:
    log, goes_on = open_log(), Event()
    log.start(lambda room, messages: bool(goes_on.wait(WAIT_S)), heard.replaced)
    try:
        log.append(draft(1), heard.answers.put)
        assert "hung" in trouble(log)
    finally:
        goes_on.set()
    log.append(draft(1), heard.answers.put)
    assert isinstance(heard.answer(), Message)
    log.check()


def tables_of_upkeep(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT count(*) FROM sqlite_schema WHERE name = 'days'"
        made = database.execute(query).fetchone()[0]
        return bool(made and database.execute("SELECT count(*) FROM days").fetchone()[0])


def test_damaged_file_is_not_written_any_more(
    open_log: Callable[..., SQLiteLog], heard: Recorder, path: Path
) -> None:
    fill(path, "long", (Past("Ann", "x" * 1000, 1_600_000_000_000) for _ in range(600)))
    fill(path, "short", [Past("Ann", "hello", 1_600_000_000_000)])
    log = open_log()
    log.start(heard.tail, heard.replaced)
    deadline = time.monotonic() + WAIT_S
    while not tables_of_upkeep(path):  # what it writes first; then it only reads
        assert time.monotonic() < deadline
        time.sleep(0.02)  # bounded by the deadline: there is no event to wait for
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 4)
        file.write(b"\xff" * (size // 2))
    with pytest.raises(StorageUnavailable, match="malformed"):
        log.before("long", NEWEST, 500)
    assert "damaged" in trouble(log)
    with pytest.raises(StorageUnavailable, match="damaged"):
        log.append(draft(1), heard.answers.put)

    def files() -> list[bytes]:
        return [each.read_bytes() for each in (path, path.with_name(f"{path.name}-wal"))]

    before = files()
    with suppress(StorageUnavailable):
        log.before("short", NEWEST, 10)  # its use is noted in a file that is whole
    deadline = time.monotonic() + QUIET_S
    while time.monotonic() < deadline:
        assert files() == before
        time.sleep(0.1)  # bounded by the deadline: nothing is to happen


def test_recent_nicks_are_those_of_who_posted_since(
    open_log: Callable[..., SQLiteLog], heard: Recorder
) -> None:
    log = open_log()
    log.start(heard.tail, heard.replaced)
    post(log, heard, draft(1), draft(2, BOB), draft(3, Member("ann", "Anna")))
    now = 1_700_000_000_000
    nicks = log.recent_nicks("general", now)
    assert {member for member, _ in nicks} == {ANN, BOB, Member("ann", "Anna")}
    assert log.recent_nicks("general", now + 1) == []


@pytest.mark.parametrize("content", [b"not a database, but long enough to be one" * 50, b"x"])
def test_file_that_is_no_database_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(LogError, match=r"tchat\.db"):
        SQLiteLog(path, retention_messages=1000).start(print, print)
    assert path.read_bytes() == content


def test_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    content = path.read_bytes()
    with pytest.raises(LogError, match="another program"):
        SQLiteLog(path, retention_messages=1000).start(print, print)
    assert path.read_bytes() == content


def test_newer_version_is_refused(open_log: Callable[..., SQLiteLog], path: Path) -> None:
    prepare(path, create=True)
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(LogError, match="version 99"):
        open_log().start(print, print)


def test_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LogError):
        SQLiteLog(tmp_path / "file" / "tchat.db", retention_messages=1000).claim()
