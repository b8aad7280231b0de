"""The disk that the log takes: how large it may become, and what keeps it small.

The rule stands here alone. With CHAT_DATABASE_BYTES, the file and its WAL together take no more
than that. Without it (0), the file system keeps a reserve free: a hundredth of it, but at least
64 MB and at most 1 GB, and on a small disk no more than a tenth of it. What would take more is
refused: no post is stored, and everything else goes on.

The WAL is counted twice where it matters, because what is in it comes into the file before it is
emptied. So the limit holds whatever SQLite does next, but for one commit (1,000 posts of at most
8 KB each) and for the few megabytes that upkeep needs for its own work. What other programs write
on the disk is noticed within a second.
"""

from __future__ import annotations

import logging
import shutil
from time import monotonic

from chat.log import statements as sql
from chat.log.opened import Opened

_logger = logging.getLogger(__name__)

_MB = 1 << 20
_RESERVE_SHARE = 100  # of the file system, one part of so many
_RESERVE_BYTES = (64 * _MB, 1024 * _MB)  # at least and at most
_SMALL_DISK_SHARE = 10
_MARGIN_SHARE = 64  # of the limit or the reserve must be there before posts are taken again

_LOOK_EVERY_S = 1.0  # at what others write on the disk
_WAL_BYTES = 16 * _MB  # a WAL that is larger is emptied as soon as readers allow
_WAL_WARN_BYTES = 64 * _MB
_WAL_LIMIT_BYTES = 1024 * _MB  # then posts are refused, until readers let it be emptied
_WAL_WAIT_MS = 50  # for readers, each time
_WAL_EVERY_S = 1.0  # from one try to the next
_FORGET_EVERY_S = 10.0  # from one emptying of the WAL to the next, because text was deleted
_FREE_KEPT = 2048  # pages without content that may stay in the file, besides a tenth of it
_STEP_PAGES = 256  # taken out of the file in one step


class Space:
    """The disk that one open file takes; on the writer's thread."""

    def __init__(self, opened: Opened, limit_bytes: int) -> None:
        """Prepare; with a limit of 0 bytes, the disk's free space is the limit."""
        self._opened = opened
        self._limit_bytes = limit_bytes
        self._full: str | None = None  # why no post may be stored
        self._allowed = 0  # the size at which that must be looked at anew
        self._look_at = 0.0  # monotonic seconds: when it must be in any case
        self._wal_at = 0.0  # monotonic seconds
        self._emptied_at = -_FORGET_EVERY_S  # monotonic seconds: the WAL
        self._outdated = False  # the WAL has what was deleted, or makes the file shorter
        self._warned = False

    # --- whether there is space -----------------------------------------------------------

    def problem(self) -> str | None:
        """Say why no post may be stored now; None while there is space.

        Between two looks it costs a post nothing but a comparison.
        """
        if self._full is not None or self._size() >= self._allowed or monotonic() >= self._look_at:
            self._look()
        return self._full

    @property
    def free_bytes(self) -> int:
        """Give how much may still be stored, as it was looked at last; from any thread."""
        return 0 if self._full is not None else max(0, self._allowed - self._size())

    def _size(self) -> int:
        return self._opened.file_bytes + 2 * self._opened.wal_bytes

    def _look(self) -> None:
        full = self._find_out()
        if full is not None and self._full is None and self._empty_wal():
            full = self._find_out()  # an old WAL may be large, and nothing else be in the way
        if full != self._full:
            if full is not None:
                _logger.error("log: %s", full)
            else:
                _logger.info("log: there is space again: posts are stored")
        self._full = full
        self._look_at = monotonic() + _LOOK_EVERY_S

    def _find_out(self) -> str | None:
        self._opened.check_place()  # which measures the files
        if self._opened.wal_bytes > _WAL_LIMIT_BYTES:
            return (
                "Another program has been reading the database for too long: no message is stored "
                "until it ends."
            )
        if self._limit_bytes:
            margin = self._limit_bytes // _MARGIN_SHARE
            self._allowed = self._limit_bytes
            why = (
                "The database is as large as CHAT_DATABASE_BYTES allows: no message is stored "
                "until old ones go or the limit is raised."
            )
        else:
            disk = shutil.disk_usage(self._opened.path.parent)
            least, most = _RESERVE_BYTES
            reserve = min(max(least, disk.total // _RESERVE_SHARE), most)
            reserve = min(reserve, disk.total // _SMALL_DISK_SHARE)
            margin = reserve // _MARGIN_SHARE
            # Folding the WAL into the file may take as much again as the WAL.
            self._allowed = self._size() + disk.free - reserve - self._opened.wal_bytes
            why = (
                "The disk of the database is nearly full: no message is stored until there is "
                "more space. CHAT_DATABASE_BYTES sets a limit of its own."
            )
        allowed = self._allowed if self._full is None else self._allowed - margin
        return why if self._size() >= allowed else None

    # --- the WAL, and pages without content -----------------------------------------------

    def deleted(self) -> None:
        """Note that text was deleted, which the WAL still has."""
        self._outdated = True

    def keep_wal_small(self) -> bool:
        """Empty a WAL that is large, or that has deleted text, within seconds; False if not due."""
        now = monotonic()
        if now < self._wal_at:
            return False
        self._wal_at = now + _WAL_EVERY_S
        self._opened.check_place()  # which measures it
        forget = self._outdated and now >= self._emptied_at + _FORGET_EVERY_S
        if self._opened.wal_bytes <= (0 if forget or self._full is not None else _WAL_BYTES):
            return False
        if not self._empty_wal() and self._opened.wal_bytes > _WAL_WARN_BYTES and not self._warned:
            self._warned = True
            _logger.warning(
                "log: another program has been reading the database %s for so long that %d MB wait "
                "in its -wal: end that program",
                self._opened.path,
                self._opened.wal_bytes >> 20,
            )
        return True

    def _empty_wal(self) -> bool:
        """Fold the WAL into the file, and leave nothing in it.

        SQLite does so only at a moment when nobody reads.
        """
        if not sql.checkpoint(self._opened.database, _WAL_WAIT_MS):
            return False
        self._outdated = self._warned = False
        self._emptied_at = monotonic()
        return True

    def shorten(self) -> bool:
        """Take some pages without content out of the file; False if few are left."""
        pages, free = sql.pages(self._opened.database)
        if free <= (0 if self._full is not None else _FREE_KEPT + pages // 10):
            return False
        sql.vacuum(self._opened.database, _STEP_PAGES)
        self._outdated = True
        return True
