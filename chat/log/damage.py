"""Check that a database file is whole, before anything is done to it.

SQLite opens most damaged files, and what it then does, be it only to fold the WAL into the
file, spoils what might have been rescued.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from chat.log import LogError

_BUSY_S = 10.0
# Larger files are not searched: gunicorn gives a worker 30 s to start, a slow disk reads
# 100 MB in one.
_SEARCHED_BYTES = 1 << 30


def refuse_damage(path: Path, *, searched_bytes: int = _SEARCHED_BYTES) -> None:
    """Raise LogError, one line, for a database that is cut short or garbage; change nothing.

    Raises sqlite3.Error for what SQLite itself refuses.
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
        problem = _problem(database, size, search=size <= searched_bytes, whole=whole)
    if problem is not None:
        raise LogError(f"the database {path} is damaged ({problem}): restore it from a copy")


def _problem(database: sqlite3.Connection, size: int, *, search: bool, whole: bool) -> str | None:
    """Give the first problem found.

    `whole` says that there is no WAL: after a crash, a WAL has what the file lacks.
    """
    page_bytes = database.execute("PRAGMA page_size").fetchone()[0]
    if whole and size % page_bytes:
        return f"its {size} bytes are no whole pages"
    if search:
        found = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
        if found != "ok":
            return found.splitlines()[-1]
    return None
