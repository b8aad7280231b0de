"""`python -m chat backup`: one whole file, of one moment, and the log is never written or held."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from chat.log.copies import backup
from tests.log.test_storage import MOUNT, ON_LINUX, SMALL_DISK, may_mount
from tests.support.client import WAIT_S, Client
from tests.support.interrupted import Interrupter
from tests.support.logs import Past, epoch, fill, stored
from tests.support.servers import ROOT, ChatServer
from tests.support.waiting import wait_until

MakeServer = Callable[..., ChatServer]

MANY = 12_000  # messages: several steps of a backup


def quiet(step: str, done: int, total: int) -> None:
    """Show no progress."""


def history(database: Path, messages: int = MANY, room: str = "general") -> None:
    """Give a room many messages before any server runs."""
    fill(database, room, (Past("Ann", f"{n} {'x' * 300}", n) for n in range(messages)))


def state(folder: Path) -> dict[str, bytes]:
    """Give the files of a folder, without -shm, which is an index, and the server's output."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and not path.name.endswith(("-shm", ".lock", "server.log"))
    }


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """Give the one line with which a command says why it did nothing."""
    steps = ("Copying", "Checking", "Putting the database aside", "")
    lines = [line for line in done.stderr.splitlines() if line not in steps]
    assert done.returncode == 1, done
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("Tchat: ")
    return lines[0]


# --- while a server runs --------------------------------------------------------------


