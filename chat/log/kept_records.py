"""What is known of a room besides its entries, read and written as a whole, for a move."""

from __future__ import annotations

import sqlite3
from typing import Any

from chat.log import AddressBar, Bar, records
from chat.log.ends import Kept
from chat.protocol import Member, read_time

_NO_LIMIT = 2**63 - 1


def read(database: sqlite3.Connection, name: str) -> Kept:
    """Give what a file has of a room with a record."""
    room, owner, title, pin, ended_ms = _one(
        database,
        "SELECT room, owner, title, pin, ended_at FROM records JOIN rooms ON rooms.id = room "
        "WHERE name = ?",
        name,
    )
    if ended_ms is not None:
        return Kept(ended_ms=ended_ms)
    bars = database.execute(
        "SELECT member, nick, what, until FROM bars WHERE room = ? ORDER BY member, what", (room,)
    )
    addresses = database.execute(
        "SELECT member, salt, digest, until FROM address_bars WHERE room = ? ORDER BY digest",
        (room,),
    )
    known = database.execute("SELECT member FROM known WHERE room = ? ORDER BY member", (room,))
    ids = dict(
        database.execute("SELECT number, id FROM deeds WHERE room = ? AND id NOTNULL", (room,))
    )
    deeds = records.deeds(database, room, None, _NO_LIMIT)
    return Kept(
        records.record(database, name, 0).rules,
        pin,
        owner,
        title,
        None,
        tuple(Bar(Member(member, nick), what, until) for member, nick, what, until in bars),
        tuple((member, AddressBar(*bar)) for member, *bar in addresses),
        tuple(member for (member,) in known),
        tuple((ids.get(deed.number, ""), deed) for deed in reversed(deeds)),
    )


def write(database: sqlite3.Connection, room: int, kept: Kept) -> None:
    """Write what is known of a room of which the file has no record."""
    if kept.ended_ms is not None:
        database.execute(
            "INSERT INTO records (room, ended_at, emptied) VALUES (?, ?, 1)", (room, kept.ended_ms)
        )
        return
    records.keep(database, room)
    records.set_rules(database, room, kept.rules)
    records.set_pin(database, room, kept.pin)
    records.set_title(database, room, kept.title)
    if kept.owner is not None:
        records.set_owner(database, room, kept.owner)
    for bar in kept.bars:
        records.bar(database, room, bar.member, bar.what, bar.until_ms, 0)
    for member, address in kept.addresses:
        records.bar_addresses(database, room, member, [address], 0)
    records.know(database, room, kept.known, anew=False)
    for act_id, deed in kept.deeds:
        records.put_deed(database, room, deed, read_time(deed.at), act_id or None)


def _one(database: sqlite3.Connection, query: str, *arguments: object) -> Any:
    return database.execute(query, arguments).fetchone()
