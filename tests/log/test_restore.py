"""`python -m chat restore`: the log is the one before or the copy, whatever happens meanwhile."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from chat.log import LogError
from chat.log.copies import backup
from chat.log.sqlite import SQLiteLog
from tests.log.test_backup import UNFIT, damaged, history, quiet, refusal, state
from tests.support.client import Client
from tests.support.interrupted import Interrupter
from tests.support.logs import Past, epoch, fill, fill_old, stored
from tests.support.servers import ROOT, ChatServer

MakeServer = Callable[..., ChatServer]


def refusal_to_open(database: Path) -> str:
    """Give the reason why no server would use a file."""
    log = SQLiteLog(database, retention_messages=1000)
    try:
        assert log.claim()
        with pytest.raises(LogError) as refused:
            log.start(print, print, bool, print)
        return str(refused.value)
    finally:
        log.close()


def texts(path: Path) -> list[str]:
    """Read what is in the common room of a log that nobody writes."""
    return [text for _, text in stored(path).get("general", [])]


def talk(server: ChatServer, *said: str, end: Callable[[ChatServer], object]) -> None:
    """Let a server store some posts, and end it."""
    server.start()
    with Client(server.ws_url) as ann:
        ann.join()
        for text in said:
            ann.post(text)
        end(server)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a copy of another log, with one message."""
    folder = tmp_path_factory.mktemp("copy")
    fill(folder / "tchat.db", "general", [Past("Ann", "from the copy", 1_700_000_000_000)])
    backup(folder / "tchat.db", folder / "copy.db", quiet)
    return folder / "copy.db"


# --- what comes back ------------------------------------------------------------------


