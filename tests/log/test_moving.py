"""`python -m chat migrate`: a log moves whole, or the target is none that a server would serve."""

from __future__ import annotations

import itertools
import random
import signal
import sqlite3
import subprocess
import sys
import urllib.error
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import pytest

from chat.config import Settings, read_settings
from chat.log import LogError
from chat.log.moving import move
from chat.log.schema import create_later_tables
from chat.redis.partitions import PARTITIONS, key
from tests.support import redis_logs
from tests.support.client import Client
from tests.support.interrupted import Interrupter
from tests.support.logs import Past, fill, fill_old
from tests.support.redis import RedisCluster, RedisServer
from tests.support.servers import ROOT, ChatServer, free_port

MakeServer = Callable[..., ChatServer]
MakeRedis = Callable[..., RedisServer]


def quiet(step: str, done: int, total: int) -> None:
    """Take no notice of the progress."""


def migrate(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "chat", "migrate", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def redis(make_redis: MakeRedis) -> RedisServer:
    """Give a running Redis, which keeps nothing on its disk."""
    return make_redis()


def at(place: object) -> Settings:
    """Give the settings of a server that has its log in a file, or on a Redis."""
    is_file = "://" not in str(place)
    return read_settings({"CHAT_DATABASE" if is_file else "REDIS_URL": str(place)})


def refusal(source: object, target: object) -> str:
    """Give the line that refuses a move."""
    with pytest.raises(LogError) as refused:
        move(at(source), at(target), quiet)
    return str(refused.value)


def later_tables(path: Path, days: Iterable[int], used: Iterable[tuple[int, int]]) -> None:
    """Note days on which a server ran, and the last day on which rooms were read."""
    with closing(sqlite3.connect(path)) as database, database:
        create_later_tables(database)
        database.executemany("INSERT INTO days VALUES (?)", [(day,) for day in days])
        database.executemany("INSERT INTO used VALUES (?, ?)", used)


def all_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Read all that a file has, but for how it numbers its rows."""
    queries = {
        "log": "SELECT epoch FROM log",
        "rooms": "SELECT name, floor, floor_at FROM rooms",
        "entries": "SELECT name, seq, at, kind, entries.id, member, nick, text, reply, target, "
        "edited, removed FROM entries JOIN rooms ON rooms.id = room",
        "days": "SELECT day FROM days",
        "used": "SELECT name, day FROM used JOIN rooms ON rooms.id = room",
    }
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {name: sorted(database.execute(query)) for name, query in queries.items()}


def history(path: Path, rooms: int = 40) -> dict[str, list[tuple[object, ...]]]:
    """Make a log of all kinds of rooms; give all of it."""
    for number in range(rooms):
        room = f"room-{number}" if number % 3 else f"salle été {number} 東京"
        past = [
            Past("Zoé", f'{n} é "\\ \N{GRINNING FACE}\u2028\t{"x" * (n % 900)}', 10**12 + 7 * n)
            for n in range(random.Random(number).choice([1, 30, 450]))
        ]
        fill(path, room, past)
    later_tables(path, days=range(20_000, 20_400, 3), used=[(2, 20_399), (5, 20_100)])
    with closing(sqlite3.connect(path)) as database, database:
        # Of one room the oldest are gone, of another all, and of a third an older program has not
        # noted when the last one was said that is gone.
        database.execute("DELETE FROM entries WHERE room = 4 AND seq <= 7")
        database.execute("UPDATE rooms SET floor = 7, floor_at = ? WHERE id = 4", (10**12 + 42,))
        newest = database.execute("SELECT max(seq), at FROM entries WHERE room = 5").fetchone()
        database.execute("DELETE FROM entries WHERE room = 5")
        database.execute("UPDATE rooms SET floor = ?, floor_at = ? WHERE id = 5", newest)
        database.execute("UPDATE rooms SET floor = 700 WHERE id = 6")
        database.execute("UPDATE entries SET seq = -seq WHERE room = 6")
        database.execute("UPDATE entries SET seq = 700 - seq WHERE room = 6")
    return all_of(path)


# --- what comes over ------------------------------------------------------------------


def test_people_go_on_where_they_were_on_redis_and_back_in_a_file(
    make_server: MakeServer, redis: RedisServer, tmp_path: Path
) -> None:
    there = f"{redis.url}/0"
    in_file = make_server(redis_url=None)
    # All of them on one port, one after the other: pages come back to the address that they know.
    settings = {"PORT": str(in_file.port)}
    on_redis = make_server(redis_url=there, workers=2, settings=settings)
    back = make_server(redis_url=None, settings=settings)
    on_redis.port = back.port = in_file.port
    in_file.start()
    with Client(in_file.ws_url) as ann:
        ann.join("Ann")
        ann.post("one", "id-1")
        in_file.kill()  # it is in the WAL

        done = migrate(in_file.database, there)

        assert done.returncode == 0, done.stderr
        assert done.stderr.splitlines() == ["Copying", "Comparing"]
        assert done.stdout.splitlines() == [
            f"{there} now has 1 message in 1 room.",
            "Pages that come back go on where they were.",
        ]
        on_redis.start()
        assert ann.resume()["resumed"] is True
        assert ann.post("one", "id-1")["seq"] == 1  # it is known
        assert ann.post("two")["seq"] == 2
        on_redis.stop()

        done = migrate(there, back.database)

        assert done.returncode == 0, done.stderr
        back.start()
        assert ann.resume()["resumed"] is True
        assert ann.post("one", "id-1")["seq"] == 1  # it is known
        assert ann.post("three")["seq"] == 3
    assert back.database.stat().st_mode & 0o077 == 0


@pytest.mark.long
def test_nothing_is_changed_on_the_way_through_redis_and_a_cluster(
    redis: RedisServer, tmp_path: Path
) -> None:
    path, back = tmp_path / "tchat.db", tmp_path / "new" / "back.db"
    before = history(path)
    cluster = RedisCluster(tmp_path / "cluster")
    try:
        cluster.start()
        steps: list[tuple[str, int, int]] = []
        move(at(path), at(redis.url), lambda *step: steps.append(step))
        move(at(redis.url), at(cluster.url), quiet)
        moved = move(at(cluster.url), at(back), quiet)
    finally:
        cluster.end()
    assert all_of(back) == before
    assert all_of(path) == before
    assert moved.resumes
    assert moved.contents[:2] == (40, len(before["entries"]))
    count = len(before["entries"])
    for name in ("Copying", "Comparing"):
        done = [step[1] for step in steps if step[0] == name]
        assert done == sorted(done)
        assert (done[0], done[-1]) == (0, count)
    assert {file.name for file in back.parent.iterdir()} == {"back.db", "back.db.lock"}


def test_log_with_several_epochs_gets_a_new_one_in_a_file(
    redis: RedisServer, tmp_path: Path
) -> None:
    redis_logs.fill(redis.url, "one", [Past("Ann", "x", 10**12)])
    redis_logs.fill(redis.url, "two", [Past("Ann", "x", 10**12)])
    moved = move(at(redis.url), at(tmp_path / "tchat.db"), quiet)
    assert moved.contents[:2] == (2, 2)
    assert not moved.resumes  # which the command says
    ((epoch,),) = all_of(tmp_path / "tchat.db")["log"]
    assert epoch
    assert not str(epoch).startswith("filled-")


def test_log_in_an_empty_file_and_one_by_a_unix_socket_come_over(
    make_redis: MakeRedis, tmp_path: Path
) -> None:
    redis = make_redis(unixsocket="s")
    fill(tmp_path / "empty.db", "general", [])
    there = f"unix://{redis.socket}?db=2"
    assert move(at(tmp_path / "empty.db"), at(there), quiet).contents[:2] == (0, 0)
    assert move(at(there), at(tmp_path / "back.db"), quiet).resumes


# --- what is refused ------------------------------------------------------------------


def test_target_that_has_a_log_is_refused_and_stays_as_it_is(
    redis: RedisServer, tmp_path: Path
) -> None:
    path, other = tmp_path / "tchat.db", tmp_path / "other.db"
    fill(path, "here", [Past("Ann", "here", 10**12)])
    fill(other, "other", [Past("Ann", "other", 10**12)])
    redis_logs.fill(redis.url, "there", [Past("Ann", "there", 10**12)])
    before, content = dump(redis), other.read_bytes()
    assert "has a log already" in refusal(path, redis.url)
    assert "exists: name another file" in refusal(path, other)
    assert "exists: name another file" in refusal(redis.url, other)
    assert dump(redis) == before
    assert other.read_bytes() == content
    other.rename(tmp_path / "away.db")
    tmp_path.joinpath("other.db-wal").write_bytes(b"of another one")
    assert "other.db-wal exists" in refusal(path, other)


def dump(redis: RedisServer) -> dict[bytes, object]:
    """Read all keys that are not leases."""
    with redis.client() as client:
        return {
            name: client.dump(name)
            for name in client.keys("*")
            if not name.endswith((b":upkeep", b":move", b":workers"))
        }


def test_source_that_is_no_log_is_refused(
    make_redis: MakeRedis, redis: RedisServer, tmp_path: Path
) -> None:
    path = tmp_path / "tchat.db"
    there = redis.url
    assert "has no log" in refusal(make_redis().url, path)
    assert "there is no file" in refusal(tmp_path / "none.db", there)
    path.write_text("somebody's text")
    assert "is not a database of Tchat" in refusal(path, there)
    path.unlink()
    fill(path, "general", (Past("Ann", "x" * 99, 10**12) for _ in range(5000)))
    content = bytearray(path.read_bytes())
    content[200_000:240_000] = random.Random(1).randbytes(40_000)
    path.write_bytes(content)
    assert "is damaged" in refusal(path, there)
    assert path.read_bytes() == content
    path.unlink()
    fill(path, "general", [Past("Ann", "x", 10**12)] * 9)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM entries WHERE seq = 5")
    assert "has no entry 5 in the room 'general'" in refusal(path, there)
    path.unlink()
    fill_old(path, [("general", 1, "id", "m", "Ann", "x", 10**12)])
    assert "start the server on it once" in refusal(path, there)


def test_address_is_checked_and_its_password_is_said_nowhere(
    request: pytest.FixtureRequest, redis: RedisServer, tmp_path: Path
) -> None:
    path = tmp_path / "tchat.db"
    fill(path, "general", [Past("Ann", "x", 10**12)])
    place = redis.url.removeprefix("redis://")
    with redis.client() as client:
        client.config_set("requirepass", "secret-1")
    assert "secret" not in refusal(path, f"redis://:secret-2@{place}")
    assert "secret" not in refusal(f"redis://:secret-2@{place}", tmp_path / "new.db")
    assert "secret" not in refusal(path, f"redis://:secret-2@127.0.0.1:{free_port(request.node)}")
    for target, code in ((f"redis://:secret-1@{place}", 0), ("redis://:secret-1@", 1)):
        done = migrate(path, target)
        assert done.returncode == code
        assert "secret" not in done.stdout + done.stderr
        assert len(done.stdout.splitlines() + done.stderr.splitlines()) == (1 if code else 4)


def test_running_server_is_refused_on_either_side(
    make_server: MakeServer, redis: RedisServer, tmp_path: Path
) -> None:
    path = tmp_path / "tchat.db"
    fill(path, "general", [Past("Ann", "x", 10**12)])
    in_file = make_server(redis_url=None)
    on_redis = make_server(redis_url=redis.url, workers=2)
    in_file.start()
    on_redis.start()
    on_redis.logged("is in use")
    assert in_file.process is not None
    said = f"process {in_file.process.pid} serves {in_file.database}: stop the server first"
    assert said in refusal(in_file.database, redis.url)
    serving = f"serve {redis.url}: stop the server first"
    assert serving in refusal(path, redis.url).replace("serves", "serve")
    assert serving in refusal(redis.url, tmp_path / "new.db").replace("serves", "serve")
    with Client(on_redis.ws_url) as ann:
        ann.join("Ann")
        assert ann.post("and on")["seq"] == 1
    on_redis.stop()
    move(at(redis.url), at(tmp_path / "new.db"), quiet)


def test_redis_that_cannot_keep_all_is_refused_before_anything_is_written(
    make_redis: MakeRedis, tmp_path: Path
) -> None:
    redis = make_redis(maxmemory="3mb")
    fill(tmp_path / "tchat.db", "general", (Past("Ann", "x" * 500, 10**12) for _ in range(5000)))
    assert "raise its maxmemory" in refusal(tmp_path / "tchat.db", redis.url)
    with redis.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    assert "set it to noeviction" in refusal(tmp_path / "tchat.db", redis.url)
    assert dump(redis) == {}


# --- what goes wrong on the way ---------------------------------------------------------


#: Runs a move in forks of one process; each is killed before it asks Redis something for the n-th
#: time. Prints how often it has asked, if it came to its end.
KILLED = """
import os, signal, sys
from chat.log.moving import move
from chat.redis.servers import Servers
from tests.log.test_moving import at, quiet

source, target = map(at, sys.argv[1:])
ask = Servers.ask
asked = 0
for line in sys.stdin:
    last = int(line)
    if (pid := os.fork()) == 0:
        def counted(*arguments, **options):
            global asked
            asked += 1
            if asked == last:
                os.kill(os.getpid(), signal.SIGKILL)
            return ask(*arguments, **options)
        Servers.ask = counted
        move(source, target, quiet)
        print(asked, flush=True)
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        print(0, flush=True)
"""


def forget_the_killed(redis: RedisServer) -> None:
    """Let the lease of a move that was killed end, as it does by itself after some seconds."""
    with redis.client() as client:
        client.delete(key(0, "move"))


def marks(redis: RedisServer) -> int:
    """Count the partitions that no worker would serve."""
    with redis.client() as client:
        epochs = [client.get(key(each, "epoch")) for each in range(PARTITIONS)]
    return sum(epoch is not None and epoch.startswith(b"!") for epoch in epochs)


@pytest.mark.long
def test_kill_at_any_moment_leaves_no_log_that_is_not_whole(
    redis: RedisServer, tmp_path: Path
) -> None:
    path, back = tmp_path / "tchat.db", tmp_path / "back.db"
    before = history(path, rooms=6)

    def whole() -> bool:
        """Tell whether Redis has all of it, for everybody."""
        if marks(redis) or not dump(redis):
            return False
        move(at(redis.url), at(back), quiet)
        found = all_of(back)
        back.unlink()
        return found == before

    with subprocess.Popen(
        [sys.executable, "-c", KILLED, path, redis.url],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def run(last: int) -> int:
            forget_the_killed(redis)
            print(last, file=process.stdin, flush=True)
            return int(process.stdout.readline())

        total = run(0)
        assert whole()
        points = [2, 6, *random.Random(1).sample(range(8, total - 5), 3)]
        for point in (*points, *range(total - 2, total + 1)):
            with redis.client() as client:
                client.flushall()
            assert run(point) == 0
            # Nothing yet, all of it, or something that no server serves.
            left = dump(redis)
            assert not left or marks(redis) or whole(), point
            assert all_of(path) == before
            # Once it is whole, it is a log like any other, which is not written over.
            if left and not marks(redis):
                continue
            assert run(0) > 0, point
            assert whole(), point


def test_kill_at_any_moment_leaves_no_file_that_is_not_whole(
    redis: RedisServer, tmp_path: Path
) -> None:
    path, folder = tmp_path / "tchat.db", tmp_path / "new"
    before = history(path, rooms=6)
    move(at(path), at(redis.url), quiet)
    new = folder / "new.db"
    with Interrupter(folder) as interrupter:
        for point in itertools.count(1):
            done = interrupter.run(signal.SIGKILL, point, "migrate", redis.url, new)
            if done.returncode == 0:
                break
            assert done.returncode == -signal.SIGKILL
            assert not new.exists() or all_of(new) == before
            new.unlink(missing_ok=True)
    assert point > 5
    assert all_of(new) == before
    assert {file.name for file in folder.iterdir()} == {"new.db", "new.db.lock"}


def interrupt(step: str, done: int, total: int) -> None:
    """Do what Ctrl-C does, near the end."""
    if step == "Comparing" and done:
        raise KeyboardInterrupt


def test_server_serves_no_log_that_is_not_whole_and_begins_as_soon_as_it_is(
    make_server: MakeServer, redis: RedisServer, tmp_path: Path
) -> None:
    path = tmp_path / "tchat.db"
    fill(path, "general", (Past("Ann", f"{n}", 10**12) for n in range(900)))
    with pytest.raises(KeyboardInterrupt):
        move(at(path), at(redis.url), interrupt)
    server = make_server(redis_url=redis.url)
    server.launch()
    server.logged("migrate` has not finished")
    with pytest.raises(urllib.error.HTTPError):
        server.get("/healthz")
    assert "run that again" in refusal(redis.url, tmp_path / "new.db")
    move(at(path), at(redis.url), quiet)
    server.logged("is in use")
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        assert ann.post("and on")["seq"] == 901


def test_interrupted_by_hand_it_can_be_run_again_at_once(
    redis: RedisServer, tmp_path: Path
) -> None:
    path = tmp_path / "tchat.db"
    before = history(path)
    for target in (redis.url, str(tmp_path / "new.db")):
        with pytest.raises(KeyboardInterrupt):
            move(at(path), at(target), interrupt)
        move(at(path), at(target), quiet)
    assert all_of(tmp_path / "new.db") == before
    assert {file.name for file in tmp_path.iterdir()} >= {"new.db", "tchat.db"}
    assert not list(tmp_path.glob("*.moving*"))


@pytest.mark.parametrize("step", ["Copying", "Comparing"])
@pytest.mark.long
def test_redis_that_is_killed_on_the_way_is_no_log_until_it_is_run_again(
    redis_server: RedisServer, tmp_path: Path, step: str
) -> None:
    path = tmp_path / "tchat.db"
    before = history(path)

    def kill(name: str, done: int, total: int) -> None:
        if name == step and done > total // 2 and redis_server.process is not None:
            redis_server.kill()
            redis_server.process = None

    with pytest.raises(LogError, match="was not moved"):
        move(at(path), at(redis_server.url), kill)
    redis_server.start()
    assert marks(redis_server) == PARTITIONS
    forget_the_killed(redis_server)
    move(at(path), at(redis_server.url), quiet)
    move(at(redis_server.url), at(tmp_path / "back.db"), quiet)
    assert all_of(tmp_path / "back.db") == before


def test_source_that_is_written_meanwhile_is_found_out(
    make_redis: MakeRedis, redis: RedisServer, tmp_path: Path
) -> None:
    def write(name: str, done: int, total: int) -> None:
        if name == "Comparing" and not done:
            redis_logs.fill(redis.url, "two", [Past("Ann", "x", 10**12)] * 400)

    for target in (make_redis().url, str(tmp_path / "new.db")):
        with redis.client() as client:
            client.flushall()
        redis_logs.fill(redis.url, "one", [Past("Ann", "x", 10**12)] * 300)
        redis_logs.fill(redis.url, "two", [Past("Ann", "x", 10**12)] * 300)
        with pytest.raises(LogError, match="written"):
            move(at(redis.url), at(target), write)
    assert not (tmp_path / "new.db").exists()


def test_second_move_from_or_to_the_same_place_is_refused(
    redis: RedisServer, tmp_path: Path
) -> None:
    path, other = tmp_path / "tchat.db", tmp_path / "other.db"
    before = history(path, rooms=8)
    fill(other, "other", [Past("Ann", "x", 10**12)])
    refused: list[str] = []

    def again(name: str, done: int, total: int) -> None:
        if name == "Copying" and done > total // 2 and not refused:
            refused.append(refusal(other, redis.url))
            refused.append(refusal(path, tmp_path / "new.db"))

    move(at(path), at(redis.url), again)
    assert "another move" in refused[0]
    assert "stop the server first" in refused[1]
    move(at(redis.url), at(tmp_path / "back.db"), quiet)
    assert all_of(tmp_path / "back.db") == before
