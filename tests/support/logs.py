"""Logs that are filled before any server runs: rooms with a history."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from chat.log.entries import insert
from chat.log.schema import prepare
from chat.log.statements import add_room
from chat.protocol import Member, Message, rfc3339
from tests.support.history import Entry
from tests.support.screen import ENTRIES


class Past(NamedTuple):
    """One message of a room's history."""

    nick: str
    text: str
    at_ms: int


#: The tables of version 1, before rooms had records.
VERSION_1 = """
    CREATE TABLE log (epoch TEXT NOT NULL);
    CREATE TABLE messages (
        room TEXT NOT NULL,
        seq INTEGER NOT NULL,
        id TEXT NOT NULL,
        member TEXT NOT NULL,
        nick TEXT NOT NULL,
        text TEXT NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (room, seq),
        UNIQUE (room, member, id)
    ) WITHOUT ROWID;
    PRAGMA application_id = 0x54636861;
    PRAGMA user_version = 1;
    INSERT INTO log VALUES ('epoch-of-old');
"""

#: A message of an old log: room, seq, id, member, nick, text, at.
OldRow = tuple[str, int, str, str, str, str, int]


def fill_old(database: Path, rows: Iterable[OldRow]) -> None:
    """Make a log of version 1."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.executescript(f"PRAGMA journal_mode = WAL; {VERSION_1}")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")


def fill(database: Path, room: str, past: Iterable[Past]) -> int:
    """Write messages into a room's log, oldest first; give how many it has now."""
    prepare(database, create=True)
    seq = 0
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        room_id = add_room(connection, room)
        for seq, (nick, text, at_ms) in enumerate(past, 1):
            member = Member(f"past-{nick}", nick)
            insert(connection, room_id, Message(seq, f"past-{seq}", member, text, ""), at_ms)
        connection.execute("COMMIT")
    return seq


def copy_log(database: Path, copy: Path) -> Path:
    """Copy a log while its server runs, as `sqlite3 tchat.db ".backup copy.db"` does."""
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def put_back(copy: Path, database: Path, *, epoch: str | None = None) -> None:
    """Put a copy in a log's place while no server runs, if asked with another epoch."""
    for sidecar in ("-wal", "-shm"):
        database.with_name(database.name + sidecar).unlink(missing_ok=True)
    database.write_bytes(copy.read_bytes())
    if epoch is not None:
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.execute("UPDATE log SET epoch = ?", (epoch,))


def stored(database: Path) -> dict[str, list[tuple[int, str]]]:
    """Read a log that nobody writes, of this version or an older one: seqs and texts by room."""
    uri = f"{database.as_uri()}?mode=ro&immutable=1"
    rooms: dict[str, list[tuple[int, str]]] = {}
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
        if "entries" in tables:
            query = (
                "SELECT rooms.name, seq, text FROM entries JOIN rooms ON rooms.id = entries.room "
                "ORDER BY rooms.name, seq"
            )
        else:
            query = "SELECT room, seq, text FROM messages ORDER BY room, seq"
        for room, seq, text in connection.execute(query):
            rooms.setdefault(room, []).append((seq, text))
    return rooms


def read_log(database: Path) -> tuple[str, dict[str, list[Message]]]:
    """Read a log of this version, whoever writes it: its epoch and the messages of each room."""
    query = (
        "SELECT rooms.name, seq, entries.id, member, nick, text, at FROM entries "
        "JOIN rooms ON rooms.id = entries.room WHERE kind = 0 ORDER BY rooms.name, seq"
    )
    rooms: dict[str, list[Message]] = {}
    with closing(sqlite3.connect(database)) as connection:
        (epoch,) = connection.execute("SELECT epoch FROM log").fetchone()
        for room, seq, post_id, member, nick, text, at in connection.execute(query):
            message = Message(seq, post_id, Member(member, nick), text, rfc3339(at))
            rooms.setdefault(room, []).append(message)
    return epoch, rooms


def epoch(database: Path) -> str:
    """Read a log's epoch."""
    uri = f"{database.as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        return str(connection.execute("SELECT epoch FROM log").fetchone()[0])


def read_entries(connection: sqlite3.Connection, room: str = "general") -> list[Entry]:
    """Read all entries of a room, as they are now."""
    query = (
        "SELECT seq, nick, entries.id, text, at, kind, target, reply, edited, removed "
        "FROM main.entries JOIN main.rooms ON rooms.id = entries.room WHERE name = ? ORDER BY seq"
    )
    return [
        Entry(
            seq,
            f"{nick}/{entry_id}",
            json.dumps(json.loads(text)) if ENTRIES[kind] == "rules" else text,
            rfc3339(at),
            ENTRIES[kind],
            target or 0,
            reply or 0,
            edited is not None,
            bool(removed),
        )
        for seq, nick, entry_id, text, at, kind, target, reply, edited, removed in (
            connection.execute(query, (room,))
        )
    ]
