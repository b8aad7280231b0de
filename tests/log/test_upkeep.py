"""What nobody waits for: pruning, the size of the file and of its WAL, the search for damage."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.log.test_replaced import health
from tests.support.client import Client, Refused, new_id
from tests.support.logs import Past, fill
from tests.support.servers import ChatServer
from tests.support.waiting import wait_until

MakeServer = Callable[..., ChatServer]

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def count(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT count(*) FROM entries").fetchone()[0])


@pytest.mark.long
def test_lowered_retention_keeps_nobody_waiting_and_gives_the_disk_back(
    make_server: MakeServer,
) -> None:
    server = make_server(settings={"CHAT_RETENTION_MESSAGES": "1000", "CHAT_LIMITS": "off"})
    fill(server.database, "big", (Past("Ann", "x" * 200, 10**12) for _ in range(40_000)))
    fill(server.database, "small", (Past("Ann", "y", 10**12) for _ in range(500)))
    large = server.database.stat().st_size
    server.start()
    with Client(server.ws_url) as ann:
        ann.join("Ann", room="big")
        ann.post("posted while the old ones go")
        assert count(server.database) > 20_000  # so it did not wait for them
        # The rest goes although nobody posts, in the order of age.
        wait_until(lambda: count(server.database) <= 1500)
        wait_until(lambda: server.database.stat().st_size < large // 5)
        assert ann.post("still here")["seq"] == 40_002
    with Client(server.ws_url) as bob:
        bob.join("Bob", room="big")
        first = bob.messages[0]["seq"]
        bob.send(type="history", before=first, limit=100)
        older = bob.expect("history")["messages"]
        assert [message["seq"] for message in older] == list(range(first - 100, first))
    with Client(server.ws_url) as eve:
        eve.epoch = bob.epoch
        eve.join("Eve", room="small", after={"epoch": bob.epoch, "seq": 0})
        assert len(eve.messages) == 500
    server.stop()
    with closing(sqlite3.connect(server.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        numbers = [row[0] for row in connection.execute("SELECT seq FROM entries WHERE room = 1")]
    # The next look at the room is due when it has grown by another step.
    assert sorted(numbers) == list(range(39_002, 40_003))


def test_age_deletes_the_newest_too_and_no_number_is_given_twice(make_server: MakeServer) -> None:
    server = make_server(settings={"CHAT_RETENTION_DAYS": "30"})
    now_ms = int(time.time() * 1000)
    fill(server.database, "old", (Past("Ann", "old", now_ms - 40 * DAY_MS) for _ in range(700)))
    fill(
        server.database,
        "mixed",
        # The clock was set back in between: what is kept has no hole all the same.
        [
            Past("Ann", "too old", now_ms - 31 * DAY_MS),
            Past("Ann", "young enough", now_ms - 29 * DAY_MS),
            Past("Ann", "from a clock that was wrong", now_ms - 50 * DAY_MS),
        ],
    )
    server.start()
    wait_until(lambda: count(server.database) == 2)  # nobody posts
    with Client(server.ws_url) as ann, Client(server.ws_url) as bob:
        welcome = ann.join("Ann", room="old")
        assert (welcome["messages"], welcome["seq"]) == ([], 700)
        ann.ws.close()
        assert ann.resume()["resumed"] is True  # the place of the last one is still proved
        assert ann.post("new")["seq"] == 701
        server.kill()
        server.start()
        assert ann.resume()["resumed"] is True
        assert ann.post("newer")["seq"] == 702
        bob.connect()
        bob.join("Bob", room="mixed")
        assert bob.texts() == ["young enough", "from a clock that was wrong"]
        bob.connect()
        bob.send(**bob.join_command("Bob", after={"epoch": bob.epoch, "seq": 0}))
        assert bob.expect("welcome")["gap"] == "skipped"


def kept(database: Path) -> dict[str, tuple[int, int]]:
    """Give the first and the last seq that each room still has."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT name, min(seq), max(seq) FROM entries JOIN rooms ON rooms.id = room GROUP BY 1"
        )
        return {name: (first, last) for name, first, last in rows}


def test_flood_pushes_out_nothing_that_is_younger_than_a_day(make_server: MakeServer) -> None:
    server = make_server(settings={"CHAT_RETENTION_MESSAGES": "1000", "CHAT_LIMITS": "off"})
    hour_ago, long_ago = int(time.time() * 1000) - HOUR_MS, 10**12
    fill(server.database, "young", (Past("Ann", "young", hour_ago) for _ in range(900)))
    mixed = [Past("Ann", "mixed", long_ago if n < 300 else hour_ago) for n in range(1200)]
    fill(server.database, "mixed", mixed)
    fill(server.database, "old", (Past("Ann", "old", long_ago) for _ in range(1200)))
    server.start()
    with Client(server.ws_url) as eve:
        for room in ("young", "mixed", "old"):
            eve.connect()
            eve.join("Eve", room=room)
            for number in range(1400):
                eve.send(type="post", id=f"flood-{number}", text="flood")
            eve.acknowledged("flood-1399")
        # The rooms are looked at in turn, so that the first was looked at too.
        wait_until(lambda: kept(server.database)["mixed"][0] == 301)
        wait_until(lambda: kept(server.database)["old"][0] == 1201)
        assert kept(server.database) == {
            "young": (1, 2300),
            "mixed": (301, 2600),
            "old": (1201, 2600),
        }
        eve.connect()
        eve.join("Eve", room="young")
        eve.send(type="history", before=3, limit=5)
        assert [m["text"] for m in eve.expect("history")["messages"]] == ["young", "young"]


