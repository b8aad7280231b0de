"""The SQL statements, each in a function, on the connection of the calling thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from chat.log import search

DAY_MS = 24 * 3_600_000
_BUSY_S = 2.0  # how long to wait for another program's write
_CHECKPOINT_PAGES = 8000  # 4 MB of WAL, then SQLite folds it into the file
_WAL_KEPT_BYTES = 16 << 20  # what a checkpoint leaves of a WAL that was larger


class Head(NamedTuple):
    """The newest entry that a room was ever given."""

    room: int  # the room's id; 0 for a room without a record
    seq: int  # 0 for none
    at_ms: int | None  # None for none, and for one that an older program pruned
    ended: int | None = None  # whether the room has ended: 0 or 1; None: it has no record


NO_HEAD = Head(0, 0, None)


def connect(path: Path, *, cache_kib: int) -> sqlite3.Connection:
    """Open an existing log, for one thread at a time, with that much of it in memory."""
    database = sqlite3.connect(
        f"{path.as_uri()}?mode=rw",
        uri=True,
        timeout=_BUSY_S,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        if database.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise sqlite3.OperationalError("its file system allows no WAL")
        database.execute("PRAGMA synchronous = FULL")
        # What is deleted is overwritten, also in pages that are free then (which FAST leaves).
        database.execute("PRAGMA secure_delete = ON").fetchone()
        database.execute(f"PRAGMA cache_size = -{cache_kib}")
        database.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}").fetchone()
        database.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}").fetchone()
        epoch(database)  # which makes the WAL, if there was none
    except sqlite3.Error:
        database.close()
        raise
    return database


@contextmanager
def snapshot(database: sqlite3.Connection) -> Iterator[None]:
    """Read everything in the block at one moment."""
    database.execute("BEGIN")
    try:
        yield
    finally:
        database.execute("ROLLBACK")


def epoch(database: sqlite3.Connection) -> str:
    """Give the log's epoch."""
    row = database.execute("SELECT epoch FROM log").fetchone()
    return "" if row is None else str(row[0])


def version(database: sqlite3.Connection) -> int:
    """Give the version of the tables."""
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def data_version(database: sqlite3.Connection) -> int:
    """Give a number that changes when another connection has committed."""
    return int(database.execute("PRAGMA data_version").fetchone()[0])


def problem_with_writing(database: sqlite3.Connection) -> str | None:
    """Try to write, without changing anything; give the reason if it fails, else None."""
    try:
        database.execute("BEGIN IMMEDIATE")
        # Not an update to what is there already, which SQLite knows better than to write.
        database.execute("INSERT INTO log (epoch) VALUES ('')")
        database.execute("DELETE FROM log WHERE rowid = last_insert_rowid()")
        database.execute("COMMIT")
    except sqlite3.Error as error:
        if database.in_transaction:
            database.execute("ROLLBACK")
        return str(error)
    return None


def head(database: sqlite3.Connection, room: str) -> Head:
    """Give a room's newest entry, also if it is gone."""
    row = database.execute(
        "SELECT rooms.id, coalesce(seq, floor), coalesce(at, floor_at), "
        "(SELECT ended_at NOTNULL FROM records WHERE records.room = rooms.id) FROM rooms "
        "LEFT JOIN entries ON entries.room = rooms.id "
        "AND seq = (SELECT max(seq) FROM entries WHERE room = rooms.id) WHERE name = ?",
        (room,),
    ).fetchone()
    return NO_HEAD if row is None else Head(*row)


def time_of(database: sqlite3.Connection, room: int, seq: int) -> int | None:
    """Give the time of an entry, milliseconds since 1970; None if that is not known any more."""
    row = database.execute(
        "SELECT at FROM entries WHERE room = ? AND seq = ? "
        "UNION ALL SELECT floor_at FROM rooms WHERE id = ? AND floor = ?",
        (room, seq, room, seq),
    ).fetchone()
    return None if row is None else row[0]


def add_room(database: sqlite3.Connection, name: str) -> int:
    """Make a room's record; give the room's id."""
    cursor = database.execute("INSERT INTO rooms (name) VALUES (?)", (name,))
    assert cursor.lastrowid is not None
    return cursor.lastrowid


# --- pruning ------------------------------------------------------------------------------


class Retention(NamedTuple):
    """What is kept now of each room."""

    keep: int  # the newest entries, in any case
    settled_ms: int  # an entry is too many only if its time is before this one
    since_ms: int  # an entry whose time is before this one is too old
    unused_day: int  # a room that was last used before this day keeps nothing


#: The last day on which somebody wrote in a room or read it; days since 1970. (The day on which
#: somebody put in what was posted before is in `used`.)
_LAST_USED = (
    "max(coalesce((SELECT day FROM used WHERE used.room = rooms.id), 0), "
    "(SELECT at FROM entries WHERE room = rooms.id ORDER BY seq DESC LIMIT 1) / 86400000)"
)