def test_log_is_the_copys_and_pages_that_were_ahead_are_told_so(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server = make_server()
    server.start()
    copy = tmp_path / "copy.db"
    with Client(server.ws_url) as ann, Client(server.ws_url) as bob:
        ann.join("Ann")
        bob.join("Bob")
        ann.post("one")
        assert server.run("backup", copy).returncode == 0
        bob.expect("message", seq=1)
        bob.ws.close()  # bob has seen just what the copy has
        ann.post("two")
        before = ann.epoch
        server.kill()  # "two" is in the WAL

        done = server.run("restore", copy)

        assert done.returncode == 0, done.stderr
        aside = server.database.with_name("tchat.db.before-restore")
        assert done.stdout.splitlines() == [
            f"{server.database} is now a copy of {copy}: 1 message in 1 room, "
            f"{copy.stat().st_size:,} bytes.",
            f"The database before is now {aside}.",
            "Pages that come back are told that the log is another one, and begin again.",
        ]
        assert texts(aside) == ["one", "two"]
        assert epoch(aside) == epoch(copy) == before
        assert server.database.stat().st_mode & 0o777 == 0o600
        assert set(state(server.database.parent)) == {"tchat.db", aside.name}
        server.start()
        for client in (ann, bob):
            assert not client.resume()["resumed"]
            assert client.epoch != before
            assert client.texts() == ["one"]
        assert ann.post("three")["seq"] == 2
    server.stop()
    assert texts(server.database) == ["one", "three"]
    assert texts(aside) == ["one", "two"]


def test_copy_comes_to_a_machine_that_has_no_log_yet(
    make_server: MakeServer, tmp_path: Path, copy: Path
) -> None:
    database = tmp_path / "new" / "machine" / "tchat.db"
    server = make_server(settings={"CHAT_DATABASE": str(database)})

    done = server.run("restore", copy)

    assert done.returncode == 0, done.stderr
    assert "before" not in done.stdout
    assert set(state(database.parent)) == {"tchat.db"}
    server.start()
    with Client(server.ws_url) as ann:
        ann.join()
        assert ann.texts() == ["from the copy"]


def test_copy_of_an_older_version_is_brought_up_to_date_by_the_server(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server = make_server()
    old = tmp_path / "old.db"
    fill_old(old, [("general", n, f"id-{n}", "ann", "Ann", f"text {n}", n) for n in (1, 2, 3)])

    done = server.run("restore", old)

    assert "3 messages in 1 room" in done.stdout, done.stderr
    server.start()
    with Client(server.ws_url) as bob:
        bob.join("Bob")
        assert bob.texts() == ["text 1", "text 2", "text 3"]
        assert bob.epoch != epoch(old)


def test_link_stays_a_link_and_the_file_behind_it_is_replaced(
    make_server: MakeServer, tmp_path: Path, copy: Path
) -> None:
    server = make_server()
    real = tmp_path / "disk" / "real.db"
    real.parent.mkdir()
    server.database.symlink_to(real)
    talk(server, "before", end=ChatServer.kill)

    assert server.run("restore", copy).returncode == 0

    assert server.database.is_symlink()
    assert texts(real) == ["from the copy"]
    assert set(state(real.parent)) == {"real.db", "real.db.before-restore"}
    assert texts(real.with_name("real.db.before-restore")) == ["before"]


def test_no_database_that_was_put_aside_is_ever_written_over(
    make_server: MakeServer, copy: Path
) -> None:
    server = make_server()
    talk(server, "first", end=ChatServer.stop)
    assert server.run("restore", copy).returncode == 0
    talk(server, "second", end=ChatServer.stop)
    aside = server.database.with_name("tchat.db.before-restore")

    assert server.run("restore", aside).returncode == 0  # the way back

    assert texts(server.database) == texts(aside) == ["first"]
    assert texts(Path(f"{aside}-2")) == ["from the copy", "second"]


def test_file_belongs_to_whom_the_log_belonged(make_server: MakeServer, copy: Path) -> None:
    server = make_server()
    history(server.database, 10)
    if os.geteuid() == 0:  # root puts it back, another user serves it
        os.chown(server.database, 65534, 65534)
    owner = server.database.stat()

    assert server.run("restore", copy).returncode == 0

    for path in (server.database, server.database.with_name("tchat.db.lock")):
        assert (path.stat().st_uid, path.stat().st_gid) == (owner.st_uid, owner.st_gid)


# --- what is refused ------------------------------------------------------------------


def test_log_that_a_server_has_is_left(make_server: MakeServer, copy: Path) -> None:
    server = make_server()
    server.start()
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("one")
        before = state(server.database.parent)

        line = refusal(server.run("restore", copy))

        assert server.process is not None
        assert f"process {server.process.pid} " in line
        assert "stop the server first" in line
        assert state(server.database.parent) == before
        assert ann.post("two")["seq"] == 2


def test_log_that_a_program_without_the_lock_has_is_left(
    make_server: MakeServer, copy: Path
) -> None:
    server = make_server()
    history(server.database, 10)
    script = (  # as an older server keeps it; in a process of its own, where its locks stay
        "import sqlite3, sys\n"
        "database = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "database.execute('PRAGMA journal_mode = WAL')\n"
        "database.execute('SELECT epoch FROM log').fetchall()\n"
        "print(flush=True)\n"
        "input()\n"
        "database.execute(\"UPDATE log SET epoch = 'still mine'\")\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, server.database],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as older:
        assert older.stdout is not None
        older.stdout.readline()
        before = state(server.database.parent)

        line = refusal(server.run("restore", copy))

        assert "another program" in line
        assert state(server.database.parent) == before
        older.communicate("\n", timeout=60)
    assert epoch(server.database) == "still mine"


def test_database_of_another_program_is_never_replaced(make_server: MakeServer, copy: Path) -> None:
    server = make_server()
    with closing(sqlite3.connect(server.database)) as database:
        database.execute("CREATE TABLE bookmarks (url TEXT)")
    before = state(server.database.parent)

    assert "belongs to another program" in refusal(server.run("restore", copy))
    assert state(server.database.parent) == before


@UNFIT
def test_unfit_copy_is_refused_and_the_log_is_left(
    make_server: MakeServer, tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    server = make_server()
    talk(server, "before", end=ChatServer.kill)
    before = state(server.database.parent)
    make(tmp_path / "unfit.db")

    line = refusal(server.run("restore", tmp_path / "unfit.db"))

    assert reason in line
    assert str(tmp_path / "unfit.db") in line
    assert state(server.database.parent) == before


def test_copy_with_a_wal_beside_it_is_refused_with_the_way_to_join_them(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server = make_server()
    talk(server, "one", "two", end=ChatServer.kill)
    for ending in ("", "-wal"):
        shutil.copy(f"{server.database}{ending}", tmp_path / f"taken.db{ending}")
    before = state(server.database.parent)

    line = refusal(server.run("restore", tmp_path / "taken.db"))

    assert state(server.database.parent) == before
    assert f"backup FILE --database {tmp_path / 'taken.db'}" in line
    joined = server.run("backup", tmp_path / "whole.db", "--database", tmp_path / "taken.db")
    assert joined.returncode == 0
    assert server.run("restore", tmp_path / "whole.db").returncode == 0
    assert texts(server.database) == ["one", "two"]


@pytest.mark.parametrize("name", ["tchat.db", "link.db", "second.db"])
def test_log_is_no_copy_of_itself(make_server: MakeServer, name: str) -> None:
    server = make_server()
    history(server.database, 10)
    (server.database.parent / "link.db").symlink_to(server.database)
    (server.database.parent / "second.db").hardlink_to(server.database)
    before = state(server.database.parent)

    assert "not a copy" in refusal(server.run("restore", server.database.parent / name))
    assert state(server.database.parent) == before


def test_disk_that_takes_no_copy_leaves_the_log(make_server: MakeServer, tmp_path: Path) -> None:
    server = make_server()
    history(server.database, 10)
    copy = tmp_path / "copy.db"
    history(copy)
    before = state(server.database.parent)
    limited = ["sh", "-c", 'ulimit -f 1000 && exec "$@"', "sh"]  # half a megabyte or a whole one
    done = subprocess.run(
        [*limited, sys.executable, "-m", "chat", "restore", str(copy)],
        cwd=ROOT,
        env={**os.environ, "CHAT_DATABASE": str(server.database)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "was not restored" in refusal(done)
    assert state(server.database.parent) == before


# --- interruptions --------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.long)],
    ids=["kill -9", "Ctrl-C"],
)
def test_log_is_the_one_before_or_the_copy_after_each_step(
    make_server: MakeServer, tmp_path: Path, copy: Path, number: signal.Signals
) -> None:
    source = make_server()
    talk(source, "before", "in the WAL", end=ChatServer.kill)
    left = state(source.database.parent)
    assert left["tchat.db-wal"]
    seen: list[list[str]] = []
    with Interrupter(tmp_path / "log") as interrupter:
        for at in range(1, 200):
            folder = tmp_path / "log"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for name, content in left.items():
                (folder / name).write_bytes(content)
            database = folder / "tchat.db"

            done = interrupter.run(number, at, "restore", copy, "--database", database)

            # As the next server finds it, with what lies beside it.
            with closing(sqlite3.connect(database)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            seen.append(texts(database))
            assert seen[-1] in (["before", "in the WAL"], ["from the copy"])
            assert (epoch(database) == epoch(copy)) is False
            aside = folder / "tchat.db.before-restore"
            if seen[-1] == ["from the copy"]:
                assert texts(aside) == ["before", "in the WAL"]
            if done.returncode == 0:
                break
            # It can be done again, and puts the same aside once.
            again = interrupter.run(number, 0, "restore", copy, "--database", database)
            assert again.returncode == 0, again.stderr
            assert texts(database) == ["from the copy"]
            names = {path.name for path in folder.iterdir()} - {aside.name, f"{aside.name}-2"}
            assert names == {"tchat.db", "tchat.db.lock"}
    assert at > 15
    assert seen[0] == ["before", "in the WAL"]
    assert seen[-1] == ["from the copy"]


def test_damaged_log_is_put_aside_with_its_wal_or_the_server_refuses_what_is_there(
    make_server: MakeServer, tmp_path: Path, copy: Path
) -> None:
    server = make_server()
    talk(server, *(f"{n} {'x' * 1900}" for n in range(20)), end=ChatServer.kill)
    folder = server.database.parent
    left = state(folder)
    left["tchat.db"] = left["tchat.db"][:100] + random.Random(1).randbytes(4000)
    refused = 0
    with Interrupter(folder) as interrupter:
        for at in range(1, 200):
            for path in folder.glob("tchat.db*"):
                path.unlink()
            for name, content in left.items():
                (folder / name).write_bytes(content)

            done = interrupter.run(
                signal.SIGKILL, at, "restore", copy, "--database", server.database
            )

            now = state(folder)
            if (
                server.database.read_bytes()[:6] == b"SQLite"
                and now["tchat.db"] != left["tchat.db"]
            ):
                assert texts(server.database) == ["from the copy"]
                assert "tchat.db-wal" not in now
            elif now["tchat.db"] == left["tchat.db"]:
                assert now["tchat.db-wal"] == left["tchat.db-wal"]
            else:
                refused += 1
                assert "no SQLite database" in refusal_to_open(server.database)
            if now["tchat.db"] != left["tchat.db"]:
                assert now["tchat.db.before-restore"] == left["tchat.db"]
                assert now["tchat.db.before-restore-wal"] == left["tchat.db-wal"]
            if done.returncode == 0:
                break
            again = interrupter.run(
                signal.SIGKILL, 0, "restore", copy, "--database", server.database
            )
            assert again.returncode == 0, again.stderr
            assert texts(server.database) == ["from the copy"]
            assert state(folder)["tchat.db.before-restore"] == left["tchat.db"]
            assert state(folder)["tchat.db.before-restore-wal"] == left["tchat.db-wal"]
    assert refused > 0


def test_wal_without_its_database_is_put_aside(make_server: MakeServer, copy: Path) -> None:
    server = make_server()
    talk(server, "before", end=ChatServer.kill)
    server.database.unlink()
    wal = server.database.with_name("tchat.db-wal").read_bytes()

    assert server.run("restore", copy).returncode == 0

    assert texts(server.database) == ["from the copy"]
    assert state(server.database.parent).keys() == {"tchat.db", "tchat.db.before-restore-wal"}
    assert state(server.database.parent)["tchat.db.before-restore-wal"] == wal


@pytest.mark.long
def test_kills_at_any_time_leave_the_log_before_or_the_copy(tmp_path: Path) -> None:
    database, copy = tmp_path / "log" / "tchat.db", tmp_path / "copy.db"
    history(database, 20_000)
    history(copy, 10_000, room="other")
    contents = {"general": len(texts(database)), "other": 10_000}
    rng = random.Random(20251126)
    command = [sys.executable, "-m", "chat", "restore", str(copy), "--database", str(database)]
    finished = 0
    for _ in range(6):
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        process.stderr.readline()  # it has begun to copy
        time.sleep(rng.uniform(0, 0.3))  # how far it comes is left to chance
        process.kill()
        finished += process.wait() == 0
        process.stderr.close()
        assert {name: len(messages) for name, messages in stored(database).items()} in (
            {"general": contents["general"]},
            {"other": contents["other"]},
        )
        with closing(sqlite3.connect(database)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert list(stored(database)) == ["other"]
    left = {path.name for path in database.parent.iterdir()}
    assert {"tchat.db", "tchat.db.lock"} <= left
    assert all(
        name.startswith("tchat.db.before-restore") for name in left - {"tchat.db", "tchat.db.lock"}
    )


def test_damaged_log_is_restored_and_kept(make_server: MakeServer, copy: Path) -> None:
    server = make_server()
    damaged(server.database)
    content = server.database.read_bytes()
    assert "damaged" in refusal_to_open(server.database)

    assert server.run("restore", copy).returncode == 0

    assert texts(server.database) == ["from the copy"]
    assert server.database.with_name("tchat.db.before-restore").read_bytes() == content
