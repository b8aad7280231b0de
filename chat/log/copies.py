"""Copies of the log: made while a server writes it, and put back while none does.

`cp` can do neither. The newest messages are in the WAL, beside the file, and a server may write
while `cp` reads. An old WAL that lies beside a file that was put back becomes a part of it.

Neither runs in a process that serves the file: to open and close it there, as they do, would drop
the locks that SQLite has on it.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from chat.log import Contents, LogError, Progress
from chat.log.disk import sync_file, sync_folder
from chat.log.files import (
    are_same,
    connect,
    file_beside,
    files_of_sqlite,
    find_damage,
    give_to_owner,
    in_one_line,
    is_alone,
    is_busy,
    is_open,
    new_file,
    open_to_read,
    refuse_other_files,
    refuse_other_versions,
    resolve,
    stopped,
)
from chat.log.lock import FileLock
from chat.log.schema import APPLICATION_ID, pragma

_STEP_BYTES = 1 << 20  # copied between two calls of `progress`
# Bytes after which the copy is brought to the disk. All of it at once, at the end, would make the
# server's next commit wait for a fifth of a second.
_SYNC_BYTES = 32 << 20
_ATTEMPTS = 5  # to copy a file that nobody has open, in case somebody opens it meanwhile

#: Stands in the database's place while the files of a damaged one are exchanged. A server refuses
#: it, because it is no SQLite database, and a restore that is run again goes on.
_EXCHANGING = b"A restore of this Tchat database was interrupted. Run the restore again.\n"


class Restored(NamedTuple):
    """What a restore has done."""

    contents: Contents
    aside: Path | None  # where the database before is now


def backup(database: Path, target: Path, progress: Progress, *, force: bool = False) -> Contents:
    """Copy a log, as it is at one moment, into one file; a server may write the log meanwhile.

    Raises LogError, one line. Then no target was made, and an older one is as it was.
    """
    with in_one_line(f"{database} was not copied"):
        database, target = resolve(database), resolve(target)
        _refuse_target(database, target, force=force)
        part = file_beside(target, "part")
        if is_open(part):
            raise LogError(f"another backup to {target} is running")
        with new_file(part) as is_ours:
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
    with in_one_line(f"{copy} was not restored"):
        copy, database = resolve(copy), resolve(database)
        part = file_beside(database, "restoring")
        _refuse_copy(copy, database, part)
        database.parent.mkdir(parents=True, exist_ok=True)
        with stopped(database), new_file(part):
            contents = _copy(copy, part, progress, new_epoch=True)
            give_to_owner(part, database)
            _fold(database, progress)
            aside = _exchange(database, part)
    return Restored(contents, aside)


# --- what is refused -----------------------------------------------------------------


def _refuse_target(database: Path, target: Path, *, force: bool) -> None:
    """Refuse to write over what should stay."""
    files = {database, FileLock(database).path, *files_of_sqlite(database)}
    if not files.isdisjoint((target, file_beside(target, "part"))) or are_same(target, database):
        raise LogError(f"{target} belongs to the database itself: name another file")
    if not target.parent.is_dir():  # made by us, it would hide that a disk is not mounted
        raise LogError(f"there is no folder {target.parent}")
    if target.exists():
        if not target.is_file():
            raise LogError(f"{target} is not a file")
        if not force:
            raise LogError(f"{target} exists: name another file, or use --force")
    for path in files_of_sqlite(target):
        if path.exists():
            raise LogError(f"{path} would become a part of the copy: move it, or name another file")


def _refuse_copy(copy: Path, database: Path, part: Path) -> None:
    """Refuse what is no copy, before anything is done."""
    if copy == part or are_same(copy, database):
        raise LogError(f"{copy} is not a copy, it belongs to the database itself")
    refuse_other_files(copy)
    for path in files_of_sqlite(copy)[:2]:
        if path.exists() and path.stat().st_size:
            # Whether they belong together cannot be seen. If they do not, the result is a mixture.
            raise LogError(
                f"{path} lies beside {copy}, which is not a whole copy then. If they belong "
                f"together, make one file of them first: backup FILE --database {copy}"
            )
    with closing(open_to_read(copy, alone=True)) as reading:
        refuse_other_versions(reading, copy)


# --- copying -------------------------------------------------------------------------


def _copy(source: Path, part: Path, progress: Progress, *, new_epoch: bool = False) -> Contents:
    """Copy a log into an empty file, and check the whole copy."""
    refuse_other_files(source)
    with closing(connect(part, "mode=rw")) as writing:
        writing.execute("PRAGMA journal_mode = OFF")  # whoever is interrupted begins again
        writing.execute("PRAGMA synchronous = OFF")  # fsync comes at the end
        writing.execute("PRAGMA locking_mode = EXCLUSIVE")  # no -shm
        _copy_one_moment(source, part, writing, progress)
        # A database in WAL mode cannot be opened where nothing can be written.
        writing.execute("PRAGMA journal_mode = DELETE")
        if new_epoch:
            writing.execute("UPDATE log SET epoch = lower(hex(randomblob(8)))")
        progress("Checking", 0, 1)
        if (problem := find_damage(writing, "integrity_check")) is not None:
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
        alone, before = is_alone(source), source.stat()
        with closing(open_to_read(source, alone=alone)) as reading:
            # One transaction for all steps. Otherwise each commit of a server would start the
            # copy again.
            reading.execute("BEGIN")
            refuse_other_versions(reading, source)
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
        with closing(open_to_read(database, alone=is_alone(database))) as reading:
            if find_damage(reading, "quick_check") is not None:
                return
            if pragma(reading, "application_id") != APPLICATION_ID:
                raise LogError(f"{database} belongs to another program: it stays as it is")
        with closing(connect(database, "mode=rw")) as present:
            # Both fail while anybody else has it open, a server without a lock file for instance.
            present.execute("PRAGMA journal_mode = DELETE")
            present.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if is_busy(error):
            raise LogError(f"another program has {database} open: end it first") from error
    progress("Putting the database aside", 1, 1)


def _exchange(database: Path, part: Path) -> Path | None:
    """Put the new file in the place of the database; give where that one is now."""
    beside = [
        path for path in files_of_sqlite(database) if path.exists()
    ]  # none, if it could be folded
    aside = None
    if not _is_exchanging(database):
        aside = _put_aside(database)
        if beside:
            # The new file must not come before its WAL goes. Without its WAL the old one is not
            # whole. So neither is there in between.
            mark = file_beside(database, "exchanging")
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
    while any(new.exists() and not are_same(old, new) for old, new in names.items()):
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
    second = file_beside(database, ending)
    old, new = (database, *files_of_sqlite(database)[:2]), (second, *files_of_sqlite(second)[:2])
    return dict(zip(old, new, strict=True))


def _is_exchanging(database: Path) -> bool:
    """Tell whether a restore was interrupted after it had put the database aside."""
    if not database.is_file():
        return False
    with database.open("rb") as file:
        return file.read(len(_EXCHANGING)) == _EXCHANGING
