"""The disk is full, the database is locked, the clock goes back: nothing is lost or repeated."""

from __future__ import annotations

import resource
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.error
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from chat.log.sqlite import SQLiteLog
from tests.log.engines import ANN, BOB, Recorder, draft
from tests.support.client import Client
from tests.support.peers import WAIT_S
from tests.support.servers import GUNICORN, ChatServer
from tests.support.waiting import wait_until

MakeServer = Callable[..., ChatServer]

HOUR_MS = 3_600_000
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def texts(database: Path) -> list[str]:
    """Read the stored texts, as another process may at any time."""
    with closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM entries ORDER BY seq")]


# --- nothing can be written ---------------------------------------------------------


#: Reads the stored texts, as another process may at any time.
Stored = Callable[[], list[str]]


@contextmanager
def file_size_limit(server: ChatServer) -> Iterator[Stored]:
    """Let no file of the worker grow, like a full disk. This needs no privileges."""
    assert server.process is not None
    master = server.process.pid
    (worker,) = map(int, Path(f"/proc/{master}/task/{master}/children").read_text().split())
    wal = server.database.with_name("tchat.db-wal").stat().st_size
    assert wal > server.output.stat().st_size  # the limit is every file's: logging goes on
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (wal, resource.RLIM_INFINITY))
    try:
        yield lambda: texts(server.database)
    finally:
        resource.prlimit(worker, resource.RLIMIT_FSIZE, UNLIMITED)


@contextmanager
def full_disk(server: ChatServer) -> Iterator[Stored]:
    """Fill the small disk that only the server uses."""
    assert server.process is not None
    disk = Path(f"/proc/{server.process.pid}/root{server.database.parent}")

    def stored() -> list[str]:
        # SQLite would resolve the link /proc/…/root to our own disks, so it gets a copy.
        for name in ("tchat.db", "tchat.db-wal"):
            shutil.copy(disk / name, server.database.with_name(name))
        return texts(server.database)

    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        file.writelines(bytes(1024) for _ in range(2048))
    try:
        yield stored
    finally:
        ballast.unlink()


