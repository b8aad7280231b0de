"""What a file has of all rooms: for whoever looks after the chat."""

from __future__ import annotations

import sqlite3

from chat.log import Listed
from chat.protocol import rfc3339


def rooms(database: sqlite3.Connection, after: str, limit: int) -> list[Listed]:
    """Give the rooms that ever had an entry, or have a record, in the order of their names."""
    # A room's entries have no gap, so nothing is counted.
    rows = database.execute(
        "SELECT name, floor, coalesce(seq, floor), coalesce(at, floor_at), owner NOTNULL, "
        "coalesce(title, ''), ended_at FROM rooms LEFT JOIN records ON records.room = rooms.id "
        "LEFT JOIN entries ON entries.room = rooms.id "
        "AND seq = (SELECT max(seq) FROM entries WHERE room = rooms.id) "
        "WHERE name > ? AND (records.room NOTNULL OR seq NOTNULL OR floor > 0) "
        "ORDER BY name LIMIT ?",
        (after, limit),
    )
    return [
        Listed(
            name,
            0 if ended_ms is not None else head - floor,
            head,
            at_ms,
            bool(is_made),
            title,
            None if ended_ms is None else rfc3339(ended_ms),
        )
        for name, floor, head, at_ms, is_made, title, ended_ms in rows
    ]