def test_room_that_nobody_used_for_a_year_is_emptied_and_gives_no_number_twice(
    make_server: MakeServer,
) -> None:
    server = make_server()
    today = int(time.time() * 1000) // DAY_MS
    # Messages of a year ago, or of long ago and a clock that was wrong.
    for room, at_ms in (("unused", 10**12), ("visited", 10**12), ("lately", today * DAY_MS)):
        fill(server.database, room, (Past("Ann", room, at_ms) for _ in range(250)))

    def noted(table: str) -> int:
        with closing(sqlite3.connect(server.database)) as connection:
            found = connection.execute(
                "SELECT count(*) FROM sqlite_schema WHERE name = ?", (table,)
            ).fetchone()[0]
            query = f"SELECT count(*) FROM {table}"
            return int(connection.execute(query).fetchone()[0]) if found else 0

    # A server that was stopped for long, or whose clock jumps, takes nothing away.
    server.start()
    with Client(server.ws_url) as ann:
        ann.join("Ann", room="visited")
        ann.connect()
        ann.join("Ann", room="nothing-was-said-here")
        wait_until(lambda: noted("used") == 1)
        assert noted("days") == 1
    assert set(kept(server.database)) == {"unused", "visited", "lately"}
    server.stop()
    with closing(sqlite3.connect(server.database)) as connection, connection:
        connection.executemany("INSERT INTO days VALUES (?)", [(today - n,) for n in range(1, 400)])
    server.start()
    wait_until(lambda: "unused" not in kept(server.database))
    assert set(kept(server.database)) == {"visited", "lately"}
    assert noted("used") == 1
    with Client(server.ws_url) as bob:
        welcome = bob.join("Bob", room="unused")
        assert (welcome["messages"], welcome["seq"]) == ([], 250)
        assert bob.post("new")["seq"] == 251


def test_text_that_was_pruned_is_overwritten_in_the_file_and_in_its_wal(
    make_server: MakeServer,
) -> None:
    server = make_server(
        settings={
            "CHAT_RETENTION_MESSAGES": "1000",
            "CHAT_RETENTION_MIN_HOURS": "0",
            "CHAT_LIMITS": "off",
        }
    )
    server.start()

    def still_there() -> list[str]:
        return [
            path.name
            for path in server.database.parent.glob("tchat.db*")
            if not path.is_socket() and b"a secret" in path.read_bytes()
        ]

    with Client(server.ws_url) as ann:
        ann.join("Ann")
        for number in range(300):  # some in one page with others, some in pages of their own
            text = f"a secret {'x' * (7 * number)}" + f" a secret {number}"
            ann.send(type="post", id=f"secret-{number}", text=text[:2000])
        ann.acknowledged("secret-299")
        assert still_there()
        for number in range(1300):
            ann.send(type="post", id=f"later-{number}", text=f"later {number}")
        ann.acknowledged("later-1299")
        wait_until(lambda: kept(server.database)["general"][0] == 601)
        wait_until(lambda: not still_there())  # while people are there and the server runs
        assert ann.post("and on")["seq"] == 1601


def test_wal_that_a_slow_reader_has_made_large_is_emptied_after_it(
    make_server: MakeServer,
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    server.start()
    wal = server.database.with_name("tchat.db-wal")
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        with closing(sqlite3.connect(server.database, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM entries").fetchone()
            for _ in range(150):
                for _ in range(40):
                    last = new_id()
                    ann.send(type="post", id=last, text="\N{GRINNING FACE}" * 1000)
                ann.acknowledged(last)
            large = wal.stat().st_size
            assert large > 20 << 20
        wait_until(lambda: wal.stat().st_size < large // 10)
        assert ann.post("and on")["seq"] == 6001


def big_log(database: Path) -> None:
    """Make a file that is too large to be searched before it is used."""
    fill(database, "general", (Past("Ann", "z" * 1900, 10**12) for _ in range(18_000)))
    assert database.stat().st_size > 32 << 20


def test_damage_in_a_large_file_is_found_while_it_serves_and_stops_the_posts(
    make_server: MakeServer,
) -> None:
    server = make_server()
    big_log(server.database)
    with server.database.open("rb+") as file:
        file.seek(20 << 20)
        file.write(random.Random(3).randbytes(64 << 10))
    server.launch()
    server.logged("is damaged")
    wait_until(lambda: "damaged" in health(server))
    with Client(server.ws_url) as ann:
        ann.join("Ann")  # what can still be read is given
        with pytest.raises(Refused) as refused:
            ann.post("not into this")
        assert refused.value.error["code"] == "storage_unavailable"
    assert server.log().count("restore it from a copy") == 1


@pytest.mark.alone
def test_large_file_that_is_sound_is_served_while_it_is_searched(make_server: MakeServer) -> None:
    server = make_server()
    big_log(server.database)
    server.start()
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        assert ann.post("at once")["seq"] == 18_001
    assert server.stop() < 2
    assert "damage" not in server.log()