@contextmanager
def lock(server: ChatServer) -> Iterator[Stored]:
    """Hold the database's write lock in this process, which is not the server's."""
    with closing(sqlite3.connect(server.database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield lambda: texts(server.database)


#: Runs a command with a small disk of its own as its folder ($0). It needs no privileges on a
#: system that lets every user make namespaces.
SMALL_DISK = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-ec")
MOUNT = 'mount -t tmpfs -o size=1m tmpfs "$0"; exec "$@"'


def may_mount(folder: Path) -> bool:
    """Tell whether this system lets us mount a disk that nobody else sees."""
    if not shutil.which("unshare"):
        return False
    tried = subprocess.run([*SMALL_DISK, MOUNT, folder, "true"], capture_output=True, check=False)
    return tried.returncode == 0


ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has the means")


@pytest.mark.parametrize(
    "obstacle",
    [
        pytest.param(file_size_limit, marks=[ON_LINUX, pytest.mark.long]),
        pytest.param(full_disk, marks=ON_LINUX),
        lock,
    ],
)
def test_post_that_cannot_be_stored_is_refused_and_later_stored_once(
    tmp_path: Path,
    make_server: MakeServer,
    obstacle: Callable[[ChatServer], AbstractContextManager[Stored]],
) -> None:
    command: Sequence[str] = GUNICORN
    if obstacle is full_disk:
        if not may_mount(tmp_path):
            pytest.skip("this system lets nobody mount a disk of its own")
        command = (*SMALL_DISK, MOUNT, str(tmp_path / "server-0"), *GUNICORN)
    server = make_server(command)
    server.start()
    with Client(server.ws_url) as ann, Client(server.ws_url) as bob, Client(server.ws_url) as eve:
        ann.join("Ann")
        bob.join("Bob")
        ann.post("before")
        ids = [f"p-{number}" for number in range(3)]
        with obstacle(server) as stored:
            for post_id in ids:
                ann.send(type="post", id=post_id, text=f"{post_id} {'x' * 1900}")
            for post_id in ids:
                error = ann.expect("error", id=post_id)
                assert error["code"] == "storage_unavailable"
                assert error["command"] == "post"
                assert error["retry_after"] > 0
            assert stored() == ["before"]
            eve.join("Eve")  # stored messages can still be read
            assert eve.texts() == ["before"]
        for seq, post_id in enumerate(ids, 2):
            assert ann.post("other", post_id)["seq"] == seq
        for seq, post_id in enumerate(ids, 2):
            assert ann.post("once more", post_id)["text"] == "other"
            bob.expect("message", seq=seq)
            eve.expect("message", seq=seq)
        assert bob.texts() == ann.texts() == eve.texts() == ["before", *["other"] * 3]
        assert stored() == bob.texts()
    assert "Traceback" not in server.log()


def health(server: ChatServer) -> int:
    """Give the status that /healthz answers."""
    try:
        server.get("/healthz")
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code
    return 200


@ON_LINUX
def test_health_says_that_nothing_can_be_stored_until_it_can_again(
    make_server: MakeServer,
) -> None:
    server = make_server()
    server.start()
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("before")
        with file_size_limit(server):
            ann.send(type="post", id="p-1", text="x" * 2000)
            ann.expect("error", id="p-1")
            until = time.monotonic() + 1.5  # the server tries again by itself meanwhile
            while time.monotonic() < until:
                assert health(server) == 503, server.log()
                time.sleep(0.1)  # bounded by the time: nothing is to happen
        # Also when nobody has posted since.
        wait_until(lambda: health(server) == 200, within_s=WAIT_S)


# --- the clock goes back -------------------------------------------------------------


def test_clock_set_back_changes_no_order(tmp_path: Path) -> None:
    now_ms = 1_700_000_000_000
    heard = Recorder()

    def open_log() -> SQLiteLog:
        log = SQLiteLog(tmp_path / "tchat.db", retention_messages=100_000, now_ms=lambda: now_ms)
        assert log.claim()
        heard.start(log)
        return log

    log = open_log()
    written = heard.post(log, draft(1), draft(2, BOB))
    now_ms -= HOUR_MS
    written += heard.post(log, draft(3), draft(4, BOB))
    log.close()
    log = open_log()
    written += heard.post(log, draft(5))
    log.append(draft(1), heard.answers.put)
    assert heard.answer() == written[0]
    assert [message.seq for message in written] == [1, 2, 3, 4, 5]
    assert written[2].at < written[1].at  # proves that the clock was set back
    assert log.after("general", 0, 10).entries == written
    assert log.before("general", 6, 10).messages == written
    assert log.after("general", 2, 10).entries == written[2:]
    # Both nicks were used in the last minute, one of them at a time that is still an hour away.
    assert {member for member, _ in log.recent_nicks("general", now_ms - 60_000)} == {ANN, BOB}
    log.close()


def test_messages_from_a_clock_that_was_ahead_harm_no_resume(make_server: MakeServer) -> None:
    server = make_server()
    server.start()
    with Client(server.ws_url) as ann, Client(server.ws_url) as bob, Client(server.ws_url) as eve:
        ann.join("Ann")
        ann.post("one", "p-one")
        server.stop()
        with closing(sqlite3.connect(server.database)) as connection, connection:
            connection.execute("UPDATE entries SET at = at + ?", (HOUR_MS,))
        server.start()
        for client, nick in ((ann, "Ann"), (bob, "Bob")):
            client.connect()
            client.join(nick)
        bob.ws.close()
        assert ann.post("two")["at"] < ann.messages[0]["at"]
        assert ann.post("again", "p-one") == ann.messages[0]
        server.kill()
        server.start()
        assert ann.resume()["messages"] == []
        assert bob.resume()["messages"] == ann.messages[1:]
        ann.post("three")
        bob.expect("message", seq=3)
        assert bob.messages == ann.messages
        eve.connect()
        assert eve.refusal(type="join", nick="Ann")["code"] == "nick_taken"
        eve.join("Eve")
        assert eve.messages == ann.messages
        assert eve.texts() == ["one", "two", "three"]
