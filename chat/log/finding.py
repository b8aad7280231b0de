"""The search for words in a room of the embedded log: what the index has, and what is newer."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing
from time import thread_time

from chat.log import Finds, entries, search
from chat.log.search import Place
from chat.log.words import Query, asked_terms, matches, read_query

_NO_SEQ = 2**53  # larger than any
_BUDGET_S = 0.04  # of the processor's time, for one question


def find(
    database: sqlite3.Connection, room: int, words: str, before: int | None, limit: int
) -> Finds:
    """Give the newest messages, before a seq, that have all these words or their beginnings.

    It ends when it has taken too long; what it gives then says so.
    """
    query = read_query(words)
    if not (query.words or query.signs):
        return Finds([], more=False)
    # Signs are in no index.
    indexed_to = search.done(database) if query.words else 0
    try:
        return _find(database, room, query, before, limit, indexed_to)
    except sqlite3.DatabaseError as error:
        if not search.is_broken(error):
            raise
        return _find(database, room, query, before, limit, 0)


def _find(
    database: sqlite3.Connection,
    room: int,
    query: Query,
    before: int | None,
    limit: int,
    indexed_to: int,
) -> Finds:
    enough_at = thread_time() + _BUDGET_S
    found: list[int] = []
    looked_to = None
    with closing(_looked_at(database, room, query, before, indexed_to)) as looked_at:
        for seq, has_them in looked_at:
            if has_them:
                found.append(seq)
                if len(found) > limit:
                    break
            if thread_time() >= enough_at:
                looked_to = seq
                break
    rows = (entries.present(database, room, seq) for seq in found[:limit])
    messages = entries.messages(database, room, filter(None, rows))
    return Finds(messages, len(found) > limit or looked_to is not None, looked_to)


def _looked_at(
    database: sqlite3.Connection, room: int, query: Query, before: int | None, indexed_to: int
) -> Generator[tuple[int, bool]]:
    """Give the seqs of messages, the newest first, and whether each of them has the words.

    Where the index has no message that may have them, it gives the seq down to which that is so.
    """
    for entry, seq, text in database.execute(
        "SELECT entry, seq, text FROM entries WHERE room = ? AND seq < ? AND kind = 0 "
        "ORDER BY seq DESC",
        (room, _NO_SEQ if before is None else before),
    ):
        if entry <= indexed_to:
            newest = Place(entry, room, seq)
            break
        yield seq, matches(text, query)
    else:
        return
    for first_seq, block in search.proposals(database, asked_terms(query), newest):
        for entry in block:
            row = database.execute(
                "SELECT room, seq, text FROM entries WHERE entry = ? AND kind = 0", (entry,)
            ).fetchone()
            if row is not None and row[0] == room:
                yield row[1], matches(row[2], query)
        yield first_seq, False
