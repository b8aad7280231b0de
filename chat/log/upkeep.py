"""The work on the log that nobody waits for: what is too much, too old or unused goes.

All of it runs on the writer's thread, between commits and when nobody posts, in steps of a few
milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from time import monotonic
from typing import NamedTuple

from chat.log import ended
from chat.log import statements as sql
from chat.log.indexing import Indexing
from chat.log.opened import Opened
from chat.log.space import Space

_HOUR_MS = 3_600_000
_NEVER = 2**63 - 1  # milliseconds: every time is before it

_STEP_ENTRIES = 200  # deleted in one step
_STEP_ROOMS = 200  # looked at, or noted, in one step
_SWEEP_EVERY_S = 60.0  # from the end of one look at all rooms to the next


class Rules(NamedTuple):
    """What is kept of each room: the settings."""

    messages: int  # the newest ones
    min_hours: int = 0  # younger entries are never too many
    days: int = 0  # older entries go; 0: none is too old
    idle_days: int = 0  # a room that nobody used for longer keeps nothing; 0: it keeps all


class Upkeep:
    """What takes entries out of one open file; on the writer's thread."""

    def __init__(
        self,
        opened: Opened,
        space: Space,
        rules: Rules,
        now_ms: Callable[[], int],
        edit_within_s: int = 900,
    ) -> None:
        """Prepare; nothing is read yet."""
        self._opened = opened
        self._space = space
        self._rules = rules
        self._now_ms = now_ms
        self._indexing = Indexing(opened, space, edit_within_s, now_ms)
        self._day = 0  # the day that is noted, since 1970
        self._unused_day = 0  # rooms that were last used before it keep nothing
        self._noted: set[int] = set()  # rooms whose use of this day is in the file
        self._used: set[int] = set()  # rooms whose use is to be noted
        self._due: dict[int, None] = {}  # ids of rooms that have entries to delete
        self._swept_to: int | None = 0  # the room looked at last; None: not sweeping
        self._sweep_at = 0.0  # monotonic seconds

    def note(self, room: int, first: int, last: int) -> None:
        """Look at a room soon, if it has more than is kept and these seqs complete a step."""
        if last > self._rules.messages and (first - 1) // _STEP_ENTRIES != last // _STEP_ENTRIES:
            self._due[room] = None

    def note_removed(self) -> None:
        """Note that text was removed, or changed, which must go from the disk."""
        self._space.deleted()

    def step(self) -> bool:
        """Do a little of what is to be done; False if there is nothing."""
        return (
            self._space.keep_wal_small()
            or self._begin_day()
            or self._note_used()
            or self._empty_ended()
            or self._prune()
            or self._sweep()
            or self._indexing.step()
            or self._space.shorten()
        )

    def _begin_day(self) -> bool:
        day = self._now_ms() // sql.DAY_MS
        if day == self._day:
            return False
        database = self._opened.database
        sql.begin_day(database, day)
        self._opened.forget(ended.forget_old(database, self._now_ms()))
        self._day = day
        self._noted.clear()
        if self._rules.idle_days:
            self._unused_day = sql.day_before(database, self._rules.idle_days)
        return True

    def _note_used(self) -> bool:
        """Note the rooms that were read, once a day each. A post's time notes itself."""
        self._used |= self._opened.take_read() - self._noted
        if not self._used:
            return False
        some = tuple(islice(self._used, _STEP_ROOMS))
        sql.note_used(self._opened.database, some, self._day)
        self._used.difference_update(some)
        self._noted.update(some)
        return True

    def _empty_ended(self) -> bool:
        """Delete what the rooms had that have ended."""
        deleted = ended.delete_some(self._opened.database)
        if deleted:
            self._space.deleted()
        return deleted

    def _prune(self) -> bool:
        if not self._due:
            return False
        room = next(iter(self._due))
        deleted = sql.prune(self._opened.database, room, self._retention(), _STEP_ENTRIES)
        if deleted:
            self._space.deleted()
        if deleted < _STEP_ENTRIES:
            del self._due[room]
        return True

    def _sweep(self) -> bool:
        if self._swept_to is None:
            if monotonic() < self._sweep_at:
                return False
            self._swept_to = 0
        self._swept_to, found = sql.rooms_to_prune(
            self._opened.database, self._swept_to, _STEP_ROOMS, self._retention()
        )
        self._due.update(dict.fromkeys(found))
        if self._swept_to is None:
            self._sweep_at = monotonic() + _SWEEP_EVERY_S
        return True

    def _retention(self) -> sql.Retention:
        now_ms, rules = self._now_ms(), self._rules
        return sql.Retention(
            keep=rules.messages,
            settled_ms=now_ms - rules.min_hours * _HOUR_MS if rules.min_hours else _NEVER,
            since_ms=now_ms - rules.days * sql.DAY_MS if rules.days else 0,
            unused_day=self._unused_day,
        )
