"""One process at a time serves a file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from chat.log import Holder
from chat.log.lock import FileLock
from tests.support.servers import ROOT

TAKE = """
import sys
from pathlib import Path
from chat.log.lock import FileLock
print(FileLock(Path(sys.argv[1])).take(), flush=True)
"""


def taken_elsewhere(database: Path) -> bool:
    """Let another process try to take the lock; it ends at once."""
    tried = subprocess.run(
        [sys.executable, "-c", TAKE, database], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return tried.stdout.strip() == "True"


def test_lock_is_for_one_process_and_names_it(tmp_path: Path) -> None:
    database = tmp_path / "tchat.db"
    lock = FileLock(database)
    assert lock.take()
    assert lock.take()  # keeps it
    assert not taken_elsewhere(database)
    assert FileLock(database).holder() == Holder(os.getpid(), os.getpid())
    lock.release()
    assert taken_elsewhere(database)
    assert lock.take()  # that process has ended, and with it its lock


def test_lock_whose_file_was_deleted_or_replaced_is_taken_anew(tmp_path: Path) -> None:
    database = tmp_path / "tchat.db"
    lock = FileLock(database)
    assert lock.take()
    path = tmp_path / "tchat.db.lock"
    path.unlink()
    assert lock.take()
    assert not taken_elsewhere(database)
    path.unlink()
    other = FileLock(database)
    assert other.take()
    assert not lock.take()


def test_lock_is_for_the_servers_own_user(tmp_path: Path) -> None:
    assert FileLock(tmp_path / "tchat.db").take()
    assert (tmp_path / "tchat.db.lock").stat().st_mode & 0o077 == 0
