"""The SQLite log, on real files: what its file alone can have. test_contract.py has the rest."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from threading import Event, Thread, Timer

import pytest

from chat.log import LogError, StorageUnavailable
from chat.log.opened import Opened
from chat.log.schema import prepare
from chat.log.sqlite import SQLiteLog
from tests.log.engines import NEWEST, WAIT_S, Recorder, draft
from tests.support.logs import Past, fill
from tests.support.waiting import wait_until

QUIET_S = 2.5  # upkeep has something to do each second


@pytest.fixture
def heard() -> Recorder:
    return Recorder()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tchat.db"


@pytest.fixture
def open_log(path: Path) -> Iterator[Callable[[], SQLiteLog]]:
    logs: list[SQLiteLog] = []

    def make() -> SQLiteLog:
        logs.append(SQLiteLog(path, retention_messages=100_000))
        assert logs[-1].claim()
        return logs[-1]

    yield make
    for log in logs:
        log.close()


def test_file_is_for_its_owner_alone(
    open_log: Callable[[], SQLiteLog], heard: Recorder, path: Path
) -> None:
    log = open_log()
    heard.start(log)
    heard.post(log, draft(1))
    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


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


def is_at_rest(path: Path) -> bool:
    """Tell whether upkeep has begun, and has written nothing for longer than it ever pauses."""
    wal = path.with_name(f"{path.name}-wal")
    before = wal.read_bytes()
    time.sleep(1.5)  # upkeep has something to do each second
    return wal.read_bytes() == before and tables_of_upkeep(path)


def tables_of_upkeep(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT count(*) FROM sqlite_schema WHERE name = 'days'"
        made = database.execute(query).fetchone()[0]
        return bool(made and database.execute("SELECT count(*) FROM days").fetchone()[0])


def test_damaged_file_is_not_written_any_more(
    open_log: Callable[[], SQLiteLog], heard: Recorder, path: Path
) -> None:
    fill(path, "long", (Past("Ann", "x" * 1000, 1_600_000_000_000) for _ in range(600)))
    fill(path, "short", [Past("Ann", "hello", 1_600_000_000_000)])
    log = open_log()
    heard.start(log)
    # What it writes first; then it only reads.
    wait_until(lambda: is_at_rest(path))
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


@pytest.mark.parametrize("content", [b"not a database, but long enough to be one" * 50, b"x"])
def test_file_that_is_no_database_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(LogError, match=r"tchat\.db"):
        SQLiteLog(path, retention_messages=1000).start(print, print, bool, print)
    assert path.read_bytes() == content


def test_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    content = path.read_bytes()
    with pytest.raises(LogError, match="another program"):
        SQLiteLog(path, retention_messages=1000).start(print, print, bool, print)
    assert path.read_bytes() == content


def test_newer_version_is_refused(open_log: Callable[[], SQLiteLog], path: Path) -> None:
    prepare(path, create=True)
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(LogError, match="version 99"):
        open_log().start(print, print, bool, print)


def test_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LogError):
        SQLiteLog(tmp_path / "file" / "tchat.db", retention_messages=1000).claim()


def test_replaced_file_has_the_last_commit_although_somebody_reads_an_earlier_moment(
    path: Path, tmp_path: Path
) -> None:
    """What stays in the WAL would be lost, and be taken for the next file's besides."""
    prepare(path, create=True)
    prepare(tmp_path / "next.db", create=True)
    opened = Opened(path)
    reads, may_end = Event(), Event()

    def read() -> None:
        with opened.reading() as database:
            database.execute("SELECT * FROM entries").fetchall()
            reads.set()
            may_end.wait(WAIT_S)

    reader = Thread(target=read)
    reader.start()
    assert reads.wait(WAIT_S)
    opened.database.execute("INSERT INTO days VALUES (7)")
    path.rename(tmp_path / "moved.db")
    (tmp_path / "next.db").rename(path)
    Timer(0.4, may_end.set).start()
    opened.close()
    reader.join()
    with closing(sqlite3.connect(tmp_path / "moved.db")) as moved:
        assert moved.execute("SELECT day FROM days").fetchall() == [(7,)]
    with closing(sqlite3.connect(path)) as following:
        assert following.execute("SELECT day FROM days").fetchall() == []
    with pytest.raises(StorageUnavailable), opened.reading():
        pass
