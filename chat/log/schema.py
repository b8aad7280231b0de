"""The tables of the SQLite file."""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from chat.log import LogError, search
from chat.log.damage import refuse_damage

VERSION = 2  # `PRAGMA user_version` of the files that this program writes

_MAGIC = b"SQLite format 3\0"
APPLICATION_ID = 0x54636861  # "Tcha": tells our file from any other program's

# Small pages: each commit writes whole pages, and a lone post changes three or four. With pages of
# 4 KiB it would write 20 KiB, and take 6 µs less of 80. Incremental vacuum gives the disk back what
# pruning frees. Neither can be chosen later.
_PRAGMAS = ("PRAGMA page_size = 512", "PRAGMA auto_vacuum = INCREMENTAL")

_TABLES = (
    "CREATE TABLE log (epoch TEXT NOT NULL)",
    """
    CREATE TABLE rooms (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        -- The newest entry that is gone, so that no number is given twice; floor_at is unknown
        -- for what an older program pruned.
        floor INTEGER NOT NULL DEFAULT 0,
        floor_at INTEGER
    )
    """,
    """
    CREATE TABLE entries (
        entry INTEGER PRIMARY KEY,
        room INTEGER NOT NULL,    -- rooms.id
        seq INTEGER NOT NULL,
        at INTEGER NOT NULL,      -- milliseconds since 1970
        kind INTEGER NOT NULL DEFAULT 0,  -- chat/log/entries.py names them; 0: a message
        id TEXT NOT NULL,         -- the sender's own, unique per member and room
        member TEXT NOT NULL,
        nick TEXT NOT NULL,       -- as it was then
        text TEXT NOT NULL,       -- of a message, as it is now; of rules, all of them as JSON
        reply INTEGER,            -- seq of the message that this one answers
        target INTEGER,           -- seq of the message that this entry changes or pins
        edited INTEGER,           -- milliseconds since 1970
        removed INTEGER NOT NULL DEFAULT 0  -- 1: a message whose text is gone
    )
    """,
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)
# Made once the tables are filled, which is faster. The id comes first: ids that begin with the
# time are then added at the index's end.
INDEXES = (
    "CREATE UNIQUE INDEX entries_by_seq ON entries (room, seq)",
    "CREATE UNIQUE INDEX entries_by_id ON entries (id, member, room)",
)

# What came later. Without these tables a file is one of this version too: an older program neither
# makes nor reads them. Days are counted from 1970, all other times in milliseconds.
_LATER_TABLES = (
    search.TABLE,
    # The last day on which somebody read a room.
    "CREATE TABLE IF NOT EXISTS used (room INTEGER PRIMARY KEY, day INTEGER NOT NULL)",
    # The days on which a server ran: those of a stopped one, and those that a wrong clock skips,
    # make no room unused.
    "CREATE TABLE IF NOT EXISTS days (day INTEGER PRIMARY KEY)",
    # What is known of a room besides its entries; most rooms have no row.
    """
    CREATE TABLE IF NOT EXISTS records (
        room INTEGER PRIMARY KEY,             -- rooms.id
        owner BLOB,                           -- the hash of the owner key
        title TEXT NOT NULL DEFAULT '',
        may_write TEXT NOT NULL DEFAULT 'all',
        pace_s INTEGER NOT NULL DEFAULT 0,
        locked INTEGER NOT NULL DEFAULT 0,
        ends_at INTEGER,                      -- when it is to end
        pin INTEGER,                          -- seq of a message
        ended_at INTEGER,                     -- when it ended: nothing else holds then
        emptied INTEGER NOT NULL DEFAULT 0    -- 1: and nothing is left to delete
    )
    """,
    "CREATE INDEX IF NOT EXISTS records_to_end ON records (ends_at) WHERE ends_at IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS records_ended ON records (emptied, ended_at) "
    "WHERE ended_at IS NOT NULL",
    # The audit lists. `id` is that of a command that became no entry.
    """
    CREATE TABLE IF NOT EXISTS deeds (
        deed INTEGER PRIMARY KEY,
        room INTEGER NOT NULL,
        number INTEGER NOT NULL,  -- 1, 2, 3 … in each room
        at INTEGER NOT NULL,
        id TEXT,
        by_member TEXT NOT NULL,
        by_nick TEXT NOT NULL,
        what TEXT NOT NULL,
        member TEXT,
        nick TEXT,
        target INTEGER,
        text TEXT NOT NULL DEFAULT '',
        for_s INTEGER,
        rules TEXT
    )
    """,
    "CREATE UNIQUE INDEX IF NOT EXISTS deeds_by_number ON deeds (room, number)",
    "CREATE UNIQUE INDEX IF NOT EXISTS deeds_by_id ON deeds (id, by_member, room) "
    "WHERE id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS deeds_reports ON deeds (at) WHERE what = 'report'",
    # Who may not write, or not come in, until a time.
    """
    CREATE TABLE IF NOT EXISTS bars (
        room INTEGER NOT NULL,
        member TEXT NOT NULL,
        what TEXT NOT NULL,       -- mute or put_out
        nick TEXT NOT NULL,
        until INTEGER NOT NULL,
        PRIMARY KEY (room, member, what)
    ) WITHOUT ROWID
    """,
    # The addresses of who was put out.
    """
    CREATE TABLE IF NOT EXISTS address_bars (
        room INTEGER NOT NULL,
        digest BLOB NOT NULL,
        salt BLOB NOT NULL,
        member TEXT NOT NULL,     -- who was put out
        until INTEGER NOT NULL,
        PRIMARY KEY (room, digest)
    ) WITHOUT ROWID
    """,
    # Who is no newcomer.
    """
    CREATE TABLE IF NOT EXISTS known (
        room INTEGER NOT NULL,
        member TEXT NOT NULL,
        PRIMARY KEY (room, member)
    ) WITHOUT ROWID
    """,
    # Whose messages are all taken away, until the last one is.
    """
    CREATE TABLE IF NOT EXISTS erasures (
        room INTEGER NOT NULL,
        member TEXT NOT NULL,
        nick TEXT NOT NULL,       -- of who does it
        id TEXT NOT NULL,         -- of the command
        done INTEGER NOT NULL,    -- seq to which the room was searched
        last INTEGER NOT NULL,    -- seq to which it is to be
        by_member TEXT,           -- who does it; NULL: the member itself
        PRIMARY KEY (room, member)
    ) WITHOUT ROWID
    """,
)
#: The tables among them that have what belongs to one room.
ROOM_TABLES = ("records", "deeds", "bars", "address_bars", "known", "erasures")


