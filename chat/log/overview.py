"""What a file has of all rooms: for whoever looks after the chat."""

from __future__ import annotations

import sqlite3

from chat.log import Listed
from chat.log.activity import HOUR_MS, Hours
from chat.log.entries import MESSAGE
from chat.protocol import rfc3339

_STEP_ENTRIES = 5000  # looked at while a reader is held


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


def newest(database: sqlite3.Connection) -> int:
    """Give the number of the newest entry of all rooms; 0 for none."""
    (entry,) = database.execute("SELECT coalesce(max(entry), 0) FROM entries").fetchone()
    return int(entry)


def add_posts(database: sqlite3.Connection, hours: Hours, since_ms: int, after: int) -> int:
    """Count the posts since a time among some entries of all rooms, those after one.

    Gives the number of the last one that was looked at. No index has the times of entries: that
    would cost each post more than this costs whoever asks.
    """
    query = "SELECT coalesce(min(entry), 0) FROM entries WHERE entry > ?"
    (first,) = database.execute(query, (after,)).fetchone()
    last = max(int(first), after + 1) + _STEP_ENTRIES - 1
    rows = database.execute(
        f"SELECT at / {HOUR_MS}, member, count(*) FROM entries WHERE entry BETWEEN ? AND ? "  # noqa: S608
        f"AND at >= ? AND kind = {MESSAGE} "
        "AND room NOT IN (SELECT room FROM records WHERE ended_at NOTNULL) GROUP BY 1, 2",
        (first, last, since_ms),
    )
    for hour, member, posts in rows:
        hours.add(hour, member, posts)
    return last
