"""From the file of an older program to one that this program can use.

The new file is made beside the old one and then takes its name, so that a kill at any moment
leaves a whole file under that name. The old file stays, under another name: who wants to go back
to the older program gives it its name again.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from chat.log import LogError
from chat.log.damage import damage_in
from chat.log.disk import sync_file, sync_folder
from chat.log.schema import INDEXES, choose_format, create_tables

_STEP_ENTRIES = 20_000  # copied between two looks at `stop`
_STOP_EVERY = 20_000  # instructions of SQLite, some milliseconds
_SPACE = 1.3  # of the old file's size: the new one's, and what sorting the indexes needs
_COPIED = 0.7  # of the work; the rest is the indexes


class Stopped(Exception):
    """A migration that was asked to stop; the old file is as it was."""


def refuse_without_space(path: Path) -> None:
    """Raise LogError, one line, when the disk has no space for the new file."""
    needed = int(path.stat().st_size * _SPACE)
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise LogError(
            f"the database {path} must be brought up to date, which needs {needed >> 20} MB of "
            f"disk; {free >> 20} MB are free"
        )


def migrate(path: Path, *, progress: Callable[[float], None], stop: Callable[[], bool]) -> Path:
    """Bring a file of version 1 up to date; give the path under which the old one stays.

    `progress` is told the share that is done. Raises Stopped soon after `stop` returns True, and
    LogError, OSError or sqlite3.Error when it cannot be done; the old file is as it was then.
    """
    refuse_without_space(path)
    new = path.with_name(f"{path.name}.new")
    try:
        new.unlink(missing_ok=True)  # of a migration that was interrupted
        _settle(path, stop)
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with closing(sqlite3.connect(new, isolation_level=None)) as database:
            database.set_progress_handler(stop, _STOP_EVERY)
            _copy(database, path, progress)
        sync_file(new)
        old = _keep(path)
        new.replace(path)
        sync_folder(path.parent)
    except (LogError, OSError, sqlite3.Error) as error:
        new.unlink(missing_ok=True)
        if stop():
            raise Stopped from error
        raise
    return old


def _settle(path: Path, stop: Callable[[], bool]) -> None:
    """Fold the old file's WAL into it, and search it for damage."""
    with closing(sqlite3.connect(path, timeout=10.0, isolation_level=None)) as database:
        database.set_progress_handler(stop, _STOP_EVERY)
        if found := damage_in(database):
            raise LogError(f"the database {path} is damaged ({found}): restore it from a copy")
        mode = database.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
        if mode != "delete":
            raise LogError(f"the database {path} is open in another program: close it there")


def _copy(database: sqlite3.Connection, path: Path, progress: Callable[[float], None]) -> None:
    # Without a journal: a file that is not finished is made anew.
    database.execute("PRAGMA journal_mode = OFF").fetchone()
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA cache_size = -65536")
    database.execute("ATTACH ? AS old", (f"{path.as_uri()}?mode=ro",))
    choose_format(database)
    database.execute("BEGIN")
    create_tables(database, database.execute("SELECT epoch FROM old.log").fetchone()[0])
    database.execute(
        "INSERT INTO rooms (name, floor) SELECT room, min(seq) - 1 FROM old.messages GROUP BY room"
    )
    total = database.execute("SELECT count(*) FROM old.messages").fetchone()[0]
    copied, room, seq = 0, "", 0
    while copied < total:
        rows = database.execute(
            "INSERT INTO entries (room, seq, at, id, member, nick, text) "
            "SELECT (SELECT id FROM rooms WHERE name = m.room), seq, at, id, member, nick, text "
            "FROM old.messages AS m WHERE (room, seq) > (?, ?) ORDER BY room, seq LIMIT ?",
            (room, seq, _STEP_ENTRIES),
        ).rowcount
        if rows == 0:
            raise LogError(f"the database {path} was changed while it was brought up to date")
        copied += rows
        room, seq = database.execute(
            "SELECT name, seq FROM entries, rooms WHERE room = rooms.id ORDER BY entry DESC LIMIT 1"
        ).fetchone()
        progress(_COPIED * copied / total)
    for done, index in enumerate(INDEXES, 1):
        database.execute(index)
        progress(_COPIED + (1 - _COPIED) * done / len(INDEXES))
    database.execute("COMMIT")


def _keep(path: Path) -> Path:
    """Give the old file a second name, so that it stays when the new one takes the first."""
    number = 1
    while True:
        old = path.with_name(f"{path.name}.v1" if number == 1 else f"{path.name}.v1-{number}")
        try:
            os.link(path, old)
        except FileExistsError:
            if old.samefile(path):
                return old  # a migration was interrupted right after this
            number += 1
        except OSError:  # a file system without links
            shutil.copy2(path, old)
            return old
        else:
            return old
