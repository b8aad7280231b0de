"""The work on the index that nobody waits for; on the writer's thread, in short steps.

A message comes into the index when its author cannot edit it any more: so most of what is edited
or removed was never in it.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from itertools import takewhile
from time import monotonic

from chat.log import search
from chat.log.opened import Opened
from chat.log.search import Place
from chat.log.space import Space

_logger = logging.getLogger(__name__)

_STEP_ENTRIES = 100  # taken into the index in one step
_WAITING_LIMIT = 1000  # newest entries that every search looks at: older ones wait no longer
_FEW_WAIT_MS = 300_000  # for which fewer entries than a step takes wait for others
_LOOK_EVERY_S = 5.0  # at the entries that wait, when there was nothing to do
_MERGE_EVERY = 16  # steps: each has left a piece in the part's table
_MERGE_PAGES = 8  # that a merge writes in one step
_TIDY_AFTER_S = 600.0  # so long a part's table may have words that were taken out
_DELETE_ROWS = 16  # of an old part's table, in one step


class Indexing:
    """What keeps the index of one open file."""

    def __init__(
        self, opened: Opened, space: Space, edit_within_s: int, now_ms: Callable[[], int]
    ) -> None:
        """Prepare; nothing is read yet."""
        self._database = opened.database
        self._space = space
        self._edit_within_ms = edit_within_s * 1000
        self._now_ms = now_ms
        self._take_at = 0.0  # monotonic seconds
        self._part: int | None = None  # that is being filled
        self._pieces = _MERGE_EVERY  # of that part, since it was merged
        self._tidy_at = 0.0  # monotonic seconds
        self._tidying: tuple[int, int] | None = None  # the part, and its changes at the beginning
        if not search.HAS_FTS5:
            _logger.warning(
                "log: this Python's SQLite has no FTS5: a search looks at one message after another"
            )

    def step(self) -> bool:
        """Do a little of what is to be done; False if there is nothing."""
        if not search.HAS_FTS5 or self._space.problem() is not None:
            return False
        try:
            return self._drop_outdated() or self._merge() or self._take() or self._tidy()
        except sqlite3.DatabaseError as error:
            if not search.is_broken(error):
                raise
            _logger.error("log: the index of words is broken, and is made anew: %s", error)
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            search.give_up(self._database)
            return True

    def _take(self) -> bool:
        """Take the next entries into the index."""
        if monotonic() < self._take_at:
            return False
        database, settled_ms = self._database, self._now_ms() - self._edit_within_ms
        rows = database.execute(
            "SELECT entry, room, seq, at, kind, text FROM entries WHERE entry > ? ORDER BY entry "
            "LIMIT ?",
            (search.done(database), _STEP_ENTRIES),
        ).fetchall()
        (last,) = database.execute("SELECT max(entry) FROM entries").fetchone()
        ready = list(
            takewhile(lambda row: row[3] < settled_ms or row[0] <= last - _WAITING_LIMIT, rows)
        )
        few = len(ready) < _STEP_ENTRIES
        if not ready or (few and ready[0][3] >= settled_ms - _FEW_WAIT_MS):
            self._take_at = monotonic() + _LOOK_EVERY_S
            return False
        part = search.part_of(ready[0][0])
        ready = [row for row in ready if search.part_of(row[0]) == part]
        database.execute("BEGIN IMMEDIATE")
        if part != self._part:
            search.create(database, part)
        search.add(
            database,
            part,
            [
                (Place(entry, room, seq), text)
                for entry, room, seq, _, kind, text in ready
                if kind == 0 and text
            ],
        )
        database.execute("UPDATE parts SET done = ? WHERE part = ?", (ready[-1][0], part))
        database.execute("COMMIT")
        if part != self._part:
            self._part, self._pieces = part, _MERGE_EVERY
        self._pieces += 1
        return True

    def _merge(self) -> bool:
        """Make fewer and larger pieces of those that the last steps left."""
        if self._part is None or self._pieces < _MERGE_EVERY:
            return False
        if not search.merge(self._database, self._part, _MERGE_PAGES):
            self._pieces = 0
        return True

    def _tidy(self) -> bool:
        """Write a part anew that is full, or that has words which were taken out: they are gone."""
        database = self._database
        if self._tidying is None:
            if monotonic() < self._tidy_at:
                return False
            self._tidy_at = monotonic() + _TIDY_AFTER_S
            self._tidying = database.execute(
                "SELECT part, changes FROM parts WHERE changes > 0 LIMIT 1"
            ).fetchone()
            if self._tidying is None:
                return False
            search.merge(database, self._tidying[0], _MERGE_PAGES, everything=True)
            return True
        part, changes = self._tidying
        if search.merge(database, part, _MERGE_PAGES):
            return True
        search.note_tidy(database, part, changes)
        self._space.deleted()
        self._tidying = None
        self._tidy_at = 0.0  # there may be other parts
        return True

    def _drop_outdated(self) -> bool:
        """Delete an index that cannot be used: a new one is made then."""
        if not search.drop_outdated(self._database, _DELETE_ROWS):
            return False
        self._part = self._tidying = None
        self._take_at = 0.0
        self._space.deleted()
        return True
