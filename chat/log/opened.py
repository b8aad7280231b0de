"""The database file as it is open now: its connections, and all that is cached of it.

When another file lies under its path, or an older copy was written into it, this whole object is
thrown away and a new one is made.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, LifoQueue
from threading import Lock
from time import monotonic

from chat.log import StorageUnavailable
from chat.log import statements as sql
from chat.log.damage import is_damage
from chat.log.schema import VERSION, create_later_tables, has_later_tables
from chat.log.statements import Head
from chat.names.rooms import room_in_log

_READERS = 4  # connections shared by all reading threads
_READER_CACHE_KIB = 256  # of each: what is read is mostly a room's newest
_WRITER_CACHE_KIB = 2048  # the pages that a hundred busy rooms write to, and more
_READER_WAIT_S = 10.0  # for one of them to be free
_CLOSE_WAIT_S = 10.0  # for all of them to be free
_HEADS_LIMIT = 10_000  # rooms whose newest entry is remembered
_READ_LIMIT = 10_000  # rooms that were read, until the writer takes note of them


class LogChanged(Exception):
    """The file is not the log any more that it was; the message says what has happened."""


class Damaged(StorageUnavailable):
    """A file in which something was found that SQLite never writes."""


class ReadersBusy(StorageUnavailable):
    """No connection that is free to read."""


class Opened:
    """One database file, open; the writer's thread uses all of it, readers `reading` and `note`."""

    def __init__(self, path: Path) -> None:
        """Open a file of this program's version; raise sqlite3.Error or OSError."""
        self._given = path
        self.path = path.resolve()
        stat = path.stat()
        self.database = sql.connect(self.path, cache_kib=_WRITER_CACHE_KIB)
        self.file_bytes = self.wal_bytes = 0  # as any thread's last look found them
        self._closed = False
        # None, once it is closed, for whoever waits.
        self._readers: LifoQueue[sqlite3.Connection | None] = LifoQueue()
        self._opened_readers = 0
        try:
            # All of them now: with one that is opened later, SQLite could make files anew beside
            # the database that are gone.
            for _ in range(_READERS):
                self._readers.put(sql.connect(self.path, cache_kib=_READER_CACHE_KIB))
                self._opened_readers += 1
            self._files = self._look()
            if self._files[0] != (stat.st_dev, stat.st_ino):
                raise OSError(f"{path} was replaced while it was opened")
            if not has_later_tables(self.database):
                self.database.execute("BEGIN IMMEDIATE")
                create_later_tables(self.database)
                self.database.execute("COMMIT")
            self._version = sql.data_version(self.database)
            self.epoch = sql.epoch(self.database)
        except (OSError, sqlite3.Error):
            self.close()
            raise
        self._heads: dict[str, Head] = {}  # as the writer's commits left them
        # Guards _noted and _read.
        self._lock = Lock()
        self._noted: dict[str, Head] = {}  # as readers gave them out; the oldest first
        self._read: set[int] = set()  # ids of the rooms that were read since `take_read`

    # --- for any thread -----------------------------------------------------------------

    @contextmanager
    def reading(self, wait_s: float = _READER_WAIT_S) -> Iterator[sqlite3.Connection]:
        """Lend a connection that reads all of the block at one moment.

        Raises StorageUnavailable, also when the file is not the one any more that was opened.
        """
        try:
            database = self._readers.get(timeout=wait_s)
        except Empty:
            raise ReadersBusy("too many wait to read the log") from None
        if database is None:
            self._readers.put(None)
            raise StorageUnavailable("the log is closed")
        try:
            if self._closed:
                raise StorageUnavailable("the log is closed")
            self.check_place()
            with sql.snapshot(database):
                if sql.epoch(database) != self.epoch:
                    raise StorageUnavailable("the database has another epoch")
                yield database
        except (sqlite3.Error, LogChanged) as error:
            kind = Damaged if is_damage(error) else StorageUnavailable
            raise kind(str(error)) from error
        finally:
            self._readers.put(database)

    def note(self, room: str, head: Head) -> None:
        """Remember a room's newest entry, which somebody was given."""
        with self._lock:
            self._noted.pop(room, None)
            self._noted[room] = head
            if len(self._noted) > _HEADS_LIMIT:
                del self._noted[next(iter(self._noted))]
            if len(self._read) < _READ_LIMIT:
                self._read.add(head.room)

    def check_place(self) -> None:
        """Raise LogChanged unless the files that are open are those that others find."""
        try:
            found = self._look()
        except OSError as error:
            raise LogChanged(f"the database {self._given} is gone: {error}") from error
        if found != self._files:
            raise LogChanged(f"another file lies under the path of the database {self._given}")

    # --- for the writer's thread ----------------------------------------------------------

    def check(self) -> None:
        """Raise LogChanged if this is not the log any more whose entries were given out.

        Within a transaction it stays true until its end.
        """
        self.check_place()
        version = sql.data_version(self.database)
        if version == self._version:
            return
        # Only this connection commits here, so another program did.
        if sql.version(self.database) != VERSION or not has_later_tables(self.database):
            raise LogChanged(f"the database {self._given} has tables of another version")
        if sql.epoch(self.database) != self.epoch:
            raise LogChanged(f"the database {self._given} has another epoch")
        with self._lock:
            noted = tuple(self._noted.items())
        for room, head in (*noted, *self._heads.items()):
            if not self._still_has(room, head):
                named = room_in_log(room)
                raise LogChanged(
                    f"the database {self._given} has lost entries of the room {named!r}: "
                    "an older copy was written into it, or rows were deleted"
                )
        self._heads.clear()
        self._version = version

    def probe(self) -> None:
        """Read like the readers, unless they are all at it; raise StorageUnavailable like them."""
        with suppress(ReadersBusy), self.reading(wait_s=0.0) as database:
            sql.head(database, "")

    def take_read(self) -> set[int]:
        """Give the ids of the rooms that were read since the last call."""
        with self._lock:
            read, self._read = self._read, set()
        return read

    def head(self, room: str) -> Head:
        """Give a room's newest entry, also if it is gone."""
        head = self._heads.get(room)
        return sql.head(self.database, room) if head is None else head

    def advance(self, heads: dict[str, Head]) -> None:
        """Remember what a commit has made the newest entries."""
        if len(self._heads) > _HEADS_LIMIT:
            self._heads.clear()
        self._heads.update(heads)

    def forget(self, rooms: Iterable[str]) -> None:
        """Read the newest entries of these rooms again when they are needed."""
        for room in rooms:
            self._heads.pop(room, None)

    def close(self) -> None:
        """Close all connections; the one file then holds everything, wherever it is now.

        Waits for who is reading: while somebody reads what was there before the last commit, that
        one cannot be brought from the WAL into the file.
        """
        if self._closed:
            return
        self._closed = True
        until = monotonic() + _CLOSE_WAIT_S
        with suppress(Empty):
            for _ in range(self._opened_readers):
                reader = self._readers.get(timeout=max(0.0, until - monotonic()))
                assert reader is not None
                reader.close()
        self._readers.put(None)
        with suppress(sqlite3.Error):
            # Closing does this too, but not for a file that was moved or replaced. The WAL that
            # lies beside it would then be taken for one of the new file's.
            if self.database.in_transaction:
                self.database.execute("ROLLBACK")
            sql.checkpoint(self.database, wait_ms=200)
        self.database.close()

    def _still_has(self, room: str, head: Head) -> bool:
        now = sql.head(self.database, room)
        if now.seq < head.seq:
            return False
        at_ms = sql.time_of(self.database, now.room, head.seq)
        return at_ms is None or at_ms == head.at_ms

    def _look(self) -> tuple[tuple[int, int], ...]:
        """Tell the database and the two files beside it from any others, by device and inode.

        The database through links that lead to it, which may lead elsewhere now. `stat` only:
        opening and closing the file would drop SQLite's locks on it.
        """
        beside = (self.path.with_name(f"{self.path.name}{end}") for end in ("-wal", "-shm"))
        found = [os.stat(path) for path in (self._given, *beside)]  # noqa: PTH116 -- the faster one
        self.file_bytes, self.wal_bytes = found[0].st_size, found[1].st_size
        return tuple((stat.st_dev, stat.st_ino) for stat in found)
