"""Logs that are filled before any server runs: rooms with a history."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from chat.log.schema import open_or_create
from chat.log.statements import insert
from chat.protocol import Member, Message


class Past(NamedTuple):
    """One message of a room's history."""

    nick: str
    text: str
    at_ms: int


def fill(database: Path, room: str, past: Iterable[Past]) -> int:
    """Write messages into a room's log, oldest first; give how many it has now."""
    open_or_create(database)
    seq = 0
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        for seq, (nick, text, at_ms) in enumerate(past, 1):
            member = Member(f"past-{nick}", nick)
            insert(connection, room, Message(seq, f"past-{seq}", member, text, ""), at_ms)
        connection.execute("COMMIT")
    return seq
