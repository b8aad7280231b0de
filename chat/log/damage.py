"""Check that a database file is whole.

A small file is searched before anything is done to it: SQLite opens most damaged files, and what
it then does, be it only to fold the WAL into the file, spoils what might have been rescued. A
large file that the system has not in its cache would keep everybody waiting. It is searched while
the log is in use.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread

from chat.log import LogError

_logger = logging.getLogger(__name__)

SEARCHED_FIRST_BYTES = 32 << 20  # a slow disk reads them in a third of a second
_BUSY_S = 10.0
_INTERRUPT_EVERY_S = 0.02


def refuse_damage(path: Path, *, searched_bytes: int = SEARCHED_FIRST_BYTES) -> None:
    """Raise LogError, one line, for a database that is cut short or garbage; change nothing.

    A file of more than `searched_bytes` is not searched, but for its size. Raises sqlite3.Error
    for what SQLite itself refuses.
    """
    wal = path.with_name(f"{path.name}-wal")
    size = path.stat().st_size
    if size == 0:
        if wal.exists() and wal.stat().st_size:  # SQLite would delete it
            raise LogError(f"the database {path} is empty, but {wal} is left of one: move it away")
        return
    # Without a WAL nobody has it open: `immutable` makes no files beside it.
    whole = not wal.exists()
    uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if whole else ''}"
    with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S)) as database:
        database.execute("PRAGMA schema_version")  # reads the header: whole pages may be missing
        page_bytes = database.execute("PRAGMA page_size").fetchone()[0]
        problem = None
        # After a crash, a WAL has what the file lacks.
        if whole and size % page_bytes:
            problem = f"its {size} bytes are no whole pages"
        elif size <= searched_bytes:
            problem = damage_in(database)
    if problem is not None:
        raise LogError(f"the database {path} is damaged ({problem}): restore it from a copy")


class DamageSearch:
    """A search of a large file that is in use, on a thread of its own."""

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        """Begin; `tell` is told what is found, if anything is, on that thread."""
        self._stopped = False
        self._database: sqlite3.Connection | None = None  # while it is searched
        self._thread = Thread(target=self._run, args=(path, tell), name="log-search", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Give up; it ends within milliseconds."""
        self._stopped = True
        while self._thread.is_alive():
            # Again and again: the search may be about to begin. A progress handler, which could
            # look at _stopped, is not called within quick_check (SQLite 3.40).
            if (database := self._database) is not None:
                with suppress(sqlite3.ProgrammingError):  # it is closed
                    database.interrupt()
            self._thread.join(_INTERRUPT_EVERY_S)

    def _run(self, path: Path, tell: Callable[[str], None]) -> None:
        try:
            with closing(
                sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_BUSY_S)
            ) as database:
                self._database = database
                if self._stopped:
                    return
                found = damage_in(database)
        except sqlite3.OperationalError as error:
            if not self._stopped:
                _logger.warning("log: not searched for damage: %s", error)
            return
        except sqlite3.Error as error:
            found = str(error)
        if found is not None and not self._stopped:
            tell(found)


def is_damage(error: Exception) -> bool:
    """Tell whether SQLite says that the file is damaged, or is none of its own."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without what it adds about the place
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def damage_in(database: sqlite3.Connection) -> str | None:
    """Search a whole file, however large; give the first problem found."""
    found = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
    return None if found == "ok" else found.splitlines()[-1]