def prepare(path: Path, *, create: bool) -> int:
    """Make the file if there is none and that is wanted; give the version of what is there.

    Raises LogError, one line, for what is not ours, damaged, newer than this program, or out
    of reach; such a file is left as it is.
    """
    try:
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        _refuse_other_files(path, create=create)
        refuse_damage(path)
        with closing(sqlite3.connect(path, timeout=10.0, isolation_level=None)) as database:
            version = pragma(database, "user_version")
            if pragma(database, "application_id") != APPLICATION_ID:
                if pragma(database, "schema_version") != 0:
                    raise LogError(f"the database {path} belongs to another program")
                if not create:
                    raise LogError(f"the database {path} is empty")
                choose_format(database)
                database.execute("BEGIN IMMEDIATE")
                create_tables(database, secrets.token_hex(8))
                create_later_tables(database)
                for index in INDEXES:
                    database.execute(index)
                database.execute("COMMIT")
                return VERSION
            if version > VERSION:
                raise LogError(
                    f"the database {path} has version {version}, newer than this program's "
                    f"{VERSION}: update the program"
                )
            return version
    except (OSError, sqlite3.Error) as error:
        raise LogError(f"the database {path} cannot be used: {error}") from error


def choose_format(database: sqlite3.Connection) -> None:
    """Choose what cannot be chosen any more once an empty database has tables."""
    for pragma in _PRAGMAS:
        database.execute(pragma)


def create_tables(database: sqlite3.Connection, epoch: str) -> None:
    """Make the tables, without indexes, in a transaction of the caller's."""
    for statement in _TABLES:
        database.execute(statement)
    database.execute("INSERT INTO log (epoch) VALUES (?)", (epoch,))


def create_later_tables(database: sqlite3.Connection) -> None:
    """Make the tables that files of this version need not have; in the caller's transaction."""
    for statement in _LATER_TABLES:
        database.execute(statement)
    if not _has_erasures_by(database):  # which the table had not at first
        database.execute("ALTER TABLE erasures ADD COLUMN by_member TEXT")


def has_later_tables(database: sqlite3.Connection) -> bool:
    """Tell whether it has them all."""
    found = {name for (name,) in database.execute("SELECT name FROM sqlite_schema")}
    return found.issuperset(("used", "days", "parts", *ROOM_TABLES)) and _has_erasures_by(database)


def _has_erasures_by(database: sqlite3.Connection) -> bool:
    query = "SELECT 1 FROM pragma_table_info('erasures') WHERE name = 'by_member'"
    return database.execute(query).fetchone() is not None


def _refuse_other_files(path: Path, *, create: bool) -> None:
    # People's conversations: for the server's own user only.
    flags = os.O_RDWR | (os.O_CREAT if create else 0)
    with os.fdopen(os.open(path, flags, 0o600), "rb") as file:
        # SQLite takes a file of a few bytes for an empty one, and would write over it.
        if file.read(len(_MAGIC)) not in (b"", _MAGIC):
            raise LogError(f"the file {path} is no SQLite database")


def pragma(database: sqlite3.Connection, name: str) -> int:
    """Give the number that a pragma answers."""
    return int(database.execute(f"PRAGMA {name}").fetchone()[0])
