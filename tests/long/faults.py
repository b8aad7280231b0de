"""Faults of Redis, of its connections and of the workers, judged by the history checker.

`make faults` tries them all; `make test` some, in tests/whole/test_faults.py.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from chat.protocol import CloseCode, rfc3339
from chat.redis.partitions import key, partition_of
from tests.support.client import Client
from tests.support.conversations import Conversations, Verdict
from tests.support.fault_bed import OPERATOR, Bed
from tests.support.history import Kind
from tests.support.processes import worker_pids
from tests.support.proxy import Fault, Towards

SAFE = {"appendonly": "yes", "appendfsync": "always"}


def nothing_is_lost(verdict: Verdict) -> None:
    assert verdict.problems == []
    assert (verdict.lost, verdict.resets) == (0, 0)


def test_killed_and_restarted_with_appendfsync_always(tmp_path: Path) -> None:
    with Bed(tmp_path, **SAFE) as bed, bed.talk(rooms=("general", "other")) as talk:
        for _ in range(5):
            talk.hurry()
            bed.redis.restart()
            talk.go_on()
        nothing_is_lost(talk.end())


def test_killed_without_persistence(tmp_path: Path) -> None:
    with Bed(tmp_path) as bed, bed.talk(rooms=("general", "other")) as talk:
        for _ in range(3):
            talk.hurry()
            bed.cut_off()
            talk.note_lost()
            bed.redis.restart()
            bed.let_back()
            talk.go_on()
        verdict = talk.end()
        assert verdict.problems == []
        assert verdict.lost > 0
        assert verdict.resets >= 3


def test_power_lost_with_appendfsync_everysec(tmp_path: Path) -> None:
    """What the disk had not got is cut off from the file of commands."""
    with Bed(tmp_path, appendonly="yes", appendfsync="everysec") as bed, bed.talk() as talk:
        talk.go_on(60)
        talk.hurry()
        bed.cut_off()  # for the note is to have everything
        talk.note_lost()
        bed.redis.kill()
        (file,) = (bed.redis.folder / "appendonlydir").glob("*.incr.aof")
        with file.open("r+b") as commands:
            commands.truncate(file.stat().st_size * 3 // 4)
        bed.redis.start()
        bed.let_back()
        talk.go_on(60)
        verdict = talk.end()
        assert verdict.problems == []
        assert verdict.lost > 0
        assert verdict.resets > 0


@pytest.mark.parametrize("seconds", [1, 20])
def test_frozen(tmp_path: Path, seconds: float) -> None:
    with Bed(tmp_path, **SAFE) as bed, bed.talk(rooms=("general", "other")) as talk:
        talk.hurry()
        bed.redis.freeze()
        talk.write()
        time.sleep(seconds)
        bed.redis.thaw()
        talk.go_on()
        nothing_is_lost(talk.end())
        assert "WORKER TIMEOUT" not in bed.server.log()


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.HALF_OPEN])
def test_connections_cut(tmp_path: Path, fault: Fault) -> None:
    with Bed(tmp_path, **SAFE) as bed, bed.talk() as talk:
        for seconds in (0.0, 1.0, 6.0):
            talk.hurry()
            bed.cut_off(fault)
            talk.write()
            time.sleep(seconds)
            bed.let_back()
            talk.go_on()
        nothing_is_lost(talk.end())


def test_connections_cut_in_the_middle_of_what_they_carry(tmp_path: Path) -> None:
    with Bed(tmp_path, **SAFE) as bed, bed.talk() as talk:
        for _ in range(5):
            for fault in Fault:
                for towards in Towards:
                    bed.proxy.arm(fault, towards)
            talk.go_on()
        nothing_is_lost(talk.end())


def test_fail_over_to_a_replica_that_has_not_all(tmp_path: Path) -> None:
    with Bed(tmp_path, replica=True, **SAFE) as bed, bed.talk() as talk:
        talk.go_on()
        fail_over(bed, talk, lambda: talk.go_on(110))  # some are erases
        talk.go_on()
        verdict = talk.end()
        assert verdict.problems == []
        assert verdict.lost >= 100
        assert verdict.resets > 0


def test_fail_over_to_a_replica_that_must_have_what_is_acknowledged(tmp_path: Path) -> None:
    settings = {"CHAT_REDIS_REPLICAS": "1"}
    with Bed(tmp_path, replica=True, settings=settings, **SAFE) as bed, bed.talk() as talk:
        talk.go_on()
        old = bed.redis

        def write() -> None:
            talk.write()
            bed.wait_until(lambda: not bed.is_well(), "it is well without a replica")
            # Whoever comes now must not be told what the replica does not have.
            assert bed.server.process is not None
            bed.server.process.send_signal(signal.SIGHUP)
            time.sleep(3.0)
            assert talk.count(Kind.RESUME) == 0

        fail_over(bed, talk, write)
        old.start()
        old.follow(bed.redis)
        talk.go_on()
        verdict = talk.end()
        assert verdict.problems == []
        assert verdict.lost == 0


def fail_over(bed: Bed, talk: Conversations, meanwhile: Callable[[], None]) -> None:
    """Part the replica from the primary, let something happen, and make it the primary."""
    assert bed.replica is not None
    bed.replica.promote()
    meanwhile()
    talk.write()
    bed.redis.kill()
    whole = bed.copy()
    talk.note_lost(lambda room: bed.read_copy(whole, room))
    bed.fail_over()


@pytest.mark.parametrize("replicas", [0, 1])
def test_primary_that_goes_on_by_itself(tmp_path: Path, replicas: int) -> None:
    """Two servers: one is led to the new primary, the other stays with the old one for a while."""
    settings = {"CHAT_REDIS_REPLICAS": str(replicas)}
    with Bed(tmp_path, replica=True, workers=1, settings=settings, **SAFE) as bed:
        way = bed.another_way()
        there = bed.another_server(way, 1)
        third = bed.another_redis()
        assert bed.replica is not None
        with bed.talk(bed.server, there) as talk:
            talk.go_on()
            old = bed.redis
            third.follow(bed.replica)
            bed.fail_over()
            if replicas:
                talk.write()
                bed.wait_until(lambda: not bed.is_well(there), "it is well without a replica")
            talk.go_on(60)
            way.lead_to(None)
            talk.note_lost(lambda room: bed.read_of(old, room))
            way.lead_to(bed.redis.port)
            talk.go_on()
            verdict = talk.end()
            assert verdict.problems == []
            assert (verdict.lost > 0) is (replicas == 0)


def test_memory_full(tmp_path: Path) -> None:
    with Bed(tmp_path, maxmemory="3mb") as bed, bed.talk() as talk:
        talk.go_on()
        with bed.redis.client() as client:
            used = client.info("memory")["used_memory"]
            client.config_set("maxmemory", used)
            talk.write()
            bed.wait_until(lambda: talk.count(Kind.REFUSED) > 0, "nothing was refused")
            bed.wait_until(lambda: not bed.is_well(), "it is well")
            client.config_set("maxmemory", 0)
        talk.go_on()
        bed.wait_until(bed.is_well, "it is not well")
        nothing_is_lost(talk.end())


def test_older_dump_put_back_under_people(tmp_path: Path) -> None:
    with Bed(tmp_path, dbfilename="dump.rdb") as bed, bed.talk() as talk:
        talk.go_on()
        with bed.redis.client() as client:
            client.save()
        dump = (bed.redis.folder / "dump.rdb").read_bytes()
        talk.go_on()
        talk.hurry()
        bed.cut_off()
        talk.note_lost()
        bed.redis.kill()
        (bed.redis.folder / "dump.rdb").write_bytes(dump)
        bed.redis.start()
        bed.let_back()
        talk.go_on()
        verdict = talk.end()
        assert verdict.problems == []
        assert verdict.lost > 0
        assert verdict.resets > 0


@pytest.mark.parametrize("command", ["FLUSHALL", "FLUSHALL ASYNC", "FLUSHDB", "SWAPDB 0 1"])
def test_flushed_under_people(tmp_path: Path, command: str) -> None:
    with Bed(tmp_path, **SAFE) as bed, bed.talk(rooms=("general", "other")) as talk:
        talk.go_on()
        talk.hurry()
        bed.take_away(talk, *command.split())
        talk.go_on()
        verdict = talk.end()
        assert verdict.problems == []
        assert verdict.lost > 0


@pytest.mark.parametrize("kind", ["epoch", "heads", "ids", "records", "record", "deeds", "bars"])
def test_key_deleted_under_people(tmp_path: Path, kind: str) -> None:
    """As an evicting policy does that is set while the server runs."""
    # Where only one of both is gone, a room's record says other things than its entries.
    records = kind not in ("heads", "records", "record")
    with Bed(tmp_path, **SAFE) as bed, bed.talk(records=records) as talk:
        talk.go_on()
        room = () if kind in ("epoch", "heads", "records") else ("general",)
        bed.take_away(talk, "DEL", key(partition_of("general"), kind, *room))
        talk.go_on()
        verdict = talk.end()
        assert verdict.problems == []
        assert (verdict.resets > 0) is (kind in ("epoch", "heads"))


def test_messages_deleted_under_people(tmp_path: Path) -> None:
    """Whoever is there sees what follows; whoever comes back to what is gone is told so."""
    with Bed(tmp_path, **SAFE) as bed, bed.talk() as talk, Client(bed.server.ws_url) as away:
        away.join("Away")
        away.post("one")
        away.ws.close_socket()
        talk.go_on()
        _, gone = bed.read("general")
        bed.take_away(talk, "DEL", key(partition_of("general"), "log", "general"))
        talk.go_on()
        welcome = away.resume()
        assert (welcome["resumed"], welcome["gap"]) == (False, "skipped")
        assert welcome["messages"][0]["seq"] > gone[0].seq


def test_worker_killed_under_load(tmp_path: Path) -> None:
    with Bed(tmp_path, **SAFE) as bed, bed.talk() as talk:
        for number in range(6):
            talk.hurry()
            bed.wait_until(lambda: len(worker_pids(bed.server)) == 2, "a worker in its place")
            os.kill(worker_pids(bed.server)[number % 2], signal.SIGKILL)
            talk.go_on()
        nothing_is_lost(talk.end())


def test_room_ends_at_its_time_although_all_workers_were_killed(tmp_path: Path) -> None:
    with Bed(tmp_path, **SAFE) as bed, Client(bed.server.ws_url) as ann:
        ann.join("Ann", room="ending", owner=OPERATOR)
        ann.post("one")
        ends_at = rfc3339(int(time.time() * 1000) + 2000)
        ann.send(type="rules", id="rules", ends_at=ends_at)
        ann.expect("rules")
        for pid in worker_pids(bed.server):
            os.kill(pid, signal.SIGKILL)

        def has_ended() -> bool:
            with suppress(OSError), Client(bed.server.ws_url) as late:  # perhaps no worker is there
                late.send(type="join", nick="Bob", room="ending")
                return late.close_code() == CloseCode.ENDED
            return False

        bed.wait_until(has_ended, "it has not ended")
        assert bed.read("ending")[1] == []


def test_slow_subscriber_cut_off(tmp_path: Path) -> None:
    limit = "pubsub 32kb 8kb 1"
    with Bed(tmp_path, client_output_buffer_limit=limit, **SAFE) as bed, bed.talk() as talk:
        for number in range(2):
            talk.go_on()
            pid = worker_pids(bed.server)[number]
            os.kill(pid, signal.SIGSTOP)
            talk.go_on(400)
            os.kill(pid, signal.SIGCONT)
            talk.go_on()
        assert "output buffer limits" in bed.redis.log()
        nothing_is_lost(talk.end())


def test_frozen_worker(tmp_path: Path) -> None:
    with Bed(tmp_path, **SAFE) as bed, bed.talk() as talk:
        for number in range(2):
            talk.hurry()
            pid = worker_pids(bed.server)[number]
            os.kill(pid, signal.SIGSTOP)
            time.sleep(5.0)
            os.kill(pid, signal.SIGCONT)
            talk.go_on()
        nothing_is_lost(talk.end())
