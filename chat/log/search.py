"""The index of the words that messages have, in the file of the log: FTS5.

It only proposes messages: whether one has the words, its text decides (chat/log/words.py). So the
index may have too much, but never too little. It has the entries up to a place, `done`, which
chat/log/indexing.py moves when nobody waits. Newer ones are looked at one by one.

A term is like `7:12:meeting`: the room, a block of it, the word. A block is 8,192 numbers of a
room: a word that is in every second message is asked for in the newest block, and only then in the
one before. A part is a table of its own, for 262,144 entries of all rooms: so little has to be
written anew until what was deleted is gone from it. The tables keep no text (`content=''`): what
is to be taken out is given once more.
"""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import NamedTuple

from chat.log.words import Term, terms

_PART_BITS = 18
_BLOCK_BITS = 13

#: What decides which words a text has. An index that was made with another one is thrown away.
FOLDING = f"1 {unicodedata.unidata_version}"

#: A row for each part. All entries up to the largest `done` are in the index. `changes` counts what
#: is to be tidied: FTS5 keeps words that were taken out, until it writes the table anew.
TABLE = (
    "CREATE TABLE IF NOT EXISTS parts (part INTEGER PRIMARY KEY, folding TEXT NOT NULL, "
    "done INTEGER NOT NULL, changes INTEGER NOT NULL DEFAULT 0)"
)


class Place(NamedTuple):
    """Where a message stands."""

    entry: int
    room: int
    seq: int


def _has_fts5() -> bool:
    with closing(sqlite3.connect(":memory:")) as database:
        modules = database.execute("SELECT name FROM pragma_module_list")
        return ("fts5",) in modules.fetchall()


HAS_FTS5 = _has_fts5()


def done(database: sqlite3.Connection) -> int:
    """Give the entry up to which the index has all; 0 if there is none that can be used."""
    if not HAS_FTS5:
        return 0
    last, outdated = database.execute(
        "SELECT max(done), max(folding <> ?) FROM parts", (FOLDING,)
    ).fetchone()
    return 0 if outdated or last is None else last


def part_of(entry: int) -> int:
    """Give the part that an entry belongs to."""
    return entry >> _PART_BITS


def table_of(part: int) -> str:
    """Give the name of a part's table."""
    return f"words_{part}"


# --- writing, in a transaction of the caller's ------------------------------------------------


def create(database: sqlite3.Connection, part: int) -> None:
    """Make a part, with nothing in it."""
    table = table_of(part)
    # Of ASCII, letters and digits are parts of a term, and now the colon; so is all that is not
    # ASCII. Positions and lengths are needed for no question of ours.
    database.execute(
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {table} USING fts5 (words, content='', detail=none, "
        "columnsize=0, tokenize=\"ascii tokenchars ':'\")"
    )
    # No commit is to wait while FTS5 tidies up: indexing.py asks for that in small steps. Only if a
    # lot is pruned at once, small pieces gather faster: 64 of them take FTS5 some 40 ms.
    for setting, value in (("automerge", 0), ("crisismerge", 64)):
        database.execute(f"INSERT INTO {table} ({table}, rank) VALUES (?, ?)", (setting, value))  # noqa: S608
    database.execute(
        "INSERT OR IGNORE INTO parts (part, folding, done) VALUES (?, ?, 0)", (part, FOLDING)
    )
    # A part that is full is quicker to search when it is all of one piece.
    database.execute("UPDATE parts SET changes = changes + 1 WHERE part = ?", (part - 1,))


def add(database: sqlite3.Connection, part: int, messages: Iterable[tuple[Place, str]]) -> None:
    """Take messages of a part into the index, in the order of their entries."""
    database.executemany(
        f"INSERT INTO {table_of(part)} (rowid, words) VALUES (?, ?)",  # noqa: S608
        [(place.entry, _words(place, text)) for place, text in messages],
    )


def forget(database: sqlite3.Connection, room: int, first: int, last: int) -> None:
    """Take the words of a room's messages with these seqs out of the index.

    Called before they are changed, removed or deleted.
    """
    if not HAS_FTS5:
        give_up(database)  # a program that has FTS5 will make it anew
        return
    messages = _indexed(database, room, first, last)
    with _or_give_up(database):
        for place, text in messages:
            table = table_of(part_of(place.entry))
            database.execute(
                f"INSERT INTO {table} ({table}, rowid, words) VALUES ('delete', ?, ?)",  # noqa: S608
                (place.entry, _words(place, text)),
            )
    parts = {part_of(place.entry) for place, _ in messages}
    database.executemany(
        "UPDATE parts SET changes = changes + 1 WHERE part = ?", [(part,) for part in parts]
    )


def learn(database: sqlite3.Connection, room: int, seq: int) -> None:
    """Take the words of a message that was changed into the index, if it was there before."""
    with _or_give_up(database):
        for place, text in _indexed(database, room, seq, seq):
            add(database, part_of(place.entry), [(place, text)])


def is_broken(error: sqlite3.Error) -> bool:
    """Tell whether FTS5 found in its tables what it never writes; no message is lost by that."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_CORRUPT_VTAB


def give_up(database: sqlite3.Connection) -> None:
    """Use the index no more: it is to be made anew."""
    database.execute("UPDATE parts SET folding = ''")


@contextmanager
def _or_give_up(database: sqlite3.Connection) -> Iterator[None]:
    """Let no message be kept from being changed by an index that is broken."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if not is_broken(error):
            raise
        give_up(database)


def shorten(database: sqlite3.Connection) -> None:
    """Do as if the index had never had entries behind the last one that there is.

    Called after entries were deleted: SQLite gives the next entry the number after the last one.
    """
    (last,) = database.execute("SELECT coalesce(max(entry), 0) FROM entries").fetchone()
    database.execute("UPDATE parts SET done = ? WHERE done > ?", (last, last))


def merge(database: sqlite3.Connection, part: int, pages: int, *, everything: bool = False) -> bool:
    """Write some pages of a part anew, with what was taken out left out; False: nothing to do.

    With `everything`, this and the next calls make one piece of all that the part has.
    """
    table = table_of(part)
    changes = database.total_changes
    database.execute(
        f"INSERT INTO {table} ({table}, rank) VALUES ('merge', ?)",  # noqa: S608
        (-pages if everything else pages,),
    )
    return database.total_changes - changes >= 2  # FTS5's documented sign of work done


def note_tidy(database: sqlite3.Connection, part: int, changes: int) -> None:
    """Note that a part has nothing any more of what was taken out before so many changes.

    It goes, if it has no entries any more.
    """
    database.execute("BEGIN IMMEDIATE")
    database.execute("UPDATE parts SET changes = changes - ? WHERE part = ?", (changes, part))
    (is_last,) = database.execute("SELECT max(part) = ? FROM parts", (part,)).fetchone()
    has_entries = database.execute(
        "SELECT 1 FROM entries WHERE entry BETWEEN ? AND ? LIMIT 1",
        (part << _PART_BITS, ((part + 1) << _PART_BITS) - 1),
    ).fetchone()
    if not is_last and not has_entries:
        _drop(database, part)
    database.execute("COMMIT")


def drop_outdated(database: sqlite3.Connection, rows: int) -> bool:
    """Delete some rows of a part that was made with another folding; False: there is none."""
    outdated = database.execute(
        "SELECT part FROM parts WHERE folding <> ? LIMIT 1", (FOLDING,)
    ).fetchone()
    if outdated is None:
        return False
    # Row by row, because to drop the table at once would take long: all of it is overwritten. The
    # first rows say what the table is; without them it could not be dropped.
    table = f"{table_of(outdated[0])}_data"
    database.execute("BEGIN IMMEDIATE")
    deleted = database.execute(
        f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE id > 10 LIMIT ?)",  # noqa: S608
        (rows,),
    )
    if deleted.rowcount < rows:
        _drop(database, outdated[0])
    database.execute("COMMIT")
    return True


