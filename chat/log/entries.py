"""The entries of a room, as the file has them: reading and writing rows of the table `entries`.

`room` is a room's number (rooms.id). What an entry says of a message is that message as it is now.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from chat.protocol import (
    QUOTE_LIMIT,
    Edited,
    Entry,
    Member,
    Message,
    Pinned,
    Quote,
    Removed,
    Rules,
    RulesSet,
    rfc3339,
)

# The values of `kind`.
MESSAGE, EDITED, REMOVED, PINNED, RULES = range(5)

_NICK_SEARCH = 1000  # newest entries of a room that recent_nicks looks at
_ROW = (
    "SELECT seq, kind, id, member, nick, text, at, reply, target, edited, removed FROM entries "
    "WHERE room = ? "
)
_MESSAGES = f"{_ROW} AND kind = {MESSAGE} "
_KINDS = {Message: MESSAGE, Edited: EDITED, Removed: REMOVED, Pinned: PINNED, RulesSet: RULES}


class Row(NamedTuple):
    """An entry, as its row has it."""

    seq: int
    kind: int
    id: str
    member: str
    nick: str
    text: str
    at_ms: int
    reply: int | None
    target: int | None
    edited_ms: int | None
    removed: int

    @property
    def author(self) -> Member:
        """Give whose entry it is."""
        return Member(self.member, self.nick)


# --- writing, in a transaction of the caller's ------------------------------------------------


#: Stores a message that is no answer: a column less costs a post 3 % less. Its values are those of
#: `insert`, in that order. No row when its member has used its id in the room before.
INSERT = (
    "INSERT INTO entries (room, seq, at, id, member, nick, text) VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id, member, room) DO NOTHING"
)


def insert(database: sqlite3.Connection, room: int, message: Message, at_ms: int) -> bool:
    """Store a message; False when its member has used its id in the room before."""
    member, reply = message.member, message.reply
    values = (room, message.seq, at_ms, message.id, member.id, member.nick, message.text)
    if reply is None:
        return database.execute(INSERT, values).rowcount == 1
    cursor = database.execute(
        "INSERT INTO entries (room, seq, at, id, member, nick, text, reply) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id, member, room) DO NOTHING",
        (*values, reply.seq),
    )
    return cursor.rowcount == 1


def add(
    database: sqlite3.Connection, room: int, entry: Edited | Removed | Pinned | RulesSet, at_ms: int
) -> None:
    """Store an entry of another kind, whose id its member has not used in the room."""
    if isinstance(entry, RulesSet):
        text, target = msgspec.json.encode(entry.rules).decode(), None
    else:
        text, target = "", entry.target
    database.execute(
        "INSERT INTO entries (room, seq, at, kind, id, member, nick, text, target) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            room,
            entry.seq,
            at_ms,
            _KINDS[type(entry)],
            entry.id,
            entry.member.id,
            entry.member.nick,
            text,
            target,
        ),
    )


def change_text(
    database: sqlite3.Connection, room: int, seq: int, text: str, edited_ms: int
) -> None:
    """Give a message another text; the one before is overwritten."""
    database.execute(
        "UPDATE entries SET text = ?, edited = ? WHERE room = ? AND seq = ?",
        (text, edited_ms, room, seq),
    )


def remove_text(database: sqlite3.Connection, room: int, seq: int) -> None:
    """Take a message's text away; the row stays, so that the numbers have no gap."""
    database.execute(
        "UPDATE entries SET text = '', removed = 1 WHERE room = ? AND seq = ?", (room, seq)
    )


# --- reading ----------------------------------------------------------------------------------


def present(database: sqlite3.Connection, room: int, seq: int) -> Row | None:
    """Give the message with a seq, if it is there and not removed."""
    row = _message(database, room, seq)
    return None if row is None or row.removed else row


def of_member(database: sqlite3.Connection, room: int, entry_id: str, member: str) -> Row | None:
    """Give the entry for which a member has used an id."""
    row = database.execute(f"{_ROW} AND id = ? AND member = ?", (room, entry_id, member)).fetchone()
    return None if row is None else Row(*row)


def original(database: sqlite3.Connection, room: int, entry_id: str, member: str) -> Entry | None:
    """Give the entry for which a member has used an id, as it is now."""
    row = of_member(database, room, entry_id, member)
    return None if row is None else entries(database, room, [row])[0]


def after(database: sqlite3.Connection, room: int, seq: int, limit: int) -> list[Entry]:
    """Give the first `limit` entries after a seq."""
    rows = database.execute(f"{_ROW} AND seq > ? ORDER BY seq LIMIT ?", (room, seq, limit))
    return entries(database, room, map(Row._make, rows))


