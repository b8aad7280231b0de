"""What is known of a room besides its entries: its rules, its owner, who is barred, what was done.

`room` is a room's number (rooms.id). What changes something is called in a transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from chat.log import BARS_LIMIT, DEEDS_LIMIT, KNOWN_LIMIT, AddressBar, Bar, Record
from chat.protocol import Deed, Member, Rules, Write, read_time, rfc3339

_NOTHING = Record()
_DEED = "number, at, by_member, by_nick, what, member, nick, target, text, for_s, rules"


# --- the record -------------------------------------------------------------------------------


def record(database: sqlite3.Connection, name: str, now_ms: int) -> Record:
    """Give a room's record, with the bars that hold at a time."""
    row = database.execute(
        "SELECT room, may_write, pace_s, locked, ends_at, owner, title, ended_at, "
        "(SELECT seq FROM entries WHERE entries.room = records.room AND seq = pin AND NOT removed) "
        "FROM rooms JOIN records ON room = rooms.id WHERE name = ?",
        (name,),
    ).fetchone()
    if row is None:
        return _NOTHING
    room, may_write, pace_s, locked, ends_ms, owner, title, ended_ms, pin = row
    if ended_ms is not None:
        return Record(ended_at=rfc3339(ended_ms))
    rules = Rules(Write(may_write), pace_s, bool(locked), _rfc3339(ends_ms))
    return Record(
        rules, pin, owner, title, None, _bars(database, room, now_ms), _from(database, room, now_ms)
    )


def owner(database: sqlite3.Connection, room: int) -> bytes | None:
    """Give the hash of a room's owner key; None for an open room."""
    row = database.execute("SELECT owner FROM records WHERE room = ?", (room,)).fetchone()
    return None if row is None else row[0]


def keep(database: sqlite3.Connection, room: int) -> None:
    """Make a room's record, if it has none."""
    database.execute("INSERT OR IGNORE INTO records (room) VALUES (?)", (room,))


def set_owner(database: sqlite3.Connection, room: int, digest: bytes) -> None:
    """Give a room another owner key."""
    database.execute("UPDATE records SET owner = ? WHERE room = ?", (digest, room))


def set_title(database: sqlite3.Connection, room: int, title: str) -> None:
    """Give a room a title."""
    database.execute("UPDATE records SET title = ? WHERE room = ?", (title, room))


def set_pin(database: sqlite3.Connection, room: int, seq: int | None) -> None:
    """Pin a message, or none."""
    database.execute("UPDATE records SET pin = ? WHERE room = ?", (seq, room))


def unpin(database: sqlite3.Connection, room: int, seq: int) -> bool:
    """Pin a message no longer; False if it was not pinned."""
    cursor = database.execute(
        "UPDATE records SET pin = NULL WHERE room = ? AND pin = ?", (room, seq)
    )
    return cursor.rowcount == 1


def set_rules(database: sqlite3.Connection, room: int, rules: Rules) -> None:
    """Give a room other rules."""
    ends_ms = None if rules.ends_at is None else read_time(rules.ends_at)
    database.execute(
        "UPDATE records SET may_write = ?, pace_s = ?, locked = ?, ends_at = ? WHERE room = ?",
        (rules.write.value, rules.pace_s, rules.locked, ends_ms, room),
    )


def floor(database: sqlite3.Connection, room: int) -> int:
    """Give the seq of a room's newest entry that is gone; 0 for none."""
    return int(database.execute("SELECT floor FROM rooms WHERE id = ?", (room,)).fetchone()[0])


def end(database: sqlite3.Connection, room: int, at_ms: int) -> None:
    """Note that a room has ended; of its record, nothing else is kept."""
    database.execute("REPLACE INTO records (room, ended_at) VALUES (?, ?)", (room, at_ms))


# --- who may not write, or not come in ----------------------------------------------------------


def bar(
    database: sqlite3.Connection, room: int, member: Member, what: str, until_ms: int, now_ms: int
) -> None:
    """Bar a member until a time; those whose time is over go, and those that end first."""
    database.execute(
        "REPLACE INTO bars (room, member, what, nick, until) VALUES (?, ?, ?, ?, ?)",
        (room, member.id, what, member.nick, until_ms),
    )
    database.execute("DELETE FROM bars WHERE room = ? AND until <= ?", (room, now_ms))
    database.execute(
        "DELETE FROM bars WHERE room = ?1 AND (member, what) IN (SELECT member, what FROM bars "
        "WHERE room = ?1 ORDER BY until DESC LIMIT -1 OFFSET ?2)",
        (room, BARS_LIMIT),
    )


def bar_addresses(
    database: sqlite3.Connection, room: int, member: str, bars: Iterable[AddressBar], now_ms: int
) -> None:
    """Bar the addresses of a member who was put out, as `bar` does."""
    database.executemany(
        "REPLACE INTO address_bars (room, digest, salt, member, until) VALUES (?, ?, ?, ?, ?)",
        [(room, each.digest, each.salt, member, each.until_ms) for each in bars],
    )
    database.execute("DELETE FROM address_bars WHERE room = ? AND until <= ?", (room, now_ms))
    database.execute(
        "DELETE FROM address_bars WHERE room = ?1 AND digest IN (SELECT digest FROM address_bars "
        "WHERE room = ?1 ORDER BY until DESC LIMIT -1 OFFSET ?2)",
        (room, BARS_LIMIT),
    )


