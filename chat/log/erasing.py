"""Messages that are taken away: one, or all of a member's, by itself or an owner, little by little.

Who asked for the latter waits until the last one is gone. What is left to do stands in the file,
so that it goes on after a restart.
"""

from __future__ import annotations

import sqlite3

from chat.log import entries, records, search
from chat.log.commit import Commit
from chat.protocol import Member, Removed

_STEP_MESSAGES = 200  # that are removed in one step
_STEP_ENTRIES = 5000  # that are searched for them


def take_away(commit: Commit, name: str, removed: Removed) -> bool:
    """Remove a message, and store that; True if it was pinned, which it is no longer."""
    assert removed.target is not None
    room = commit.head(name).room
    search.forget(commit.database, room, removed.target, removed.target)
    entries.remove_text(commit.database, room, removed.target)
    commit.has_removed = True
    commit.add(name, removed)
    return records.unpin(commit.database, room, removed.target)


def begin(commit: Commit, name: str, member: str, by: Member, act_id: str) -> None:
    """Note that all present messages of a member are to be removed, by itself or an owner.

    If somebody is at it already, that one goes on for both.
    """
    head = commit.head(name)
    commit.database.execute(
        "INSERT INTO erasures (room, member, nick, id, done, last, by_member) "
        "VALUES (?, ?, ?, ?, 0, ?, ?) "
        "ON CONFLICT (room, member) DO UPDATE SET done = 0, last = excluded.last",
        (head.room, member, by.nick, act_id, head.seq, by.id),
    )


def is_going_on(database: sqlite3.Connection, room: int, member: str) -> bool:
    """Tell whether messages of a member are still to be removed."""
    query = "SELECT 1 FROM erasures WHERE room = ? AND member = ?"
    return database.execute(query, (room, member)).fetchone() is not None


def is_any(database: sqlite3.Connection) -> bool:
    """Tell whether messages of anybody are still to be removed."""
    return database.execute("SELECT 1 FROM erasures LIMIT 1").fetchone() is not None


def go_on(commit: Commit) -> tuple[str, str] | None:
    """Remove some more messages; give a room and a member whose last one is gone now."""
    database = commit.database
    row = database.execute(
        "SELECT name, room, member, coalesce(by_member, member), nick, erasures.id, done, last "
        "FROM erasures "
        "JOIN rooms ON rooms.id = room LIMIT 1"
    ).fetchone()
    if row is None:
        return None
    name, room, member, by, nick, act_id, done, last = row
    if commit.head(name).ended:
        done = last
    else:
        # What is pruned need not be searched.
        done = max(done, records.floor(database, room))
        to = min(last, done + _STEP_ENTRIES)
        seqs = entries.own_messages(database, room, member, (done, to), _STEP_MESSAGES)
        was_pinned = False
        is_first = entries.of_member(database, room, act_id, by) is None
        for target in seqs:
            entry_id = act_id if is_first else f"{act_id}.{target}"
            is_first = False
            seq = commit.head(name).seq + 1
            removed = Removed(seq, entry_id, Member(by, nick), target, commit.at)
            was_pinned |= take_away(commit, name, removed)
        if was_pinned:
            commit.note_act(name)
        done = seqs[-1] if len(seqs) == _STEP_MESSAGES else to
    if done >= last:
        database.execute("DELETE FROM erasures WHERE room = ? AND member = ?", (room, member))
        return name, member
    database.execute(
        "UPDATE erasures SET done = ? WHERE room = ? AND member = ?", (done, room, member)
    )
    return None
