"""A SQLite file as an end of a move."""

from __future__ import annotations

import secrets
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from chat.log import Contents, LogError, erasing, kept_records
from chat.log.disk import sync_file, sync_folder
from chat.log.ends import STEP_ENTRIES, Entry, Room
from chat.log.files import (
    connect,
    file_beside,
    files_of_sqlite,
    find_damage,
    give_to_owner,
    is_alone,
    new_file,
    open_to_read,
    refuse_other_files,
    refuse_other_versions,
    resolve,
    stopped,
)
from chat.log.schema import (
    INDEXES,
    ROOM_TABLES,
    VERSION,
    choose_format,
    create_later_tables,
    create_tables,
    pragma,
)
from chat.log.statements import add_room
from chat.redis.partitions import PARTITIONS

# A room of which nothing was ever known has a row only if that was made by hand. What an ended room
# still has is about to be deleted.
_ROOM = """
    SELECT name, coalesce(seq, floor) AS head, coalesce(at, floor_at, 0), floor,
        coalesce(floor_at, 0), {used}, {ended} AS ended
    FROM rooms LEFT JOIN entries ON room = rooms.id
        AND seq = (SELECT max(seq) FROM entries WHERE room = rooms.id)
    WHERE head > 0 OR ended NOTNULL
"""
_USED = "coalesce((SELECT day FROM used WHERE used.room = rooms.id), 0)"
_ENDED = "(SELECT ended_at NOTNULL FROM records WHERE records.room = rooms.id)"  # None: no record
_ENTRY = "seq, at, id, member, nick, text, kind, reply, target, edited, removed"
_SPACE = 1.3  # of what the log takes where it is: the file, and what sorting the indexes needs


@contextmanager
def open_source(path: Path) -> Iterator[FileSource]:
    """Open a file that no server has, and keep it from servers. Raises LogError."""
    path = resolve(path)
    refuse_other_files(path)
    with stopped(path), closing(open_to_read(path, alone=is_alone(path))) as database:
        refuse_other_versions(database, path)
        if (version := pragma(database, "user_version")) < VERSION:
            raise LogError(
                f"{path} has version {version}: start the server on it once, which brings it up "
                "to date"
            )
        if (problem := find_damage(database, "quick_check")) is not None:
            raise LogError(f"{path} is damaged ({problem})")
        database.execute("BEGIN")
        source = FileSource(database)
        source.refuse_unfinished(path)
        yield source


@contextmanager
def open_target(path: Path) -> Iterator[FileTarget]:
    """Make a file beside a path that has none; `finish` gives it that path. Raises LogError."""
    path = resolve(path)
    for file in (path, *files_of_sqlite(path)):
        if file.exists():
            raise LogError(f"{file} exists: name another file")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = file_beside(path, "moving")
    with stopped(path), new_file(part), closing(connect(part, "mode=rw")) as database:
        give_to_owner(part, path)
        yield FileTarget(database, part, path)


