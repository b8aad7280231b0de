"""The lock on a log: one process at a time serves a file.

It is on a file of its own, beside the database. On the database itself it would not hold: POSIX
drops all locks of a process on a file, SQLite's too, when it closes any descriptor of that file.
The system gives the lock back when its process ends, however it ends.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from chat.log import Holder

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # the byte that is locked: nobody else may read a locked one there

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FileLock:
    """The lock beside one database, whose path is resolved; from one thread at a time."""

    def __init__(self, database: Path) -> None:
        self.database = database
        self.path = database.with_name(f"{database.name}.lock")
        self._descriptor: int | None = None

    def take(self, server: int | None = None) -> bool:
        """Take the lock, or keep it, without waiting; False if another process has it.

        `server` is the pid that others are told, if it is not this process's. Raises OSError when
        the lock's file cannot be made.
        """
        while not self._held():
            self.release()
            # Like the database, for the server's own user only. Nobody deletes it: another
            # process may be about to lock it.
            descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600)
            try:
                _lock(descriptor)
            except (BlockingIOError, PermissionError):
                os.close(descriptor)
                return False
            except OSError:
                os.close(descriptor)
                raise
            # All at once, and always as long: who reads it now finds the old or the new holder.
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, b"%-20d\n%-20d\n" % (server or os.getpid(), os.getpid()))
            self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let another process take the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def holder(self) -> Holder | None:
        """Give who has the lock, or had it last; None if unknown."""
        try:
            server, process = self.path.read_text().split()
            return Holder(int(server), int(process))
        except (OSError, ValueError):
            return None

    def _held(self) -> bool:
        """Tell whether this lock is on the file that others find at its path."""
        if self._descriptor is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._descriptor), self.path.stat())
        except FileNotFoundError:
            return False