def before(database: sqlite3.Connection, room: int, seq: int, limit: int) -> list[Message]:
    """Give the last `limit` messages before a seq, oldest first."""
    rows = database.execute(
        f"{_MESSAGES} AND seq < ? ORDER BY seq DESC LIMIT ?", (room, seq, limit)
    ).fetchall()
    return messages(database, room, map(Row._make, reversed(rows)))


def own_messages(
    database: sqlite3.Connection, room: int, member: str, between: tuple[int, int], limit: int
) -> list[int]:
    """Give the seqs of the first `limit` messages of a member that have a text.

    Their seqs are larger than the first one of `between`, and no larger than the second.
    """
    rows = database.execute(
        "SELECT seq FROM entries WHERE room = ? AND seq > ? AND seq <= ? AND member = ? "  # noqa: S608
        f"AND kind = {MESSAGE} AND NOT removed ORDER BY seq LIMIT ?",
        (room, *between, member, limit),
    )
    return [seq for (seq,) in rows]


def members(database: sqlite3.Connection, room: int, limit: int) -> list[str]:
    """Give the ids of who has an entry, `limit` of them, those with the newest entries."""
    rows = database.execute(
        "SELECT member FROM entries WHERE room = ? GROUP BY member ORDER BY max(seq) DESC LIMIT ?",
        (room, limit),
    )
    return [member for (member,) in rows]


def recent_nicks(
    database: sqlite3.Connection, room: int, newest: int, since_ms: int
) -> list[tuple[Member, int]]:
    """Give who posted since a time, with the time of the last post under each nick.

    Many messages that were posted before and put in since (Draft.at_ms) hide those behind them, as
    that many new ones would.
    """
    rows = database.execute(
        "SELECT member, nick, max(at) FROM entries WHERE room = ? AND seq > ? AND at >= ? "  # noqa: S608
        f"AND kind = {MESSAGE} GROUP BY member, nick ORDER BY max(at)",
        (room, newest - _NICK_SEARCH, since_ms),
    )
    return [(Member(member, nick), at_ms) for member, nick, at_ms in rows]


def quote(row: Row) -> Quote:
    """Give what is shown of a message above an answer to it."""
    return Quote(row.seq, row.author, row.text[:QUOTE_LIMIT], bool(row.removed))


def entries(database: sqlite3.Connection, room: int, rows: Iterable[Row]) -> list[Entry]:
    """Give what rows of a room's entries say, with the messages that they are about."""
    about = _About(database, room)
    return [about.entry(row) for row in rows]


def messages(database: sqlite3.Connection, room: int, rows: Iterable[Row]) -> list[Message]:
    """Give the messages of rows that are all of messages."""
    about = _About(database, room)
    return [about.message(row) for row in rows]


class _About:
    """The messages of a room that its other entries and answers are about, each read once."""

    def __init__(self, database: sqlite3.Connection, room: int) -> None:
        self._database = database
        self._room = room
        self._found: dict[int, Row | None] = {}

    def entry(self, row: Row) -> Entry:
        if row.kind == MESSAGE:
            return self.message(row)
        seq, _, entry_id, _, _, text, at_ms, _, target, _, _ = row
        author, at = row.author, rfc3339(at_ms)
        if row.kind == RULES:
            return RulesSet(seq, entry_id, author, at, msgspec.json.decode(text, type=Rules))
        if row.kind == REMOVED:
            return Removed(seq, entry_id, author, target, at)
        found = None if target is None else self._read(target)
        now = None if found is None or found.removed else found
        if row.kind == PINNED:
            message = None if now is None else self.message(now)
            return Pinned(seq, entry_id, author, target, at, message)
        assert target is not None
        return Edited(seq, entry_id, author, target, at, None if now is None else now.text)

    def message(self, row: Row) -> Message:
        seq, _, post_id, member, nick, text, at_ms, reply, _, edited_ms, removed = row
        author, at = Member(member, nick), rfc3339(at_ms)
        if reply is None and edited_ms is None and not removed:  # most of them
            return Message(seq, post_id, author, text, at)
        edited = None if edited_ms is None else rfc3339(edited_ms)
        quoted = None if reply is None else self._quote(reply)
        return Message(seq, post_id, author, text, at, quoted, edited, bool(removed))

    def _quote(self, seq: int) -> Quote:
        found = self._read(seq)
        return Quote(seq) if found is None else quote(found)

    def _read(self, seq: int) -> Row | None:
        if seq not in self._found:
            self._found[seq] = _message(self._database, self._room, seq)
        return self._found[seq]


def _message(database: sqlite3.Connection, room: int, seq: int) -> Row | None:
    row = database.execute(f"{_MESSAGES} AND seq = ?", (room, seq)).fetchone()
    return None if row is None else Row(*row)
