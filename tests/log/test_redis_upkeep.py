"""Upkeep on Redis: the same goes as from a file, and nobody waits for it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chat.log.moving import move
from chat.log.opened import Opened
from chat.log.redis_upkeep import RedisUpkeep
from chat.log.space import Space
from chat.log.upkeep import Rules, Upkeep
from chat.redis.partitions import PARTITIONS, key, partition_of
from chat.redis.servers import Servers
from tests.log.test_moving import all_of, at, later_tables, quiet
from tests.support import logs, redis_logs
from tests.support.client import Client
from tests.support.logs import Past
from tests.support.redis import RedisServer
from tests.support.servers import ChatServer
from tests.support.waiting import wait_until

MakeServer = Callable[..., ChatServer]

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
LONG_AGO_MS = 10**12
STEPS = 5000  # more than any of these tests needs


@contextmanager
def kept_up(redis: RedisServer, rules: Rules) -> Iterator[RedisUpkeep]:
    """Give the upkeep of one worker."""
    servers = Servers(redis.url)
    servers.start()
    upkeep = RedisUpkeep(servers, rules)
    try:
        yield upkeep
        upkeep.close()
    finally:
        servers.close()


def finish(upkeep: RedisUpkeep) -> None:
    """Let upkeep look at everything once, and do what it finds."""
    for _ in range(STEPS):
        if not upkeep.step():
            return
    raise AssertionError("upkeep finds no end")


def keep_up(redis: RedisServer, rules: Rules) -> None:
    with kept_up(redis, rules) as upkeep:
        finish(upkeep)


def kept(redis: RedisServer, room: str) -> list[int]:
    """Give the seqs that a room still has, and check that its other keys agree."""
    partition = partition_of(room)
    with redis.client() as client, client.pipeline() as pipeline:  # at one moment
        pipeline.hgetall(key(partition, "log", room))
        pipeline.hgetall(key(partition, "ids", room))
        pipeline.hget(key(partition, "heads"), room)
        log, ids, head = pipeline.execute()
    floor = log.pop(b"floor", b"0:0")
    messages = redis_logs.messages(log)
    assert {f"{m.member.id}/{m.id}".encode(): str(m.seq).encode() for m in messages} == ids
    seqs = [message.seq for message in messages]
    assert seqs == list(range(int(floor.split(b":")[0]) + 1, int(head.split(b":")[0]) + 1))
    return seqs


def ran_on(redis: RedisServer, days: Iterable[int]) -> None:
    """Note days on which a worker ran."""
    with redis.client() as client, client.pipeline() as pipeline:
        for partition in range(PARTITIONS):
            for day in days:
                pipeline.setbit(key(partition, "days"), day, 1)
        pipeline.execute()


@pytest.fixture
def redis(make_redis: Callable[..., RedisServer]) -> RedisServer:
    """Give a running Redis, which keeps nothing on its disk."""
    return make_redis()


def test_room_that_stopped_growing_keeps_as_many_as_are_kept_and_all_young_ones(
    redis: RedisServer,
) -> None:
    now_ms = int(time.time() * 1000)
    young = [Past("Ann", "x", now_ms - HOUR_MS)] * 1300
    old = [Past("Ann", "x", LONG_AGO_MS)] * 1300
    redis_logs.fill(redis.url, "young", young)
    redis_logs.fill(redis.url, "old", old)
    redis_logs.fill(redis.url, "mixed", old[:200] + young)
    redis_logs.fill(redis.url, "small", old[:900])
    keep_up(redis, Rules(messages=1000, min_hours=24))
    assert kept(redis, "young") == list(range(1, 1301))
    assert kept(redis, "old") == list(range(301, 1301))
    assert kept(redis, "mixed") == list(range(201, 1501))
    assert kept(redis, "small") == list(range(1, 901))
    keep_up(redis, Rules(messages=1000, min_hours=0))
    assert kept(redis, "young") == list(range(301, 1301))
    assert kept(redis, "mixed") == list(range(501, 1501))


def test_age_deletes_the_newest_too_and_no_number_is_given_twice(
    make_server: MakeServer, redis: RedisServer
) -> None:
    now_ms = int(time.time() * 1000)
    too_old = Past("Ann", "too old", now_ms - 31 * DAY_MS)
    young = Past("Ann", "young enough", now_ms - 29 * DAY_MS)
    redis_logs.fill(redis.url, "old", [too_old] * 250)
    redis_logs.fill(redis.url, "mixed", [too_old, young, too_old])
    settings = {"CHAT_RETENTION_DAYS": "30"}
    server = make_server(redis_url=redis.url, workers=2, settings=settings)
    server.start()
    # Nobody posts.
    wait_until(lambda: not kept(redis, "old") and kept(redis, "mixed") == [2, 3])
    with Client(server.ws_url) as ann:
        welcome = ann.join("Ann", room="old")
        assert (welcome["messages"], welcome["seq"]) == ([], 250)
        ann.ws.close()
        assert ann.resume()["resumed"] is True  # the place of the last one is still proved
        assert ann.post("new")["seq"] == 251
        ann.connect()
        ann.join("Ann", room="mixed")
        assert ann.texts() == ["young enough", "too old"]


def test_room_that_nobody_used_is_emptied_after_as_many_days_on_which_a_worker_ran(
    redis: RedisServer,
) -> None:
    rules = Rules(messages=1000, idle_days=365)
    today = int(time.time() * 1000) // DAY_MS
    for room in ("unused", "read"):
        redis_logs.fill(redis.url, room, [Past("Ann", "x", LONG_AGO_MS)] * 250)
    redis_logs.fill(redis.url, "lately", [Past("Ann", "x", (today - 3) * DAY_MS)] * 250)
    with kept_up(redis, rules) as upkeep:
        finish(upkeep)
        upkeep.note_read("read")
        finish(upkeep)
    # However old they are: a server that was stopped, or whose clock jumps, takes nothing away.
    for room in ("unused", "read", "lately"):
        assert len(kept(redis, room)) == 250
    with redis.client() as client:
        assert client.hgetall(key(partition_of("read"), "used")) == {b"read": b"%d" % today}
        assert {client.bitcount(key(each, "days")) for each in range(PARTITIONS)} == {1}
    ran_on(redis, range(today - 364, today))
    keep_up(redis, rules)
    assert len(kept(redis, "unused")) == 250  # one day is missing
    ran_on(redis, [today - 400])
    keep_up(redis, Rules(messages=1000, idle_days=0))
    assert len(kept(redis, "unused")) == 250
    keep_up(redis, rules)
    assert kept(redis, "unused") == []
    assert len(kept(redis, "read")) == len(kept(redis, "lately")) == 250


def test_entering_a_room_is_noted_once_a_day_if_something_was_said_in_it(
    make_server: MakeServer, redis: RedisServer
) -> None:
    for room in ("visited", "later"):
        redis_logs.fill(redis.url, room, [Past("Ann", "x", LONG_AGO_MS)] * 3)
    server = make_server(redis_url=redis.url)  # each worker notes a room by itself
    server.start()
    with Client(server.ws_url) as ann, redis.client() as client:

        def noted(room: str) -> bytes | None:
            return client.hget(key(partition_of(room), "used"), room)

        def visit(room: str) -> None:
            ann.connect()
            ann.join("Ann", room=room)

        def visit_until_noted(room: str) -> None:
            visit(room)
            wait_until(lambda: noted(room) is not None)

        visit("nothing-was-said-here")
        visit_until_noted("visited")
        client.hset(key(partition_of("visited"), "used"), "visited", 1)
        visit("visited")
        visit_until_noted("later")
        assert noted("visited") == b"1"
        assert noted("nothing-was-said-here") is None


@pytest.mark.long
def test_two_workers_are_never_at_one_partition_and_one_that_was_killed_is_replaced(
    redis: RedisServer,
) -> None:
    rules = Rules(messages=1000)
    redis_logs.fill(redis.url, "old", [Past("Ann", "x", LONG_AGO_MS)] * 3000)
    partition = partition_of("old")
    with kept_up(redis, rules) as killed, kept_up(redis, rules) as other:
        while len(redis_logs.read_log(redis.url, "old")[1]) == 3000:
            assert killed.step()
        begun = len(redis_logs.read_log(redis.url, "old")[1])
        assert begun >= 2800  # a little at a time
        finish(other)
        assert len(kept(redis, "old")) == begun
        with redis.client() as client:
            lease = key(partition, "upkeep")
            assert 0 < client.pttl(lease) <= 60_000
            client.delete(lease)  # as if it had ended
        for _ in range(PARTITIONS):  # the next round
            other.step()
        finish(other)
    assert kept(redis, "old") == list(range(2001, 3001))


def test_memory_that_is_full_does_not_stop_it(redis: RedisServer) -> None:
    redis_logs.fill(redis.url, "old", [Past("Ann", "x", LONG_AGO_MS)] * 3000)
    with redis.client() as client:
        client.config_set("maxmemory", 1)
        with kept_up(redis, Rules(messages=1000)) as upkeep:
            finish(upkeep)
            upkeep.note_read("old")
            assert upkeep.step() is False
        client.config_set("maxmemory", 0)
    assert kept(redis, "old") == list(range(2001, 3001))


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 6))]
)
def test_what_goes_is_what_goes_from_a_file(redis: RedisServer, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    now_ms = int(time.time() * 1000)
    today = now_ms // DAY_MS
    rules = Rules(
        messages=draw.choice([1, 50, 300]),
        min_hours=draw.choice([0, 24]),
        days=draw.choice([0, 10, 40]),
        idle_days=draw.choice([0, 20]),
    )
    path = tmp_path / "tchat.db"
    for number in range(40):
        ages = [draw.choice([0.5, 5, 20, 60]) for _ in range(draw.choice([1, 3]))]
        past = [
            Past(f"Nick{number}", "x", int(now_ms - (draw.choice(ages) + 0.1) * DAY_MS))
            for _ in range(draw.choice([1, 20, 400]))
        ]
        logs.fill(path, f"room-{number}", past)
    used = [(number, today - draw.choice([1, 30])) for number in range(1, 20)]
    later_tables(path, days=range(today - 50, today), used=used)
    move(at(path), at(redis.url), quiet)
    opened = Opened(path)
    space = Space(opened, 0)
    upkeep = Upkeep(opened, space, rules, lambda: int(time.time() * 1000))
    for _ in range(STEPS):
        if not upkeep.step():
            break
    opened.close()
    keep_up(redis, rules)
    move(at(redis.url), at(tmp_path / "back.db"), quiet)
    there = all_of(tmp_path / "back.db")
    here = all_of(path)
    assert there["entries"] == here["entries"]
    assert there["rooms"] == here["rooms"]
    assert there["days"] == here["days"]
