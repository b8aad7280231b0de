"""Faults of Redis and of workers, judged by the history checker: a short form of `make faults`."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.support.fault_bed import Bed
from tests.support.history import Kind
from tests.support.processes import worker_pids
from tests.support.proxy import Fault
from tests.support.waiting import wait_until


def test_no_fault_takes_anything_from_a_redis_that_keeps_what_it_acknowledges(
    tmp_path: Path,
) -> None:
    with Bed(tmp_path, appendonly="yes", appendfsync="always") as bed, bed.talk(people=3) as talk:
        talk.hurry()
        bed.redis.restart()
        talk.go_on(10)
        talk.hurry()
        bed.cut_off(Fault.HALF_OPEN)
        bed.let_back()
        talk.go_on(10)
        talk.hurry()
        os.kill(worker_pids(bed.server)[0], signal.SIGKILL)
        talk.go_on(10)
        with bed.redis.client() as client:
            client.config_set("maxmemory", 1)
            talk.write()
            bed.wait_until(lambda: talk.count(Kind.REFUSED) > 0, "nothing was refused")
            client.config_set("maxmemory", 0)
        talk.go_on(10)
        verdict = talk.end()
        assert verdict.problems == []
        assert (verdict.lost, verdict.resets) == (0, 0)


def test_what_redis_loses_is_said(tmp_path: Path) -> None:
    with Bed(tmp_path, replica=True) as bed, bed.talk(people=3) as talk:
        talk.go_on(10)
        talk.hurry()
        flushed = talk.acknowledged()
        assert flushed
        bed.take_away(talk, "FLUSHALL")
        talk.go_on(10)
        assert bed.replica is not None
        bed.replica.promote()  # what is acknowledged from now on, it does not have
        kept = {entry.id for entry in bed.read_of(bed.replica, "general")[1]}

        def left() -> set[str]:
            gone = {entry.id for entry in bed.read("general")[1]} - kept
            return gone & talk.acknowledged()

        wait_until(lambda: talk.go_on(10) or left())  # not each command becomes an entry
        bed.cut_off()
        talk.note_lost()
        left_behind = left()
        assert left_behind
        bed.fail_over()
        talk.go_on(10)
        verdict = talk.end()
        assert verdict.problems == []
        # Where a post is taken back that was lost, the log has that instead.
        taken_back = {each.id for each in bed.read("general")[1] if each.what == "removed"}
        assert verdict.lost >= len((flushed | left_behind) - taken_back)
        assert verdict.resets >= 3  # each of the people, for what was flushed