def test_copy_is_of_the_moment_it_began_and_posts_are_stored_at_each_of_its_steps(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    history(server.database)
    server.start()
    target = tmp_path / "copy.db"
    steps: list[str] = []
    with Client(server.ws_url) as ann, Client(server.ws_url) as bob:
        ann.join("Ann")
        bob.join("Bob", room="other")
        assert ann.post("before")["seq"] == MANY + 1

        def talk(step: str, done: int, total: int) -> None:
            steps.append(step)
            for client in (ann, bob):  # the server answers while the copy is half made
                client.post(f"at step {len(steps)}")

        contents = backup(server.database, target, talk)

        assert steps.count("Copying") >= 4
        assert bob.seq == len(steps)
        assert ann.seq == MANY + 1 + len(steps)
    copied = stored(target)
    assert list(copied) == ["general"]
    assert [seq for seq, _ in copied["general"]] == list(range(1, MANY + 2))
    assert copied["general"][-1][1] == "before"
    assert (contents.rooms, contents.messages, contents.size) == (
        1,
        MANY + 1,
        target.stat().st_size,
    )


def test_backups_amid_a_crowd_have_a_prefix_of_each_room_and_cost_nobody_a_message(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    history(server.database, room="old")
    server.start()
    stop = threading.Event()
    acknowledged: dict[str, list[str]] = {f"room-{number}": [] for number in range(4)}

    def talk(room: str) -> None:
        with Client(server.ws_url) as client:
            client.join(room, room=room)
            while not stop.is_set():
                text = f"{room} says {client.seq + 1}"
                assert client.post(text)["seq"] == len(acknowledged[room]) + 1
                acknowledged[room].append(text)

    threads = [threading.Thread(target=talk, args=(room,)) for room in acknowledged]
    for thread in threads:
        thread.start()
    copies = [tmp_path / f"copy-{number}.db" for number in range(3)]
    known: list[dict[str, int]] = []
    try:
        wait_until(lambda: all(acknowledged.values()), lambda: "nobody talks", within_s=WAIT_S)
        for copy in copies:
            known.append({room: len(texts) for room, texts in acknowledged.items()})
            done = server.run("backup", copy)
            assert done.returncode == 0, done.stderr
            assert "Traceback" not in done.stderr
            assert all(len(acknowledged[room]) > number for room, number in known[-1].items())
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    server.stop()
    for copy, before in zip(copies, known, strict=True):
        copied = stored(copy)
        assert len(copied.pop("old")) == MANY
        for room, least in before.items():
            texts = [text for _, text in copied.get(room, [])]
            assert least <= len(texts)
            assert texts == acknowledged[room][: len(texts)]
            assert [seq for seq, _ in copied.get(room, [])] == list(range(1, len(texts) + 1))
        assert epoch(copy) == epoch(server.database)
    final = stored(server.database)
    for room, texts in acknowledged.items():
        assert [text for _, text in final[room]] == texts
    assert "ERROR" not in server.log()


# --- while none runs ------------------------------------------------------------------


def test_copy_of_a_killed_servers_log_has_what_is_in_the_wal_and_the_log_stays_as_it_is(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server = make_server()
    server.start()
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("one")
        ann.post("two")
        server.kill()
    folder = server.database.parent
    left = state(folder)
    assert left["tchat.db-wal"]

    assert server.run("backup", tmp_path / "copy.db").returncode == 0

    assert state(folder) == left
    assert stored(tmp_path / "copy.db") == {"general": [(1, "one"), (2, "two")]}


def test_copy_of_a_stopped_servers_log_leaves_nothing_beside_it(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server = make_server()
    history(server.database, 100)
    server.start()
    server.stop()
    folder = server.database.parent
    left = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}

    done = server.run("backup", tmp_path / "copy.db")

    assert (done.returncode, done.stderr) == (0, "Copying\nChecking\n")
    assert done.stdout.startswith(f"{tmp_path / 'copy.db'} has 100 messages in 1 room, ")
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == left
    assert stored(tmp_path / "copy.db") == stored(server.database)


def test_server_that_starts_and_stops_meanwhile_makes_the_copy_begin_again(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server = make_server()
    history(server.database)
    began: list[int] = []

    def meddle(step: str, done: int, total: int) -> None:
        if not began:
            server.start()
            with Client(server.ws_url) as ann:
                ann.join("Ann")
                ann.post("meanwhile")
            server.stop()
        if not began or done <= began[-1]:
            began.append(done)

    backup(server.database, tmp_path / "copy.db", meddle)

    assert len(began) >= 2
    assert stored(tmp_path / "copy.db")["general"][-1] == (MANY + 1, "meanwhile")
    assert stored(tmp_path / "copy.db") == stored(server.database)


def test_copy_is_one_file_for_its_user_alone_that_opens_where_nothing_can_be_written(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server = make_server()
    history(server.database, 10)
    server.start()
    (tmp_path / "medium").mkdir()
    copy = tmp_path / "medium" / "copy.db"

    assert server.run("backup", copy).returncode == 0

    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro", uri=True)) as reading:
        assert reading.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert reading.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert list(copy.parent.iterdir()) == [copy]


def test_database_that_is_a_link_is_followed_to_its_wal(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server = make_server()
    (tmp_path / "disk").mkdir()
    server.database.symlink_to(tmp_path / "disk" / "real.db")
    server.start()
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("one")
        server.kill()
    assert (tmp_path / "disk" / "real.db-wal").stat().st_size

    assert server.run("backup", tmp_path / "copy.db").returncode == 0

    assert stored(tmp_path / "copy.db") == {"general": [(1, "one")]}


# --- what is refused ------------------------------------------------------------------


def test_target_that_exists_stays_unless_forced(make_server: MakeServer, tmp_path: Path) -> None:
    server = make_server()
    history(server.database, 10)
    target = tmp_path / "copy.db"
    target.write_text("my thesis")

    assert "exists" in refusal(server.run("backup", target))
    assert target.read_text() == "my thesis"

    assert server.run("backup", "--force", target).returncode == 0
    assert stored(target) == stored(server.database)


def as_link(folder: Path) -> Path:
    (folder / "link.db").symlink_to(folder / "tchat.db")
    return folder / "link.db"


def as_second_name(folder: Path) -> Path:
    (folder / "second.db").hardlink_to(folder / "tchat.db")
    return folder / "second.db"


def beside_a_wal(folder: Path) -> Path:
    (folder / "copy.db-wal").write_bytes(b"of another database")
    return folder / "copy.db"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (lambda folder: folder / "tchat.db", "the database itself"),
        (lambda folder: folder / "tchat.db-wal", "the database itself"),
        pytest.param(
            lambda folder: folder / "tchat.db.lock", "the database itself", marks=pytest.mark.long
        ),
        pytest.param(as_link, "the database itself", marks=pytest.mark.long),
        (as_second_name, "the database itself"),
        (beside_a_wal, "copy.db-wal"),
        pytest.param(lambda folder: folder, "is not a file", marks=pytest.mark.long),
        (lambda folder: folder / "unmounted" / "copy.db", "no folder"),
        (lambda folder: Path("/dev/null"), "is not a file"),
    ],
    ids=["database", "wal", "lock", "link", "hard link", "a wal", "folder", "no folder", "device"],
)
def test_target_that_would_harm_something_is_refused(
    make_server: MakeServer, target: Callable[[Path], Path], reason: str
) -> None:
    server = make_server()
    history(server.database, 10)
    folder = server.database.parent
    named = target(folder)
    before = state(folder)

    assert reason in refusal(server.run("backup", "--force", named))
    assert state(folder) == before


def test_database_is_never_taken_for_the_leftover_of_a_backup(
    make_server: MakeServer, tmp_path: Path
) -> None:
    database = tmp_path / "copy.db.part"
    server = make_server(settings={"CHAT_DATABASE": str(database)})
    history(database, 10)

    assert "the database itself" in refusal(server.run("backup", tmp_path / "copy.db"))
    assert len(stored(database)["general"]) == 10


def newer(path: Path) -> None:
    history(path, 10)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 999")


def another_programs(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE messages (room, seq, text)")


def damaged(path: Path) -> None:
    """Overwrite a page in the middle."""
    history(path, 1000)
    with path.open("rb+") as file:
        file.seek(path.stat().st_size // 2 // 4096 * 4096)
        file.write(random.Random(1).randbytes(4096))


def cut(path: Path) -> None:
    history(path, 1000)
    os.truncate(path, path.stat().st_size // 2)


def garbage(path: Path) -> None:
    path.write_bytes(b"Dear diary, " * 500)


def empty_beside_a_wal(path: Path) -> None:
    """Make what SQLite would answer by deleting the WAL."""
    path.touch()
    path.with_name(f"{path.name}-wal").write_bytes(b"all that is left")


UNFIT = pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "there is no file"),
        (newer, "newer"),
        (another_programs, "not a database of Tchat"),
        pytest.param(garbage, "not a database of Tchat", marks=pytest.mark.long),
        pytest.param(Path.touch, "not a database of Tchat", marks=pytest.mark.long),
        pytest.param(Path.mkdir, " file", marks=pytest.mark.long),
        (damaged, "damaged"),
        pytest.param(cut, "malformed", marks=pytest.mark.long),
    ],
    ids=["missing", "newer", "foreign", "garbage", "empty", "folder", "damaged", "cut"],
)


@UNFIT
def test_what_is_no_sound_log_is_refused_in_one_line_and_left_as_it_is(
    make_server: MakeServer, tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    server = make_server()
    make(server.database)
    before = state(server.database.parent)
    target = tmp_path / "copy.db"
    target.write_text("an older copy")

    line = refusal(server.run("backup", "--force", target))

    assert reason in line
    assert str(server.database) in line
    assert state(server.database.parent) == before
    assert target.read_text() == "an older copy"
    assert not list(tmp_path.glob("copy.db?*"))


def test_wal_beside_an_empty_file_is_left(make_server: MakeServer, tmp_path: Path) -> None:
    server = make_server()
    empty_beside_a_wal(server.database)
    before = state(server.database.parent)

    refusal(server.run("backup", tmp_path / "copy.db"))

    assert state(server.database.parent) == before


@ON_LINUX
def test_disk_without_space_is_refused_before_it_is_full(
    make_server: MakeServer, tmp_path: Path
) -> None:
    if not may_mount(tmp_path):
        pytest.skip("this system lets nobody mount a disk of its own")
    server = make_server()
    history(server.database)
    disk = tmp_path / "disk"
    disk.mkdir()
    command = [sys.executable, "-m", "chat", "backup", str(disk / "copy.db")]
    done = subprocess.run(
        [*SMALL_DISK, MOUNT, str(disk), *command, "--database", str(server.database)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "bytes free" in refusal(done)


@ON_LINUX
def test_write_that_fails_midway_leaves_no_target(make_server: MakeServer, tmp_path: Path) -> None:
    server = make_server()
    history(server.database)
    target = tmp_path / "copy.db"
    limited = ["sh", "-c", 'ulimit -f 1000 && exec "$@"', "sh"]  # half a megabyte or a whole one
    done = subprocess.run(
        [*limited, sys.executable, "-m", "chat", "backup", str(target)],
        cwd=ROOT,
        env={**os.environ, "CHAT_DATABASE": str(server.database)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "was not copied" in refusal(done)
    assert not list(tmp_path.glob("copy.db*"))


# --- interruptions --------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.long)],
    ids=["kill -9", "Ctrl-C"],
)
def test_backup_that_is_interrupted_leaves_no_half_target_and_the_next_one_succeeds(
    tmp_path: Path, number: signal.Signals
) -> None:
    database = tmp_path / "log" / "tchat.db"
    history(database)
    target = tmp_path / "copy.db"
    command = ("backup", "--force", target, "--database", database)
    with Interrupter(tmp_path) as interrupter:
        for at in range(1, 100):
            target.write_text("an older copy")
            done = interrupter.run(number, at, *command)
            if done.returncode == 0:
                break
            assert target.read_bytes() == b"an older copy" or stored(target) == stored(database)
            if number == signal.SIGINT:
                assert refusal(done) == "Tchat: interrupted"
                assert not list(tmp_path.glob("copy.db?*"))
            assert {path.name for path in tmp_path.iterdir()} <= {"log", "copy.db", "copy.db.part"}
            assert [path.name for path in database.parent.iterdir()] == ["tchat.db"]
    assert at > 10
    assert stored(target) == stored(database)
    assert {path.name for path in tmp_path.iterdir()} == {"log", "copy.db"}


def test_kill_in_the_midst_of_copying_leaves_the_older_copy(tmp_path: Path) -> None:
    database = tmp_path / "tchat.db"
    history(database)
    target = tmp_path / "copy.db"
    target.write_text("an older copy")
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from chat.log.copies import backup\n"
        "def die(step, done, total):\n"
        "    if done > total // 2: os.kill(os.getpid(), 9)\n"
        "backup(Path(sys.argv[1]), Path(sys.argv[2]), die, force=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, database, target], cwd=ROOT, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert target.read_text() == "an older copy"
    assert (tmp_path / "copy.db.part").stat().st_size
    assert (tmp_path / "copy.db.part").stat().st_mode & 0o077 == 0

    backup(database, target, quiet, force=True)

    assert stored(target) == stored(database)
    assert not (tmp_path / "copy.db.part").exists()


def test_second_backup_to_one_file_is_refused_while_the_first_one_runs(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server = make_server()
    history(server.database)
    target = tmp_path / "copy.db"
    refusals: list[str] = []

    def meddle(step: str, done: int, total: int) -> None:
        if not refusals or step == "Checking":
            refusals.append(refusal(server.run("backup", "--force", target)))

    backup(server.database, target, meddle)

    assert len(refusals) == 3
    assert all("another backup" in line for line in refusals)
    assert stored(target) == stored(server.database)
    assert not (tmp_path / "copy.db.part").exists()


def test_copy_of_a_copy_joins_it_with_its_wal(make_server: MakeServer, tmp_path: Path) -> None:
    server = make_server()
    server.start()
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("one")
        server.kill()
    for ending in ("", "-wal"):
        shutil.copy(f"{server.database}{ending}", tmp_path / f"taken.db{ending}")

    done = server.run("backup", tmp_path / "whole.db", "--database", tmp_path / "taken.db")

    assert done.returncode == 0, done.stderr
    assert stored(tmp_path / "whole.db") == {"general": [(1, "one")]}
