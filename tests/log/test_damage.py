"""A database file that is cut short or garbage is refused and not changed, so it can be rescued."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from chat.log import LogError
from chat.log.damage import refuse_damage
from tests.serving.test_start import refusal
from tests.support.client import Client
from tests.support.servers import ChatServer

MakeServer = Callable[..., ChatServer]
Files = dict[str, bytes]


def files(folder: Path) -> Files:
    """Give the database's files, byte by byte, without those that hold nothing of it."""
    paths = [path for path in folder.glob("tchat.db*") if not path.is_socket()]
    found = {path.name: path.read_bytes() for path in paths}
    return {
        name: content for name, content in found.items() if not name.endswith(("-shm", ".lock"))
    }


def talk(folder: Path, end: Callable[[ChatServer], object]) -> Files:
    """Let a server store a conversation, end the server, and give the files that it left."""
    folder.mkdir()
    server = ChatServer(folder, settings={"CHAT_LIMITS": "off"})
    try:
        server.start()
        with Client(server.ws_url) as ann:
            ann.join("Ann")
            for number in range(100):
                ann.post(f"{number} {'x' * 1000}")
        end(server)
    finally:
        server.end()
    return files(folder)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Give the one file that a stopped server leaves."""
    (content,) = talk(tmp_path_factory.mktemp("log") / "stopped", ChatServer.stop).values()
    return content


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Give the files that a killed server leaves; the end of the log is in the -wal."""
    left = talk(tmp_path_factory.mktemp("log") / "killed", ChatServer.kill)
    assert sorted(left) == ["tchat.db", "tchat.db-wal"]
    return left


def test_sound_files_are_opened_without_any_of_it_lost(
    make_server: MakeServer, stopped: bytes, killed: Files
) -> None:
    for left in ({"tchat.db": stopped}, killed, {"tchat.db": b"", "tchat.db-wal": b""}):
        server = make_server()
        for name, content in left.items():
            server.database.with_name(name).write_bytes(content)
        server.start()
        with Client(server.ws_url) as bob:
            bob.join("Bob")
            assert bob.seq == (100 if left["tchat.db"] else 0)


def noise(size: int) -> bytes:
    return random.Random(1).randbytes(size)


PAGE = 512  # bytes; chat/log/schema.py


def page(number: int) -> slice:
    return slice((number - 1) * PAGE, number * PAGE)


def overwritten(content: bytes, where: slice) -> bytes:
    """Write random bytes into a part of a file."""
    return content[: where.start] + noise(where.stop - where.start) + content[where.stop :]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: content[:-1], id="the last byte is missing"),
        pytest.param(
            lambda content: content[:-PAGE], id="the last page is missing", marks=pytest.mark.long
        ),
        pytest.param(lambda content: content[: len(content) // 2], id="half is missing"),
        pytest.param(
            lambda content: content[:PAGE], id="only the first page is left", marks=pytest.mark.long
        ),
        pytest.param(
            lambda content: content[:100], id="only the header is left", marks=pytest.mark.long
        ),
        pytest.param(
            lambda content: content[:16], id="only the first bytes are left", marks=pytest.mark.long
        ),
        pytest.param(lambda content: noise(len(content)), id="garbage"),
        pytest.param(
            lambda content: content[:16] + noise(8000), id="garbage with a good beginning"
        ),
        pytest.param(
            lambda content: overwritten(content, page(2)), id="garbage as the second page"
        ),
        pytest.param(lambda content: overwritten(content, page(20)), id="garbage among messages"),
        pytest.param(
            lambda content: bytes(len(content)), id="nothing but zeros", marks=pytest.mark.long
        ),
    ],
)
def test_damaged_database_is_refused_in_one_line_and_left_as_it_is(
    make_server: MakeServer, stopped: bytes, damage: Callable[[bytes], bytes]
) -> None:
    server = make_server()
    damaged = damage(stopped)
    server.database.write_bytes(damaged)
    assert str(server.database) in refusal(server)
    assert files(server.database.parent) == {"tchat.db": damaged}
    left = {path.name for path in server.database.parent.iterdir()}
    assert left == {"tchat.db", "tchat.db.lock", "server.log"}


def test_file_too_large_to_be_searched_must_have_its_size(tmp_path: Path, stopped: bytes) -> None:
    path = tmp_path / "tchat.db"
    path.write_bytes(overwritten(stopped, page(20)))
    refuse_damage(path, searched_bytes=10_000)
    path.write_bytes(stopped[:-PAGE])
    with pytest.raises(sqlite3.DatabaseError, match="malformed"):
        refuse_damage(path, searched_bytes=10_000)
    path.write_bytes(stopped[:-1])
    with pytest.raises(LogError, match="no whole pages"):
        refuse_damage(path, searched_bytes=10_000)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: content[:PAGE], id="cut"),
        pytest.param(lambda content: b"", id="empty", marks=pytest.mark.long),
        pytest.param(lambda content: noise(len(content)), id="garbage", marks=pytest.mark.long),
        # Of a page that the WAL does not have: the log's epoch is on it.
        pytest.param(lambda content: overwritten(content, page(3)), id="garbage inside"),
    ],
)
def test_database_damaged_after_a_crash_is_left_with_its_wal(
    make_server: MakeServer, killed: Files, damage: Callable[[bytes], bytes]
) -> None:
    server = make_server()
    damaged = {**killed, "tchat.db": damage(killed["tchat.db"])}
    for name, content in damaged.items():
        server.database.with_name(name).write_bytes(content)
    assert str(server.database) in refusal(server)
    assert files(server.database.parent) == damaged


def test_database_behind_a_link_is_sound_after_a_kill_during_a_checkpoint(
    make_server: MakeServer, tmp_path: Path, killed: Files
) -> None:
    """What the checkpoint had only half written into the file, the WAL still has."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    wal = killed["tchat.db-wal"]  # https://www.sqlite.org/fileformat2.html#the_write_ahead_log
    frames = range(32, len(wal), 24 + PAGE)
    covered = {int.from_bytes(wal[frame : frame + 4], "big") for frame in frames}
    half_written = overwritten(killed["tchat.db"], page(min(covered - {1})))
    for name, content in {**killed, "tchat.db": half_written}.items():
        (folder / name).write_bytes(content)
    server = make_server()
    server.database.symlink_to(folder / "tchat.db")
    server.start()
    with Client(server.ws_url) as bob:
        bob.join("Bob")
        assert bob.seq == 100
    server.kill()
    server.start()
    assert "damaged" not in server.log()
