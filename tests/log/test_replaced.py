"""The file under a running server is removed, replaced, moved, restored: it is another log then.

No post is acknowledged into a file that is gone, everybody is told to come back (1012), and
a page learns whether it has missed nothing, something, or another history.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
import urllib.error
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.client import Client, Refused
from tests.support.peers import WAIT_S
from tests.support.processes import cpu_s, worker_pid
from tests.support.servers import ChatServer
from tests.support.waiting import wait_until

MakeServer = Callable[..., ChatServer]
RESTARTING = 1012


@pytest.fixture
def server(make_server: MakeServer) -> ChatServer:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    server.start()
    return server


def copy_of(server: ChatServer) -> Path:
    """Copy the database as it is now, into one file."""
    copy = server.database.with_name("copy.db")
    with closing(sqlite3.connect(server.database)) as source, closing(sqlite3.connect(copy)) as to:
        source.backup(to)
        to.execute("PRAGMA journal_mode = DELETE")
    return copy


def wait_until_well(server: ChatServer) -> None:
    """Wait until the server stores and gives messages again."""
    wait_until(lambda: health(server) == "ok", lambda: health(server), within_s=WAIT_S)


def health(server: ChatServer) -> str:
    """Give what /healthz says; "not yet" while nothing answers."""
    try:
        return server.get("/healthz").strip()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return str(refusal.read().decode()).strip()
    except urllib.error.URLError:
        return "not yet"


def stored(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM entries ORDER BY seq")]


# --- removed, moved, replaced: another file, or none --------------------------------------


def remove(server: ChatServer) -> None:
    for path in server.database.parent.glob("tchat.db*"):
        path.unlink()


def remove_the_database_alone(server: ChatServer) -> None:
    server.database.unlink()


def remove_the_wal(server: ChatServer) -> None:
    server.database.with_name("tchat.db-wal").unlink()


def move_away(server: ChatServer) -> None:
    server.database.rename(server.database.with_name("moved.db"))


def move_the_folder(server: ChatServer) -> None:
    server.database.parent.rename(server.database.parent.with_name("moved"))


def make_empty(server: ChatServer) -> None:
    remove(server)
    server.database.touch()


HARMS = (remove, move_away, remove_the_database_alone, remove_the_wal, move_the_folder, make_empty)


@pytest.mark.parametrize(
    ("harm", "posting"),
    [
        *(pytest.param(harm, True, id=f"{harm.__name__}, somebody posts") for harm in HARMS),
        *(
            pytest.param(
                harm,
                False,
                id=f"{harm.__name__}, nobody posts",
                marks=pytest.mark.long if harm in HARMS[2:] else (),
            )
            for harm in HARMS
        ),
    ],
)
def test_no_post_is_acknowledged_into_a_file_that_is_gone(
    make_server: MakeServer, tmp_path: Path, harm: Callable[[ChatServer], None], posting: bool
) -> None:
    server = make_server(settings={"CHAT_DATABASE": str(tmp_path / "data" / "tchat.db")})
    server.database = tmp_path / "data" / "tchat.db"
    server.start()
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("before")
        harm(server)
        if posting:
            with pytest.raises(Refused) as refused:
                ann.post("into nowhere", "p-lost")
            assert refused.value.error["code"] == "storage_unavailable"
        assert ann.close_code() == RESTARTING
        if harm is not remove_the_wal:  # SQLite makes a new one
            assert "ok" not in health(server)
            ann.connect()
            with pytest.raises(Refused) as refused:
                ann.join("Ann")
            assert refused.value.error["code"] == "storage_unavailable"
            assert not server.database.exists() or server.database.stat().st_size == 0
    lines = [line for line in server.logged("log:").splitlines() if "log:" in line]
    assert 1 <= len(lines) <= 3, lines  # said once, not with each try
    assert "Traceback" not in server.log()


def test_file_that_comes_back_goes_on(server: ChatServer) -> None:
    away = server.database.with_name("away.db")
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("before")
        server.database.rename(away)
        assert ann.close_code() == RESTARTING
        assert stored(away) == ["before"]  # all of it, in the one file
        away.rename(server.database)
        wait_until_well(server)
        assert ann.resume()["resumed"] is True
        assert ann.post("after")["seq"] == 2
    assert stored(server.database) == ["before", "after"]


def test_server_waits_for_its_file_without_work(server: ChatServer) -> None:
    away = server.database.with_name("away.db")
    server.database.rename(away)
    wait_until(lambda: health(server) != "ok", within_s=WAIT_S)
    before = cpu_s(worker_pid(server))
    time.sleep(2.5)  # what it does meanwhile is what this test measures
    assert cpu_s(worker_pid(server)) - before < 0.5


@pytest.mark.parametrize("posting", [True, False], ids=["somebody posts", "nobody posts"])
def test_older_copy_put_in_its_place_is_found_out(server: ChatServer, posting: bool) -> None:
    with Client(server.ws_url) as ann, Client(server.ws_url) as bob:
        ann.join("Ann")
        bob.join("Bob")
        ann.post("kept")
        bob.expect("message")
        bob.ws.close()
        copy = copy_of(server)
        ann.post("not in the copy")
        copy.replace(server.database)
        if posting:
            with pytest.raises(Refused):
                ann.post("while it was replaced")
        assert ann.close_code() == RESTARTING
        wait_until_well(server)
        welcome = ann.resume()
        assert (welcome["resumed"], welcome["gap"]) == (False, "lost")
        assert ann.texts() == ["kept"]
        assert ann.post("goes on")["seq"] == 2
        assert bob.resume()["resumed"] is True  # it saw nothing that is gone
        assert bob.texts() == ["kept", "goes on"]
    assert stored(server.database) == ["kept", "goes on"]


def test_another_link_is_another_log(make_server: MakeServer, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "one.db")
    server = make_server(settings={"CHAT_DATABASE": str(link)})
    server.start()
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("in one")
        shutil.copy(tmp_path / "one.db", tmp_path / "two.db")
        link.unlink()
        link.symlink_to(tmp_path / "two.db")
        assert ann.close_code() == RESTARTING
        wait_until_well(server)
        ann.connect()
        ann.join("Ann")
        ann.post("in two")
    server.stop()
    assert "in two" in stored(tmp_path / "two.db")
    assert stored(tmp_path / "one.db") == ["in one"]


# --- written into: an older copy, deleted rows ---------------------------------------------


def restore(server: ChatServer, copy: Path) -> None:
    """Write a copy into the file, as `.restore` of SQLite's shell does."""
    with closing(sqlite3.connect(copy)) as source, closing(sqlite3.connect(server.database)) as to:
        source.backup(to)