def _drop(database: sqlite3.Connection, part: int) -> None:
    database.execute(f"DROP TABLE {table_of(part)}")
    database.execute("DELETE FROM parts WHERE part = ?", (part,))


def _indexed(
    database: sqlite3.Connection, room: int, first: int, last: int
) -> list[tuple[Place, str]]:
    rows = database.execute(
        "SELECT entry, seq, text FROM entries WHERE room = ? AND seq BETWEEN ? AND ? "
        "AND kind = 0 AND text <> '' AND entry <= ? ORDER BY seq",
        (room, first, last, done(database)),
    )
    return [(Place(entry, room, seq), text) for entry, seq, text in rows]


def _words(place: Place, text: str) -> str:
    scope = _scope(place.room, place.seq >> _BLOCK_BITS)
    return " ".join(scope + term for term in terms(text))


def _scope(room: int, block: int) -> str:
    return f"{room}:{block}:"


# --- reading ----------------------------------------------------------------------------------


def proposals(
    database: sqlite3.Connection, asked: Sequence[Term], newest: Place
) -> Iterator[tuple[int, Iterator[int]]]:
    """Give the entries of messages that may have all these terms, the newest first.

    They are of the room of `newest`, and not newer than it. They come block by block, each with the
    first seq that it has, so that whoever asks may stop between two blocks.
    """
    # Short beginnings have too many words to be quick, and add little to a longer one.
    long = [term for term in asked if len(term.text) > 2 or not term.begins]
    room, seq, entry = newest.room, newest.seq, newest.entry
    while True:
        block = seq >> _BLOCK_BITS
        first, first_seq = database.execute(
            "SELECT entry, seq FROM entries WHERE room = ? AND seq >= ? ORDER BY seq LIMIT 1",
            (room, block << _BLOCK_BITS),
        ).fetchone()
        match = _match(long or asked, _scope(room, block))
        yield first_seq, _proposed(database, match, first, entry)
        before = database.execute(
            "SELECT entry, seq FROM entries WHERE room = ? AND seq < ? ORDER BY seq DESC LIMIT 1",
            (room, first_seq),
        ).fetchone()
        if before is None:
            return
        entry, seq = before


def _proposed(database: sqlite3.Connection, match: str, first: int, last: int) -> Iterator[int]:
    for part in range(part_of(last), part_of(first) - 1, -1):
        table = table_of(part)
        for (entry,) in database.execute(
            f"SELECT rowid FROM {table} WHERE {table} MATCH ? AND rowid <= ? ORDER BY rowid DESC",  # noqa: S608
            (match, last),
        ):
            yield entry


def _match(asked: Iterable[Term], scope: str) -> str:
    """Write a question for FTS5. A term has nothing in it that means something there."""
    return " AND ".join(f'"{scope}{text}"{"*" if begins else ""}' for text, begins in asked)