def rooms_to_prune(
    database: sqlite3.Connection, after_id: int, limit: int, retention: Retention
) -> tuple[int | None, list[int]]:
    """Look at `limit` rooms after an id: which have entries that are not to be kept?

    Gives the last id that was looked at, None after the last room, and the ids found.
    """
    keep, settled_ms, since_ms, unused_day = retention
    rows = database.execute(
        "SELECT id, oldest < ? OR (newest - floor > ? AND oldest < ?) OR last_used < ? FROM ("  # noqa: S608
        "SELECT id, floor, (SELECT max(seq) FROM entries WHERE room = rooms.id) AS newest, "
        "(SELECT at FROM entries WHERE room = rooms.id ORDER BY seq LIMIT 1) AS oldest, "
        f"{_LAST_USED} AS last_used FROM rooms WHERE id > ? ORDER BY id LIMIT ?)",
        (since_ms, keep, settled_ms, unused_day, after_id, limit),
    ).fetchall()
    last = rows[-1][0] if len(rows) == limit else None
    return last, [room for room, too_much in rows if too_much]


def prune(database: sqlite3.Connection, room: int, retention: Retention, limit: int) -> int:
    """Delete a room's oldest entries that are not to be kept, `limit` at most.

    Gives how many were deleted; fewer than `limit` if nothing is left to delete. They are always
    the room's first ones, so that what is kept has no hole.
    """
    keep, settled_ms, since_ms, unused_day = retention
    newest, unused = database.execute(
        f"SELECT (SELECT max(seq) FROM entries WHERE room = rooms.id), {_LAST_USED} < ? "  # noqa: S608
        "FROM rooms WHERE id = ?",
        (unused_day, room),
    ).fetchone()
    last = None
    deleted = 0
    for seq, at_ms in database.execute(
        "SELECT seq, at FROM entries WHERE room = ? ORDER BY seq LIMIT ?", (room, limit)
    ):
        too_many = seq <= newest - keep and at_ms < settled_ms
        if not (unused or too_many or at_ms < since_ms):
            break
        last, deleted = (seq, at_ms), deleted + 1
    if last is not None:
        seq, at_ms = last
        database.execute("BEGIN IMMEDIATE")
        delete_to(database, room, seq, at_ms)
        database.execute("COMMIT")
    return deleted


def prune_to(database: sqlite3.Connection, room: int, last: int, limit: int) -> int:
    """Delete a room's oldest entries up to a seq, `limit` at most; in the caller's transaction.

    Gives how many were deleted.
    """
    rows = database.execute(
        "SELECT seq, at FROM entries WHERE room = ? AND seq <= ? ORDER BY seq LIMIT ?",
        (room, last, limit),
    ).fetchall()
    if rows:
        delete_to(database, room, *rows[-1])
    return len(rows)


def delete_to(database: sqlite3.Connection, room: int, seq: int, at_ms: int) -> None:
    """Delete a room's first entries, to one with this time; in a transaction of the caller's."""
    search.forget(database, room, 1, seq)
    database.execute("DELETE FROM entries WHERE room = ? AND seq <= ?", (room, seq))
    search.shorten(database)
    database.execute("UPDATE rooms SET floor = ?, floor_at = ? WHERE id = ?", (seq, at_ms, room))


# --- which rooms are used ---------------------------------------------------------------


def begin_day(database: sqlite3.Connection, day: int) -> None:
    """Note that a server ran on a day."""
    database.execute("INSERT OR IGNORE INTO days (day) VALUES (?)", (day,))


def note_used(database: sqlite3.Connection, rooms: Iterable[int], day: int) -> None:
    """Note that somebody read rooms on a day."""
    database.execute("BEGIN IMMEDIATE")
    put_used(database, rooms, day)
    database.execute("COMMIT")


def put_used(database: sqlite3.Connection, rooms: Iterable[int], day: int) -> None:
    """Note that rooms were used on a day; in a transaction of the caller's."""
    database.executemany(
        "INSERT INTO used (room, day) VALUES (?, ?) ON CONFLICT (room) DO UPDATE SET "
        "day = excluded.day",
        [(room, day) for room in rooms],
    )


def day_before(database: sqlite3.Connection, days: int) -> int:
    """Give the day since which a server has run on so many days; 0 if there were not so many."""
    row = database.execute("SELECT day FROM days ORDER BY day DESC LIMIT 1 OFFSET ?", (days,))
    found = row.fetchone()
    return 0 if found is None else int(found[0])


# --- the disk ---------------------------------------------------------------------------


def pages(database: sqlite3.Connection) -> tuple[int, int]:
    """Count the file's pages, and those of them that hold nothing."""
    (free,) = database.execute("PRAGMA freelist_count").fetchone()
    (count,) = database.execute("PRAGMA page_count").fetchone()
    return count, free


def vacuum(database: sqlite3.Connection, pages: int) -> None:
    """Take some pages that hold nothing out of the file."""
    # Not `execute`, which takes out one page only: this pragma is done in steps without rows.
    database.executescript(f"PRAGMA incremental_vacuum({pages})")


def checkpoint(database: sqlite3.Connection, wait_ms: int) -> bool:
    """Fold the WAL into the file and empty it, unless readers are in the way for so long."""
    database.execute(f"PRAGMA busy_timeout = {wait_ms}").fetchone()
    try:
        busy, _, _ = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        database.execute(f"PRAGMA busy_timeout = {int(_BUSY_S * 1000)}").fetchone()
    return bool(busy == 0)
