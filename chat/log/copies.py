"""Copies of the log: made while a server writes it, and put back while none does.

`cp` can do neither. The newest messages are in the WAL, beside the file, and a server may write
while `cp` reads. An old WAL that lies beside a file that was put back becomes a part of it.

Neither runs in a process that serves the file: to open and close it there, as they do, would drop
the locks that SQLite has on it.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from chat.log import LogError
from chat.log.disk import sync_file, sync_folder
from chat.log.lock import FileLock
from chat.log.schema import APPLICATION_ID, VERSION, pragma

_MAGIC = b"SQLite format 3\0"
_BUSY_S = 2.0  # how long to wait for a server that opens or closes the file at this moment
_STEP_BYTES = 1 << 20  # copied between two calls of `progress`
# Bytes after which the copy is brought to the disk. All of it at once, at the end, would make the
# server's next commit wait for a fifth of a second.
_SYNC_BYTES = 32 << 20
_ATTEMPTS = 5  # to copy a file that nobody has open, in case somebody opens it meanwhile
_CTRL_C_EVERY = 100_000  # steps of SQLite, in a check that takes long

#: Stands in the database's place while the files of a damaged one are exchanged. A server refuses
#: it, because it is no SQLite database, and a restore that is run again goes on.
_EXCHANGING = b"A restore of this Tchat database was interrupted. Run the restore again.\n"

#: Is told what is being done, how much of it is done, and how much it is in all.
Progress = Callable[[str, int, int], None]


class Contents(NamedTuple):
    """What is in a copy."""

    rooms: int
    messages: int
    size: int  # bytes


class Restored(NamedTuple):
    """What a restore has done."""

    contents: Contents
    aside: Path | None  # where the database before is now


def backup(database: Path, target: Path, progress: Progress, *, force: bool = False) -> Contents:
    """Copy a log, as it is at one moment, into one file; a server may write the log meanwhile.

    Raises LogError, one line. Then no target was made, and an older one is as it was.
    """
    with _in_one_line(f"{database} was not copied"):
        database, target = _resolve(database), _resolve(target)
        _refuse_target(database, target, force=force)
        part = _part(target, "part")
        if _is_open(part):
            raise LogError(f"another backup to {target} is running")
        with _new_file(part) as is_ours:
            contents = _copy(database, part, progress)
            _refuse_target(database, target, force=force)  # somebody may have made it meanwhile
            if not is_ours():
                raise LogError(f"another backup to {target} took the place of this one")
            part.replace(target)
        sync_folder(target.parent)
    return contents


def restore(copy: Path, database: Path, progress: Progress) -> Restored:
    """Put a copy in the place of a log that no server has open, under a new epoch.

    If it is interrupted, the log is the one before or the copy. Raises LogError, one line; then
    the log is as it was.
    """
    with _in_one_line(f"{copy} was not restored"):
        copy, database = _resolve(copy), _resolve(database)
        part = _part(database, "restoring")
        _refuse_copy(copy, database, part)
        database.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(database)
        if not lock.take():
            holder = lock.holder()
            pid = holder.server if holder else "another"
            raise LogError(f"process {pid} serves {database}: stop the server first")
        try:
            _give_to_owner(lock.path, database)
            with _new_file(part):
                contents = _copy(copy, part, progress, new_epoch=True)
                _give_to_owner(part, database)
                _fold(database, progress)
                aside = _exchange(database, part)
        finally:
            lock.release()
    return Restored(contents, aside)


# --- what is refused -----------------------------------------------------------------


def _refuse_target(database: Path, target: Path, *, force: bool) -> None:
    """Refuse to write over what should stay."""
    files = {database, FileLock(database).path, *_beside(database)}
    if not files.isdisjoint((target, _part(target, "part"))) or _are_same(target, database):
        raise LogError(f"{target} belongs to the database itself: name another file")
    if not target.parent.is_dir():  # made by us, it would hide that a disk is not mounted
        raise LogError(f"there is no folder {target.parent}")
    if target.exists():
        if not target.is_file():
            raise LogError(f"{target} is not a file")
        if not force:
            raise LogError(f"{target} exists: name another file, or use --force")
    for path in _beside(target):
        if path.exists():
            raise LogError(f"{path} would become a part of the copy: move it, or name another file")


def _refuse_copy(copy: Path, database: Path, part: Path) -> None:
    """Refuse what is no copy, before anything is done."""
    if copy == part or _are_same(copy, database):
        raise LogError(f"{copy} is not a copy, it belongs to the database itself")
    _refuse_other_files(copy)
    for path in _beside(copy)[:2]:
        if path.exists() and path.stat().st_size:
            # Whether they belong together cannot be seen. If they do not, the result is a mixture.
            raise LogError(
                f"{path} lies beside {copy}, which is not a whole copy then. If they belong "
                f"together, make one file of them first: backup FILE --database {copy}"
            )
    with closing(_open(copy, alone=True)) as reading:
        _refuse_other_versions(reading, copy)


def _refuse_other_files(path: Path) -> None:
    """Refuse what is missing or no database, before SQLite opens it.

    SQLite takes an empty file for an empty database, and deletes a WAL that lies beside it.
    """
    if not path.is_file():
        raise LogError(f"there is no file {path}")
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise LogError(f"{path} is not a database of Tchat")


def _refuse_other_versions(reading: sqlite3.Connection, path: Path) -> None:
    """Refuse a database of another program, or of a newer version of this one."""
    if pragma(reading, "application_id") != APPLICATION_ID:
        raise LogError(f"{path} is not a database of Tchat")
    if (version := pragma(reading, "user_version")) > VERSION:
        raise LogError(
            f"{path} has version {version}, newer than this program's {VERSION}: update the program"
        )


# --- copying -------------------------------------------------------------------------


def _copy(source: Path, part: Path, progress: Progress, *, new_epoch: bool = False) -> Contents:
    """Copy a log into an empty file, and check the whole copy."""
    _refuse_other_files(source)
    with closing(_connect(part, "mode=rw")) as writing:
        writing.execute("PRAGMA journal_mode = OFF")  # whoever is interrupted begins again
        writing.execute("PRAGMA synchronous = OFF")  # fsync comes at the end
        writing.execute("PRAGMA locking_mode = EXCLUSIVE")  # no -shm
        _copy_one_moment(source, part, writing, progress)
        # A database in WAL mode cannot be opened where nothing can be written.
        writing.execute("PRAGMA journal_mode = DELETE")
        if new_epoch:
            writing.execute("UPDATE log SET epoch = lower(hex(randomblob(8)))")
        progress("Checking", 0, 1)
        if (problem := _damage(writing, "integrity_check")) is not None:
            raise LogError(f"{source} is damaged ({problem})")
        contents = _contents(writing)
        progress("Checking", 1, 1)
    sync_file(part)
    return contents


def _copy_one_moment(
    source: Path, part: Path, writing: sqlite3.Connection, progress: Progress
) -> None:
    """Copy the pages of a log as they are at one moment, and write nothing into the log.

    While there is a WAL, SQLite gives the moment. Without one, nobody has the file open. SQLite
    would then make a WAL and leave it there, so it is told that nobody writes, and afterwards we
    look whether that was true.
    """
    for _ in range(_ATTEMPTS):
        alone, before = _is_alone(source), source.stat()
        with closing(_open(source, alone=alone)) as reading:
            # One transaction for all steps. Otherwise each commit of a server would start the
            # copy again.
            reading.execute("BEGIN")
            _refuse_other_versions(reading, source)
            _copy_pages(reading, part, writing, progress)
        after = source.stat()
        if not alone or (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size):
            return
    raise LogError(f"{source} was written during each of {_ATTEMPTS} attempts to copy it")


def _copy_pages(
    reading: sqlite3.Connection, part: Path, writing: sqlite3.Connection, progress: Progress
) -> None:
    page_bytes = pragma(reading, "page_size")
    needed = page_bytes * pragma(reading, "page_count")
    free = shutil.disk_usage(part.parent).free + part.stat().st_size  # of an earlier attempt
    if free < needed:  # do not fill a disk on which a server may have to write
        raise LogError(f"{part.parent} has {free:,} bytes free, a copy needs {needed:,}")
    synced = 0

    def step(_: int, left: int, total: int) -> None:
        nonlocal synced
        done = total - left
        progress("Copying", done, total)
        if (done - synced) * page_bytes >= _SYNC_BYTES:
            sync_file(part)
            synced = done

    reading.backup(writing, pages=max(1, _STEP_BYTES // page_bytes), progress=step)


def _contents(database: sqlite3.Connection) -> Contents:
    """Count what is in a copy, of this version or an older one."""
    tables = {row[0] for row in database.execute("SELECT name FROM sqlite_schema")}
    messages = "entries WHERE kind = 0" if "entries" in tables else "messages"
    rooms, number = database.execute(
        f"SELECT count(DISTINCT room), count(*) FROM {messages}"  # noqa: S608 - one of these two
    ).fetchone()
    return Contents(rooms, number, pragma(database, "page_size") * pragma(database, "page_count"))


# --- the exchange --------------------------------------------------------------------


def _fold(database: Path, progress: Progress) -> None:
    """Make the present database one file, but leave a damaged one as it is.

    Raises LogError if it is another program's, or another program has it open.
    """
    if not database.is_file() or database.stat().st_size == 0 or _is_exchanging(database):
        return
    progress("Putting the database aside", 0, 1)
    try:
        with closing(_open(database, alone=_is_alone(database))) as reading:
            if _damage(reading, "quick_check") is not None:
                return
            if pragma(reading, "application_id") != APPLICATION_ID:
                raise LogError(f"{database} belongs to another program: it stays as it is")
        with closing(_connect(database, "mode=rw")) as present:
            # Both fail while anybody else has it open, a server without a lock file for instance.
            present.execute("PRAGMA journal_mode = DELETE")
            present.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if _is_busy(error):
            raise LogError(f"another program has {database} open: end it first") from error
    progress("Putting the database aside", 1, 1)


def _exchange(database: Path, part: Path) -> Path | None:
    """Put the new file in the place of the database; give where that one is now."""
    beside = [path for path in _beside(database) if path.exists()]  # none, if it could be folded
    aside = None
    if not _is_exchanging(database):
        aside = _put_aside(database)
        if beside:
            # The new file must not come before its WAL goes. Without its WAL the old one is not
            # whole. So neither is there in between.
            mark = _part(database, "exchanging")
            mark.write_bytes(_EXCHANGING)
            sync_file(mark)
            mark.replace(database)
            sync_folder(database.parent)
    for path in beside:
        path.unlink()
    sync_folder(database.parent)
    part.replace(database)
    sync_folder(database.parent)
    return aside


def _put_aside(database: Path) -> Path | None:
    """Give the database, and what lies beside it, a second name, which no other file has.

    Under its first name it stays until the new file takes its place.
    """
    number, names = 1, _second_names(database, "before-restore")
    # An interrupted restore may have given these names already.
    while any(new.exists() and not _are_same(old, new) for old, new in names.items()):
        number += 1
        names = _second_names(database, f"before-restore-{number}")
    for old, new in names.items():
        if old.exists() and not new.exists():
            try:
                new.hardlink_to(old)
            except OSError:  # not every file system has them
                shutil.copy2(old, new)
                sync_file(new)
    sync_folder(database.parent)
    return names[database] if names[database].exists() else None


def _second_names(database: Path, ending: str) -> dict[Path, Path]:
    """Name a second file for the database and for each beside it that has something of its own."""
    second = _part(database, ending)
    old, new = (database, *_beside(database)[:2]), (second, *_beside(second)[:2])
    return dict(zip(old, new, strict=True))


def _is_exchanging(database: Path) -> bool:
    """Tell whether a restore was interrupted after it had put the database aside."""
    if not database.is_file():
        return False
    with database.open("rb") as file:
        return file.read(len(_EXCHANGING)) == _EXCHANGING


# --- files ---------------------------------------------------------------------------


@contextmanager
def _in_one_line(failure: str) -> Iterator[None]:
    """Make a LogError of what the system or SQLite reports."""
    try:
        yield
    except (OSError, RuntimeError, sqlite3.Error) as error:
        raise LogError(f"{failure}: {error}") from error


@contextmanager
def _new_file(path: Path) -> Iterator[Callable[[], bool]]:
    """Make an empty file, and delete it at the end, if it still has that name.

    Gives a function that tells whether it has.
    """

    def is_ours() -> bool:
        return path.exists() and os.path.samestat(path.stat(), made)

    _delete(path)  # what an interrupted run has left
    # People's conversations: for this user only.
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    made = os.fstat(descriptor)
    os.close(descriptor)
    try:
        yield is_ours
    finally:
        if is_ours():
            _delete(path)


def _delete(database: Path) -> None:
    for path in (database, *_beside(database)):
        path.unlink(missing_ok=True)


def _resolve(path: Path) -> Path:
    """Follow links: SQLite keeps its files beside the real one."""
    return path.expanduser().resolve()


def _part(path: Path, ending: str) -> Path:
    """Name a file beside another one."""
    return path.with_name(f"{path.name}.{ending}")


def _beside(database: Path) -> tuple[Path, Path, Path]:
    """Name the files that SQLite keeps beside a database; the last has nothing of its own."""
    wal, journal, shm = (
        database.with_name(f"{database.name}-{ending}") for ending in ("wal", "journal", "shm")
    )
    return wal, journal, shm


def _is_alone(database: Path) -> bool:
    """Tell whether the file has everything, so that nobody has it open in WAL mode."""
    wal, journal, _ = _beside(database)
    return not wal.exists() and not (journal.exists() and journal.stat().st_size)


def _are_same(one: Path, other: Path) -> bool:
    return one == other or (one.exists() and other.exists() and one.samefile(other))


def _give_to_owner(path: Path, database: Path) -> None:
    """Let the server's user have a file that root makes."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        owner = (database if database.exists() else database.parent).stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


# --- SQLite --------------------------------------------------------------------------


def _open(database: Path, *, alone: bool) -> sqlite3.Connection:
    """Open a database to read it; `alone` says that nobody else has it open."""
    return _connect(database, "mode=ro&immutable=1" if alone else "mode=ro")


def _connect(database: Path, options: str, *, busy_s: float = _BUSY_S) -> sqlite3.Connection:
    uri = f"{database.as_uri()}?{options}"
    return sqlite3.connect(uri, uri=True, timeout=busy_s, isolation_level=None)


def _is_open(database: Path) -> bool:
    """Tell whether somebody writes a file; any file, and also one that is not there."""
    try:
        with closing(_connect(database, "mode=rw", busy_s=0)) as probe:
            probe.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        return _is_busy(error)
    return False


def _is_busy(error: sqlite3.Error) -> bool:
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def _damage(database: sqlite3.Connection, check: str) -> str | None:
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