class FileSource:
    """The log in a file."""

    def __init__(self, database: sqlite3.Connection) -> None:
        """Read on a connection, in the caller's transaction."""
        self._database = database
        self._tables = {name for (name,) in database.execute("SELECT name FROM sqlite_schema")}
        self._has_records = self._tables.issuperset(ROOM_TABLES)
        self._query = _ROOM.format(
            used=_USED if "used" in self._tables else "0",
            ended=_ENDED if self._has_records else "NULL",
        )

    def refuse_unfinished(self, path: Path) -> None:
        """Raise LogError while messages are to be removed whose members have asked for it."""
        if self._has_records and erasing.is_any(self._database):
            raise LogError(
                f"{path} has messages that are still to be removed: start the server on it once, "
                "which removes them"
            )

    def refuse_servers(self) -> None:
        """Do nothing: the lock keeps them away."""

    def contents(self) -> Contents:
        """Count what it has."""
        (rooms,) = self._one(f"SELECT count(*) FROM ({self._query})")  # noqa: S608 - it is ours
        moved = "SELECT count(*) FROM entries"
        if self._has_records:
            moved += " WHERE room NOT IN (SELECT room FROM records WHERE ended_at NOTNULL)"
        (messages,) = self._one(moved)
        pages = pragma(self._database, "page_count") - pragma(self._database, "freelist_count")
        return Contents(rooms, messages, pages * pragma(self._database, "page_size"))

    def epochs(self) -> list[str]:
        """Give the epoch of each partition, which is the file's."""
        return [str(self._one("SELECT epoch FROM log")[0])] * PARTITIONS

    def days(self) -> set[int]:
        """Give the days on which a server ran, since 1970."""
        if "days" not in self._tables:
            return set()
        return {day for (day,) in self._database.execute("SELECT day FROM days")}

    def rooms(self) -> Iterator[Room]:
        """Give all rooms that ever had an entry, or of which something is known."""
        for row in self._database.execute(f"{self._query} ORDER BY rooms.id"):
            yield self._room_of(row)

    def entries(self, room: Room) -> Iterator[list[Entry]]:
        """Give a room's entries in order."""
        (number,) = self._one("SELECT id FROM rooms WHERE name = ?", room.name)
        seq = room.floor
        while rows := self._database.execute(
            f"SELECT {_ENTRY} FROM entries WHERE room = ? AND seq > ? ORDER BY seq LIMIT ?",  # noqa: S608
            (number, seq, STEP_ENTRIES),
        ).fetchall():
            yield [Entry(*row) for row in rows]
            seq = rows[-1][0]

    def _room_of(self, row: tuple[Any, ...]) -> Room:
        *values, ended = row
        room = Room(*values)
        if ended is None:
            return room
        if ended:
            room = room._replace(floor=room.seq, floor_at_ms=room.at_ms, used_day=0)
        return room._replace(kept=kept_records.read(self._database, room.name))

    def _one(self, query: str, *arguments: object) -> tuple[Any, ...]:
        row: tuple[Any, ...] = self._database.execute(query, arguments).fetchone()
        return row


class FileTarget(FileSource):
    """The log in a new file."""

    def __init__(self, database: sqlite3.Connection, part: Path, path: Path) -> None:
        """Write on a connection to an empty file, `part`."""
        # Without a journal: a file that is not finished is made anew.
        database.execute("PRAGMA journal_mode = OFF").fetchone()
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA cache_size = -65536")
        choose_format(database)
        database.execute("BEGIN")
        create_tables(database, "")
        create_later_tables(database)
        super().__init__(database)
        self._part = part
        self._path = path
        self._room = ""  # that is being written
        self._number = 0  # of that one

    def begin(self, contents: Contents, days: set[int]) -> None:
        """Prepare for so much. Raises LogError when there is no space for it."""
        needed, free = int(contents.size * _SPACE), shutil.disk_usage(self._path.parent).free
        if free < needed:  # do not fill a disk on which a server may have to write
            raise LogError(f"{self._path.parent} has {free:,} bytes free, {needed:,} may be needed")
        self._database.executemany("INSERT INTO days VALUES (?)", [(day,) for day in sorted(days)])

    def write(self, room: Room, entries: Sequence[Entry]) -> None:
        """Write some of a room's entries; what else is known of it comes with the first."""
        if room.name != self._room:
            self._room = room.name
            self._number = add_room(self._database, room.name)
            self._database.execute(
                "UPDATE rooms SET floor = ?, floor_at = ? WHERE id = ?",
                (room.floor, room.floor_at_ms or None, self._number),
            )
            if room.used_day:
                self._database.execute(
                    "INSERT INTO used (room, day) VALUES (?, ?)", (self._number, room.used_day)
                )
            if room.kept is not None:
                kept_records.write(self._database, self._number, room.kept)
        self._database.executemany(
            f"INSERT INTO entries (room, {_ENTRY}) "  # noqa: S608 - it is ours
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(self._number, *entry) for entry in entries],
        )

    def settle(self) -> None:
        """Make the indexes, with which everything can be read."""
        for index in INDEXES:
            self._database.execute(index)

    def room(self, name: str) -> Room | None:
        """Give a room, if it has one of that name."""
        query = f"SELECT * FROM ({self._query}) WHERE name = ?"  # noqa: S608 - it is ours
        row = self._database.execute(query, (name,)).fetchone()
        return None if row is None else self._room_of(row)

    def finish(self, epochs: list[str]) -> bool:
        """Give the file its place, and one epoch: the one of all partitions, or else a new one."""
        is_one = len(set(epochs)) == 1
        epoch = epochs[0] if is_one else secrets.token_hex(8)
        self._database.execute("UPDATE log SET epoch = ?", (epoch,))
        self._database.execute("COMMIT")
        self._database.close()
        sync_file(self._part)
        self._part.rename(self._path)
        sync_folder(self._path.parent)
        return is_one
