"""The rooms that end: which are due, and deleting what they had, little by little."""

from __future__ import annotations

import sqlite3

from chat.log import ENDED_KEPT_S
from chat.log import statements as sql

_ROOMS_AT_ONCE = 100  # that end in one transaction
_STEP_ENTRIES = 200  # deleted in one step
_NEWEST = 2**63 - 1  # a seq that none is behind
_STEP_ROWS = 1000  # of the other tables


def due(database: sqlite3.Connection, now_ms: int) -> list[str]:
    """Give some rooms whose end has come."""
    rows = database.execute(
        "SELECT name FROM records JOIN rooms ON rooms.id = room WHERE ends_at <= ? LIMIT ?",
        (now_ms, _ROOMS_AT_ONCE),
    )
    return [name for (name,) in rows]


def delete_some(database: sqlite3.Connection) -> bool:
    """Delete a little of what an ended room had; False if nothing is left of any.

    The room's number and floor stay, and for a while the record says that it has ended.
    """
    row = database.execute(
        "SELECT room FROM records WHERE ended_at NOTNULL AND emptied = 0 LIMIT 1"
    ).fetchone()
    if row is None:
        return False
    (room,) = row
    database.execute("BEGIN IMMEDIATE")
    if not (_delete_entries(database, room) or _delete_rows(database, room)):
        database.execute("UPDATE records SET emptied = 1 WHERE room = ?", (room,))
    database.execute("COMMIT")
    return True


def forget_old(database: sqlite3.Connection, now_ms: int) -> list[str]:
    """Forget that rooms have ended, ENDED_KEPT_S later: their addresses are open again.

    Gives their names.
    """
    rows = database.execute(
        "DELETE FROM records WHERE emptied = 1 AND ended_at < ? "
        "RETURNING (SELECT name FROM rooms WHERE rooms.id = room)",
        (now_ms - ENDED_KEPT_S * 1000,),
    )
    return [name for (name,) in rows]


def _delete_entries(database: sqlite3.Connection, room: int) -> bool:
    return sql.prune_to(database, room, _NEWEST, _STEP_ENTRIES) > 0


def _delete_rows(database: sqlite3.Connection, room: int) -> bool:
    deleted = 0
    for table, key in (
        ("known", "member"),
        ("deeds", "number"),
        ("bars", "member"),
        ("address_bars", "digest"),
        ("erasures", "member"),
        ("used", "room"),
    ):
        deleted += database.execute(
            f"DELETE FROM {table} WHERE room = ?1 AND {key} IN "  # noqa: S608 - ours
            f"(SELECT {key} FROM {table} WHERE room = ?1 LIMIT ?2)",
            (room, _STEP_ROWS),
        ).rowcount
    return deleted > 0
