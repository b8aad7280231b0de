"""A log that may not grow: posts are refused aloud, nothing else is, and it goes on by itself."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.log.test_replaced import health, wait_until_well
from tests.log.test_storage import MOUNT, ON_LINUX, SMALL_DISK, may_mount
from tests.support.client import Client, Event, new_id
from tests.support.logs import Past, fill
from tests.support.peers import WAIT_S
from tests.support.servers import GUNICORN, ChatServer
from tests.support.waiting import wait_until

MakeServer = Callable[..., ChatServer]

LIMIT = 16 << 20
ONE_COMMIT = 1000 * 9000  # bytes: 1,000 posts of at most 8 KB each
TEXT = "x" * 1900


def size(database: Path) -> int:
    """Give what the database takes of the disk."""
    return sum(path.stat().st_size for path in (database, database.with_name("tchat.db-wal")))


def post_until_refused(client: Client) -> tuple[set[str], Event]:
    """Post, some at a time; give the texts that were acknowledged, and the first refusal."""
    acknowledged: set[str] = set()
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        waiting = {new_id() for _ in range(20)}
        for post_id in waiting:
            client.send(type="post", id=post_id, text=post_id + TEXT)
        refusals = []
        while waiting:
            event = client.receive()
            if event["type"] == "message":
                acknowledged.add(event["text"])
            elif event["type"] == "error":
                refusals.append(event)
            waiting.discard(event.get("id", ""))
        if refusals:
            return acknowledged, refusals[0]
    raise AssertionError(f"{len(acknowledged)} posts were stored, and none refused")


def stored(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        return {row[0] for row in connection.execute("SELECT text FROM entries")}


def test_log_that_is_as_large_as_it_may_be_refuses_posts_until_there_is_space(
    make_server: MakeServer,
) -> None:
    settings = {"CHAT_DATABASE_BYTES": str(LIMIT), "CHAT_LIMITS": "off"}
    server = make_server(settings=settings)
    fill(server.database, "past", (Past("Ann", TEXT, 10**12) for _ in range(6000)))
    server.start()
    with Client(server.ws_url) as ann, Client(server.ws_url) as eve:
        ann.join("Ann")
        first = ann.post("first", "p-first")
        texts, refusal = post_until_refused(ann)
        assert (refusal["code"], refusal["command"]) == ("storage_unavailable", "post")
        assert "CHAT_DATABASE_BYTES" in refusal["detail"]
        assert refusal["retry_after"] > 0
        for number in range(50):
            assert ann.refusal(type="post", id=f"p-{number}", text="and more")["id"]
        assert ann.post("again", "p-first") == first  # it needs no space
        eve.join("Eve", room="past")  # reading and joining go on
        assert eve.messages[-1]["seq"] == 6000
        assert "CHAT_DATABASE_BYTES" in health(server)
        assert size(server.database) <= LIMIT + ONE_COMMIT
    assert server.logged("CHAT_DATABASE_BYTES").count("CHAT_DATABASE_BYTES") == 1
    server.stop()
    assert texts <= stored(server.database)

    server = make_server(
        settings={
            **settings,
            "CHAT_DATABASE": str(server.database),
            "CHAT_DATABASE_BYTES": str(2 * LIMIT),
        }
    )
    server.start()
    with Client(server.ws_url) as ann:
        ann.join()
        assert ann.post("goes on", "p-0")["seq"] == len(texts) + 2
        for number in range(1500):
            ann.send(type="post", id=f"more-{number}", text=TEXT)
        ann.acknowledged("more-1499")
    server.stop()

    # That is too much for the limit of before, until what is too old has gone.
    server = make_server(
        settings={
            **settings,
            "CHAT_DATABASE": server.settings["CHAT_DATABASE"],
            "CHAT_RETENTION_DAYS": "30",
        }
    )
    server.launch()
    wait_until(lambda: health(server) == "ok", server.log)  # deletes take their time on a slow disk
    with Client(server.ws_url) as ann:
        ann.join()
        assert ann.post("and on")["seq"] == len(texts) + 1503
    assert server.logged("there is space again").count("CHAT_DATABASE_BYTES") == 1
    assert texts <= stored(Path(server.settings["CHAT_DATABASE"]))


@ON_LINUX
def test_disk_that_is_nearly_full_takes_no_posts_until_there_is_space(
    make_server: MakeServer, tmp_path: Path
) -> None:
    if not may_mount(tmp_path):
        pytest.skip("this system lets nobody mount a disk of its own")
    server = make_server((*SMALL_DISK, MOUNT, str(tmp_path / "server-0"), *GUNICORN))
    server.start()
    assert server.process is not None
    disk = Path(f"/proc/{server.process.pid}/root{server.database.parent}")
    with Client(server.ws_url) as ann, Client(server.ws_url) as bob:
        ann.join("Ann")
        ann.post("before")
        ballast = disk / "ballast"
        left = shutil.disk_usage(disk).free - 90_000  # the disk has a megabyte
        ballast.write_bytes(bytes(left))
        # Also when nobody posts.
        wait_until(lambda: "nearly full" in health(server), within_s=WAIT_S)
        refusal = ann.refusal(type="post", id="p-1", text="while it is full")
        assert refusal["code"] == "storage_unavailable"
        assert "disk" in refusal["detail"]
        bob.join("Bob")
        assert bob.texts() == ["before"]
        ballast.unlink()
        assert ann.post("after", "p-1")["seq"] == 2
        wait_until_well(server)
    assert server.logged("there is space again").count("nearly full") == 1