def restore_with_a_new_epoch(server: ChatServer, copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("UPDATE log SET epoch = 'another'")
    restore(server, copy)


def delete_the_newest(server: ChatServer, copy: Path) -> None:
    with closing(sqlite3.connect(server.database)) as connection, connection:
        connection.execute("DELETE FROM entries WHERE seq > 2")


@pytest.mark.parametrize("turn_back", [restore, restore_with_a_new_epoch, delete_the_newest])
@pytest.mark.parametrize("posting", [True, False], ids=["somebody posts", "nobody posts"])
def test_log_that_goes_backwards_is_noticed(
    server: ChatServer, turn_back: Callable[[ChatServer, Path], None], posting: bool
) -> None:
    with Client(server.ws_url) as ann, Client(server.ws_url) as bob:
        ann.join("Ann")
        bob.join("Bob")
        ann.post("1")
        ann.post("2")
        copy = copy_of(server)
        ann.post("3")
        turn_back(server, copy)
        if posting:
            with pytest.raises(Refused) as refused:
                ann.post("4", "p-4")
            assert refused.value.error["code"] == "storage_unavailable"
        assert ann.close_code() == RESTARTING
        assert bob.close_code() == RESTARTING
        wait_until_well(server)
        assert ann.resume()["gap"] == "lost"
        assert ann.texts() == ["1", "2"]
        assert ann.post("4", "p-4")["seq"] == 3
        assert bob.resume()["gap"] == (
            "lost" if turn_back is restore_with_a_new_epoch else "changed"
        )
        assert bob.texts() == ["1", "2", "4"]
    assert stored(server.database) == ["1", "2", "4"]


def test_room_in_which_nobody_has_posted_since_the_start_is_watched_too(
    server: ChatServer,
) -> None:
    with Client(server.ws_url) as ann:
        ann.join("Ann", room="quiet")
        for number in range(4):
            ann.post(str(number))
        server.stop()
        server.start()
        ann.resume()
        delete_the_newest(server, server.database)
        assert ann.close_code() == RESTARTING
        wait_until_well(server)
        assert ann.resume()["gap"] == "lost"


def test_what_other_programs_write_beside_the_messages_disturbs_nobody(
    server: ChatServer,
) -> None:
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("1")
        with closing(sqlite3.connect(server.database)) as connection, connection:
            connection.execute("CREATE TABLE theirs (x)")
        ann.post("2")
        with closing(sqlite3.connect(server.database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        ann.post("3")
        assert ann.texts() == ["1", "2", "3"]


def test_hole_that_was_cut_into_the_log_is_never_taken_for_a_resume(server: ChatServer) -> None:
    with Client(server.ws_url) as ann, Client(server.ws_url) as bob:
        bob.join("Bob")
        ann.join("Ann")
        ann.post("1")
        bob.expect("message")
        bob.ws.close()
        for number in range(2, 6):
            ann.post(str(number))
        with closing(sqlite3.connect(server.database)) as connection, connection:
            connection.execute("DELETE FROM entries WHERE seq = 3")
        bob.connect()
        bob.send(**bob.resume_command())
        assert bob.expect("welcome")["gap"] == "skipped"
