"""The SQL statements, each in a function, on the connection of the calling thread."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from chat.log import Draft
from chat.protocol import Member, Message, rfc3339

_BUSY_S = 2.0  # how long to wait for another process's write
_NICK_SEARCH = 1000  # newest messages of a room that recent_nicks looks at
_MESSAGE = "SELECT seq, id, member, nick, text, at FROM messages "


def connect(path: Path, *, cache_kib: int) -> sqlite3.Connection:
    """Open an existing log, for one thread at a time, with that much of it in memory."""
    database = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=_BUSY_S,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        database.execute("PRAGMA synchronous = FULL")
        database.execute(f"PRAGMA cache_size = -{cache_kib}")
    except sqlite3.Error:
        database.close()
        raise
    return database


def data_version(database: sqlite3.Connection) -> int:
    """Give a number that changes when another connection has committed."""
    return int(database.execute("PRAGMA data_version").fetchone()[0])


def problem_with_writing(database: sqlite3.Connection) -> str | None:
    """Try to write, without changing anything; give the reason if it fails, else None."""
    try:
        database.execute("BEGIN IMMEDIATE")
        database.execute("UPDATE log SET epoch = epoch")
        database.execute("COMMIT")
    except sqlite3.Error as error:
        if database.in_transaction:
            database.execute("ROLLBACK")
        return str(error)
    return None


def head(database: sqlite3.Connection, room: str) -> int:
    """Give the seq of a room's newest message, which is never pruned; 0 for none."""
    row = database.execute("SELECT max(seq) FROM messages WHERE room = ?", (room,)).fetchone()
    return row[0] or 0


def insert(database: sqlite3.Connection, room: str, message: Message, at_ms: int) -> bool:
    """Store a message; False when its member has posted its id in the room before."""
    member = message.member
    cursor = database.execute(
        "INSERT INTO messages (room, seq, id, member, nick, text, at) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (room, member, id) DO NOTHING",
        (room, message.seq, message.id, member.id, member.nick, message.text, at_ms),
    )
    return cursor.rowcount == 1


def original(database: sqlite3.Connection, draft: Draft) -> Message:
    """Give the message that an earlier post with a draft's id became."""
    row = database.execute(
        _MESSAGE + "WHERE room = ? AND member = ? AND id = ?",
        (draft.room, draft.member.id, draft.id),
    ).fetchone()
    return _message(row)


def after(database: sqlite3.Connection, room: str, seq: int, limit: int) -> list[Message]:
    """Give the first `limit` messages after a seq."""
    rows = database.execute(
        _MESSAGE + "WHERE room = ? AND seq > ? ORDER BY seq LIMIT ?", (room, seq, limit)
    )
    return [_message(row) for row in rows]


def before(database: sqlite3.Connection, room: str, seq: int, limit: int) -> list[Message]:
    """Give the last `limit` messages before a seq, oldest first."""
    rows = database.execute(
        _MESSAGE + "WHERE room = ? AND seq < ? ORDER BY seq DESC LIMIT ?", (room, seq, limit)
    )
    return [_message(row) for row in rows][::-1]


def recent_nicks(
    database: sqlite3.Connection, room: str, since_ms: int
) -> list[tuple[Member, int]]:
    """Give who posted since a time, with the time of the last post under each nick."""
    rows = database.execute(
        "SELECT member, nick, max(at) FROM messages WHERE room = ? AND at >= ? "
        "AND seq > (SELECT max(seq) FROM messages WHERE room = ?) - ? "
        "GROUP BY member, nick ORDER BY max(at)",
        (room, since_ms, room, _NICK_SEARCH),
    )
    return [(Member(member, nick), at_ms) for member, nick, at_ms in rows]


def prune(database: sqlite3.Connection, room: str, seq: int) -> None:
    """Delete a room's messages up to a seq."""
    database.execute("DELETE FROM messages WHERE room = ? AND seq <= ?", (room, seq))


def _message(row: tuple[int, str, str, str, str, int]) -> Message:
    seq, post_id, member, nick, text, at_ms = row
    return Message(seq, post_id, Member(member, nick), text, rfc3339(at_ms))
