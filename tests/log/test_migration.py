"""The file of an older program is brought up to date: all of it, or it stays as it was."""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from chat.log import LogError
from chat.log.migration import Stopped, migrate
from tests.log.test_replaced import health, wait_until_well
from tests.support.client import Client
from tests.support.logs import OldRow, fill_old
from tests.support.servers import ROOT, ChatServer
from tests.support.waiting import wait_until

MakeServer = Callable[..., ChatServer]


def never() -> bool:
    return False


def ignore(share: float) -> None:
    """Take no notice of the progress."""


def old_rows(count: int) -> list[OldRow]:
    """Make messages in three rooms, of which one has lost its oldest."""
    heads = {"general": 0, "été": 0, "pruned": 700}
    rows = []
    for number in range(count):
        room = random.Random(number).choice(tuple(heads))
        heads[room] += 1
        text = f"{number} é \N{GRINNING FACE} {'x' * (number % 300)}"
        rows.append(
            (room, heads[room], f"id-{number}", f"m{number % 7}", "Zoé", text, 10**12 + number)
        )
    return rows


def new_rows(database: Path) -> list[OldRow]:
    """Read all messages of an up-to-date file, in the form of the old one."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return connection.execute(
            "SELECT name, seq, entries.id, member, nick, text, at FROM entries "
            "JOIN rooms ON rooms.id = room"
        ).fetchall()


def test_all_of_it_is_there_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "tchat.db"
    rows = old_rows(50_000)
    fill_old(path, rows)
    old = path.read_bytes()
    shares: list[float] = []
    assert migrate(path, progress=shares.append, stop=never) == tmp_path / "tchat.db.v1"
    assert sorted(new_rows(path)) == sorted(rows)
    assert shares == sorted(shares)
    assert len(set(shares)) > 3
    assert shares[-1] == 1.0
    assert path.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT epoch FROM log").fetchone() == ("epoch-of-old",)
        floors = dict(connection.execute("SELECT name, floor FROM rooms"))
    assert floors == {"general": 0, "été": 0, "pruned": 700}
    # The way back: the old file is whole under its other name.
    with closing(sqlite3.connect(tmp_path / "tchat.db.v1")) as connection:
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (len(rows),)
    assert abs(len((tmp_path / "tchat.db.v1").read_bytes()) - len(old)) < 1 << 20
    assert {file.name for file in tmp_path.iterdir()} == {"tchat.db", "tchat.db.v1"}


def test_old_file_of_before_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "tchat.db"
    (tmp_path / "tchat.db.v1").write_text("somebody's only copy")
    fill_old(path, old_rows(10))
    assert migrate(path, progress=ignore, stop=never) == tmp_path / "tchat.db.v1-2"
    assert (tmp_path / "tchat.db.v1").read_text() == "somebody's only copy"


def test_stop_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "tchat.db"
    rows = old_rows(50_000)
    fill_old(path, rows)
    shares: list[float] = []
    with pytest.raises(Stopped):
        migrate(path, progress=shares.append, stop=lambda: len(shares) >= 2)
    assert {file.name for file in tmp_path.iterdir()} == {"tchat.db"}
    migrate(path, progress=ignore, stop=never)
    assert sorted(new_rows(path)) == sorted(rows)


def test_damaged_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "tchat.db"
    fill_old(path, old_rows(5000))
    content = bytearray(path.read_bytes())
    content[100_000:140_000] = random.Random(1).randbytes(40_000)
    path.write_bytes(content)
    with pytest.raises((LogError, sqlite3.DatabaseError)):
        migrate(path, progress=ignore, stop=never)
    assert path.read_bytes()[4096:] == content[4096:]
    assert {file.name for file in tmp_path.iterdir()} == {"tchat.db"}


MIGRATE = """
import sys
from pathlib import Path
from chat.log.migration import migrate
migrate(Path(sys.argv[1]), progress=lambda share: print(share, flush=True), stop=lambda: False)
"""


@pytest.mark.parametrize("steps", [1, pytest.param(3, marks=pytest.mark.long), 5])
def test_kill_at_any_moment_leaves_a_whole_file(tmp_path: Path, steps: int) -> None:
    path = tmp_path / "tchat.db"
    rows = old_rows(60_000)
    fill_old(path, rows)
    with subprocess.Popen(
        [sys.executable, "-c", MIGRATE, path], cwd=ROOT, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for _ in range(steps):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 1:
        migrate(path, progress=ignore, stop=never)
    assert sorted(new_rows(path)) == sorted(rows)
    assert not (tmp_path / "tchat.db.new").exists()


def test_server_says_how_far_it_is_and_pages_resume_after_it(make_server: MakeServer) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    rows = [("general", n, f"i{n}", "m", "Ann", "x" * 200, 10**12) for n in range(1, 200_001)]
    fill_old(server.database, rows)
    server.launch()
    said = set()

    def is_well() -> bool:
        said.add(health(server))
        return "ok" in said

    wait_until(is_well, lambda: said)
    assert any("brought up to date:" in sentence for sentence in said), said
    with Client(server.ws_url) as ann:
        # A page of before the migration comes back, with the time that it was told.
        at = "2001-09-09T01:46:40.000Z"
        ann.epoch, ann.seq, ann.at = "epoch-of-old", 199_999, at
        ann.send(**ann.join_command("Ann", after={"epoch": ann.epoch, "seq": ann.seq, "at": at}))
        welcome = ann.expect("welcome")
        assert welcome["resumed"] is True
        assert [message["seq"] for message in welcome["messages"]] == [200_000]
    assert server.logged("tchat.db.v1")


@pytest.mark.long
def test_stop_during_a_migration_is_quick_and_harmless(make_server: MakeServer) -> None:
    server = make_server()
    rows = old_rows(100_000)
    fill_old(server.database, rows)
    server.launch()
    wait_until(lambda: "up to date: " in server.log(), within_s=20)
    assert server.stop() < 2
    server.launch()
    wait_until(
        lambda: not re.search("not yet|up to date", health(server)),
        lambda: health(server),
        within_s=20,
    )
    wait_until_well(server)
    server.stop()
    assert sorted(new_rows(server.database)) == sorted(rows)
