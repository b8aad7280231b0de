"""The tables of the SQLite file, and how an older file is brought up to date."""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from chat.log import LogError
from chat.log.damage import refuse_damage

_MAGIC = b"SQLite format 3\0"
_APPLICATION_ID = 0x54636861  # "Tcha": tells our file from any other program's

# One script a version: number n takes a file from `PRAGMA user_version` n to n + 1.
_MIGRATIONS = (
    """
    CREATE TABLE log (epoch TEXT NOT NULL);

    CREATE TABLE messages (
        room TEXT NOT NULL,
        seq INTEGER NOT NULL,
        id TEXT NOT NULL,      -- the sender's own, unique per member and room
        member TEXT NOT NULL,
        nick TEXT NOT NULL,    -- as it was then
        text TEXT NOT NULL,
        at INTEGER NOT NULL,   -- milliseconds since 1970
        PRIMARY KEY (room, seq),
        UNIQUE (room, member, id)
    ) WITHOUT ROWID;
    """,
)


def open_or_create(path: Path) -> str:
    """Make the file if there is none, migrate an older one, and return the log's epoch.

    Raises LogError, one line, for what is not ours, damaged, newer than this program, or out
    of reach; such a file is left as it is.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # People's conversations: for the server's own user only.
        with os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "rb") as file:
            # SQLite takes a file of a few bytes for an empty one, and would write over it.
            if file.read(len(_MAGIC)) not in (b"", _MAGIC):
                raise LogError(f"the file {path} is no SQLite database")
        refuse_damage(path)
        with closing(sqlite3.connect(path, timeout=10.0, isolation_level=None)) as database:
            return _migrate(database, path)
    except (OSError, sqlite3.Error) as error:
        raise LogError(f"the database {path} cannot be used: {error}") from error


def _migrate(database: sqlite3.Connection, path: Path) -> str:
    version = _pragma(database, "user_version")
    if _pragma(database, "application_id") != _APPLICATION_ID:
        if _pragma(database, "schema_version") != 0:
            raise LogError(f"the database {path} belongs to another program")
    elif version > len(_MIGRATIONS):
        raise LogError(
            f"the database {path} has version {version}, newer than this program's "
            f"{len(_MIGRATIONS)}: update the program"
        )
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    for number in range(version, len(_MIGRATIONS)):
        # In one transaction: a migration that is interrupted leaves the file as it was.
        database.executescript(
            f"BEGIN IMMEDIATE; {_MIGRATIONS[number]} PRAGMA application_id = {_APPLICATION_ID}; "
            f"PRAGMA user_version = {number + 1}; COMMIT"
        )
    database.execute(
        "INSERT INTO log (epoch) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM log)",
        (secrets.token_hex(8),),
    )
    return str(database.execute("SELECT epoch FROM log").fetchone()[0])


def _pragma(database: sqlite3.Connection, name: str) -> int:
    return int(database.execute(f"PRAGMA {name}").fetchone()[0])
