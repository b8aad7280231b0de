"""The work on the file that nobody waits for: pruning, the size of the file and of its WAL.

All of it runs on the writer's thread, between commits and when nobody posts, in steps of a few
milliseconds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic

from chat.log import statements as sql
from chat.log.opened import Opened

_logger = logging.getLogger(__name__)

_STEP_ENTRIES = 200  # deleted in one step
_STEP_ROOMS = 200  # looked at in one step
_STEP_PAGES = 256  # taken out of the file in one step
_SWEEP_EVERY_S = 60.0  # from the end of one look at all rooms to the next
_FREE_KEPT = 2048  # pages without content that may stay in the file, besides a tenth of it
_WAL_BYTES = 16 << 20  # a WAL that is larger is emptied as soon as readers allow
_WAL_WARN_BYTES = 64 << 20
_WAL_WAIT_MS = 50  # for readers, each time
_WAL_EVERY_S = 1.0  # from one try to the next


class Upkeep:
    """What keeps one open file small; on the writer's thread."""

    def __init__(
        self, opened: Opened, retention_messages: int, retention_ms: int, now_ms: Callable[[], int]
    ) -> None:
        """Prepare; a `retention_ms` of 0 keeps entries however old they are."""
        self._opened = opened
        self._keep = retention_messages
        self._retention_ms = retention_ms
        self._now_ms = now_ms
        self._due: dict[int, None] = {}  # ids of rooms that have entries to delete
        self._swept_to: int | None = 0  # the room looked at last; None: not sweeping
        self._sweep_at = 0.0  # monotonic seconds
        self._wal_at = 0.0  # monotonic seconds
        self._shrinks = False  # pages were taken out: the next checkpoint makes the file shorter
        self.wal_bytes = 0
        self._warned = False

    def note(self, room: int, first: int, last: int) -> None:
        """Look at a room soon, if it has more than is kept and these seqs complete a step."""
        if last > self._keep and (first - 1) // _STEP_ENTRIES != last // _STEP_ENTRIES:
            self._due[room] = None

    def step(self) -> bool:
        """Do a little of what is to be done; False if there is nothing."""
        return self._empty_wal() or self._prune() or self._sweep() or self._shorten()

    def _prune(self) -> bool:
        if not self._due:
            return False
        room = next(iter(self._due))
        deleted = sql.prune(
            self._opened.database, room, self._keep, self._oldest_ms(), _STEP_ENTRIES
        )
        if deleted < _STEP_ENTRIES:
            del self._due[room]
        return True

    def _sweep(self) -> bool:
        if self._swept_to is None:
            if monotonic() < self._sweep_at:
                return False
            self._swept_to = 0
        self._swept_to, found = sql.rooms_to_prune(
            self._opened.database, self._swept_to, _STEP_ROOMS, self._keep, self._oldest_ms()
        )
        self._due.update(dict.fromkeys(found))
        if self._swept_to is None:
            self._sweep_at = monotonic() + _SWEEP_EVERY_S
        return True

    def _shorten(self) -> bool:
        pages, free = sql.pages(self._opened.database)
        if free <= _FREE_KEPT + pages // 10:
            return False
        sql.vacuum(self._opened.database, _STEP_PAGES)
        self._shrinks = True
        return True

    def _empty_wal(self) -> bool:
        """Empty a large WAL. SQLite does so only at a moment when nobody reads."""
        now = monotonic()
        if now < self._wal_at:
            return False
        self._wal_at = now + _WAL_EVERY_S
        path = self._opened.path
        self.wal_bytes = path.with_name(f"{path.name}-wal").stat().st_size
        if self.wal_bytes <= (0 if self._shrinks and not self._due else _WAL_BYTES):
            return False
        if sql.checkpoint(self._opened.database, _WAL_WAIT_MS):
            self._shrinks = self._warned = False
            self.wal_bytes = 0
        elif self.wal_bytes > _WAL_WARN_BYTES and not self._warned:
            self._warned = True
            _logger.warning(
                "log: another program has been reading the database %s for so long that %d MB wait "
                "in its -wal: end that program",
                path,
                self.wal_bytes >> 20,
            )
        return True

    def _oldest_ms(self) -> int:
        """Give the time before which entries are too old."""
        return self._now_ms() - self._retention_ms if self._retention_ms else 0