def unbar(database: sqlite3.Connection, room: int, member: str, what: str) -> None:
    """Bar a member no longer, nor the addresses of who may come in again."""
    database.execute(
        "DELETE FROM bars WHERE room = ? AND member = ? AND what = ?", (room, member, what)
    )
    if what == "put_out":
        database.execute("DELETE FROM address_bars WHERE room = ? AND member = ?", (room, member))


def is_put_out(database: sqlite3.Connection, room: int, member: str, now_ms: int) -> bool:
    """Tell whether a member may not come in at a time."""
    query = "SELECT 1 FROM bars WHERE room = ? AND member = ? AND what = 'put_out' AND until > ?"
    return database.execute(query, (room, member, now_ms)).fetchone() is not None


def _bars(database: sqlite3.Connection, room: int, now_ms: int) -> tuple[Bar, ...]:
    rows = database.execute(
        "SELECT member, nick, what, until FROM bars WHERE room = ? AND until > ? "
        "ORDER BY until, member, what",
        (room, now_ms),
    )
    return tuple(Bar(Member(member, nick), what, until) for member, nick, what, until in rows)


def _from(database: sqlite3.Connection, room: int, now_ms: int) -> tuple[AddressBar, ...]:
    rows = database.execute(
        "SELECT salt, digest, until FROM address_bars WHERE room = ? AND until > ? "
        "ORDER BY until, digest",
        (room, now_ms),
    )
    return tuple(AddressBar(*row) for row in rows)


# --- who is no newcomer -------------------------------------------------------------------------


def know(database: sqlite3.Connection, room: int, members: Sequence[str], *, anew: bool) -> None:
    """Know these members besides those that are known, or instead of them; KNOWN_LIMIT at most."""
    if anew:
        database.execute("DELETE FROM known WHERE room = ?", (room,))
    (count,) = database.execute("SELECT count(*) FROM known WHERE room = ?", (room,)).fetchone()
    database.executemany(
        "INSERT OR IGNORE INTO known (room, member) VALUES (?, ?)",
        [(room, member) for member in members[: max(0, KNOWN_LIMIT - count)]],
    )


def knows(database: sqlite3.Connection, room: int, member: str) -> bool:
    """Tell whether a member is known to be no newcomer."""
    query = "SELECT 1 FROM known WHERE room = ? AND member = ?"
    return database.execute(query, (room, member)).fetchone() is not None


# --- the audit list -----------------------------------------------------------------------------


def add_deed(
    database: sqlite3.Connection, room: int, deed: Deed, at_ms: int, act_id: str | None = None
) -> Deed:
    """Add a line to a room's audit list; give it with its number. The oldest ones go.

    `act_id` is the command's, if it became no entry, which would keep it.
    """
    (newest,) = database.execute("SELECT max(number) FROM deeds WHERE room = ?", (room,)).fetchone()
    deed = msgspec.structs.replace(deed, number=(newest or 0) + 1)
    put_deed(database, room, deed, at_ms, act_id)
    database.execute(
        "DELETE FROM deeds WHERE room = ? AND number <= ?", (room, deed.number - DEEDS_LIMIT)
    )
    return deed


def put_deed(
    database: sqlite3.Connection, room: int, deed: Deed, at_ms: int, act_id: str | None
) -> None:
    """Add a line that has its number."""
    member = deed.member
    database.execute(
        "INSERT INTO deeds (room, number, at, id, by_member, by_nick, what, member, nick, target, "
        "text, for_s, rules) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            room,
            deed.number,
            at_ms,
            act_id,
            deed.by.id,
            deed.by.nick,
            deed.what,
            None if member is None else member.id,
            None if member is None else member.nick,
            deed.target,
            deed.text,
            deed.for_s,
            None if deed.rules is None else msgspec.json.encode(deed.rules).decode(),
        ),
    )


def was_done(database: sqlite3.Connection, room: int, act_id: str, member: str) -> bool:
    """Tell whether a member has done something with an id that became no entry."""
    row = database.execute(
        "SELECT 1 FROM deeds WHERE id = ? AND by_member = ? AND room = ?", (act_id, member, room)
    ).fetchone()
    return row is not None


def deeds(database: sqlite3.Connection, room: int, before: int | None, limit: int) -> list[Deed]:
    """Give the newest lines of a room's audit list before a number, newest first."""
    rows = database.execute(
        f"SELECT {_DEED}, '' FROM deeds WHERE room = ? AND number < ? "  # noqa: S608 - ours
        "ORDER BY number DESC LIMIT ?",
        (room, 2**63 - 1 if before is None else before, limit),
    )
    return [_deed(row) for row in rows]


def reports(database: sqlite3.Connection, limit: int) -> list[Deed]:
    """Give the newest reports of all rooms that have not ended, newest first."""
    rows = database.execute(
        f"SELECT {_DEED}, name FROM deeds JOIN rooms ON rooms.id = deeds.room "  # noqa: S608 - ours
        "WHERE what = 'report' AND NOT EXISTS "
        "(SELECT 1 FROM records WHERE records.room = rooms.id AND ended_at NOTNULL) "
        "ORDER BY at DESC, deed DESC LIMIT ?",
        (limit,),
    )
    return [_deed(row) for row in rows]


def _deed(row: tuple[Any, ...]) -> Deed:
    number, at_ms, by_id, by_nick, what, member, nick, target, text, for_s, rules, room = row
    return Deed(
        number,
        rfc3339(at_ms),
        Member(by_id, by_nick),
        what,
        None if member is None else Member(member, nick),
        target,
        text,
        for_s,
        None if rules is None else msgspec.json.decode(rules, type=Rules),
        room,
    )


def _rfc3339(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)
