"""Database files: which there are, and opening those that this process does not serve.

To open and close a file in the process that serves it would drop the locks that SQLite has on it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from chat.log import LogError
from chat.log.lock import FileLock
from chat.log.schema import APPLICATION_ID, VERSION, pragma

_MAGIC = b"SQLite format 3\0"
_BUSY_S = 2.0  # how long to wait for a server that opens or closes the file at this moment
_CTRL_C_EVERY = 100_000  # steps of SQLite, in a check that takes long


@contextmanager
def in_one_line(failure: str) -> Iterator[None]:
    """Make a LogError of what the system or SQLite reports."""
    try:
        yield
    except (OSError, RuntimeError, sqlite3.Error) as error:
        raise LogError(f"{failure}: {error}") from error


@contextmanager
def new_file(path: Path) -> Iterator[Callable[[], bool]]:
    """Make an empty file, and delete it at the end, if it still has that name.

    Gives a function that tells whether it has.
    """

    def is_ours() -> bool:
        return path.exists() and os.path.samestat(path.stat(), made)

    delete(path)  # what an interrupted run has left
    # People's conversations: for this user only.
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    made = os.fstat(descriptor)
    os.close(descriptor)
    try:
        yield is_ours
    finally:
        if is_ours():
            delete(path)


def delete(database: Path) -> None:
    """Delete a database and what lies beside it, if it is there."""
    for path in (database, *files_of_sqlite(database)):
        path.unlink(missing_ok=True)


def resolve(path: Path) -> Path:
    """Follow links: SQLite keeps its files beside the real one."""
    return path.expanduser().resolve()


def file_beside(path: Path, ending: str) -> Path:
    """Name a file beside another one."""
    return path.with_name(f"{path.name}.{ending}")


def files_of_sqlite(database: Path) -> tuple[Path, Path, Path]:
    """Name the files that SQLite keeps beside a database; the last has nothing of its own."""
    wal, journal, shm = (
        database.with_name(f"{database.name}-{ending}") for ending in ("wal", "journal", "shm")
    )
    return wal, journal, shm


def is_alone(database: Path) -> bool:
    """Tell whether the file has everything, so that nobody has it open in WAL mode."""
    wal, journal, _ = files_of_sqlite(database)
    return not wal.exists() and not (journal.exists() and journal.stat().st_size)


def are_same(one: Path, other: Path) -> bool:
    """Tell whether two paths lead to one file."""
    return one == other or (one.exists() and other.exists() and one.samefile(other))


def give_to_owner(path: Path, database: Path) -> None:
    """Let the server's user have a file that root makes."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        owner = (database if database.exists() else database.parent).stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


@contextmanager
def stopped(database: Path) -> Iterator[None]:
    """Keep a database from servers; one that a server has is refused."""
    lock = FileLock(database)
    if not lock.take():
        holder = lock.holder()
        pid = holder.server if holder else "another"
        raise LogError(f"process {pid} serves {database}: stop the server first")
    try:
        give_to_owner(lock.path, database)
        yield
    finally:
        lock.release()


# --- what is refused -----------------------------------------------------------------


def refuse_other_files(path: Path) -> None:
    """Refuse what is missing or no database, before SQLite opens it.

    SQLite takes an empty file for an empty database, and deletes a WAL that lies beside it.
    """
    if not path.is_file():
        raise LogError(f"there is no file {path}")
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise LogError(f"{path} is not a database of Tchat")


def refuse_other_versions(reading: sqlite3.Connection, path: Path) -> None:
    """Refuse a database of another program, or of a newer version of this one."""
    if pragma(reading, "application_id") != APPLICATION_ID:
        raise LogError(f"{path} is not a database of Tchat")
    if (version := pragma(reading, "user_version")) > VERSION:
        raise LogError(
            f"{path} has version {version}, newer than this program's {VERSION}: update the program"
        )


# --- SQLite --------------------------------------------------------------------------


def open_to_read(database: Path, *, alone: bool) -> sqlite3.Connection:
    """Open a database to read it; `alone` says that nobody else has it open."""
    return connect(database, "mode=ro&immutable=1" if alone else "mode=ro")


def connect(database: Path, options: str, *, busy_s: float = _BUSY_S) -> sqlite3.Connection:
    """Open a database with options of SQLite's, like `mode=rw`."""
    uri = f"{database.as_uri()}?{options}"
    return sqlite3.connect(uri, uri=True, timeout=busy_s, isolation_level=None)


def is_open(database: Path) -> bool:
    """Tell whether somebody writes a file; any file, and also one that is not there."""
    try:
        with closing(connect(database, "mode=rw", busy_s=0)) as probe:
            probe.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        return is_busy(error)
    return False


def is_busy(error: sqlite3.Error) -> bool:
    """Tell whether somebody else has the file."""
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def find_damage(database: sqlite3.Connection, check: str) -> str | None:
    """Give the first problem that a check of SQLite's finds."""
    database.set_progress_handler(lambda: None, _CTRL_C_EVERY)  # Python notices it only in Python
    try:
        found = str(database.execute(f"PRAGMA {check}(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from error
        raise
    finally:
        database.set_progress_handler(None, 0)
    return None if found == "ok" else found.splitlines()[-1]
