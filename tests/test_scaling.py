"""What `make scaling` measures, and what the plan on paper makes of it."""

from __future__ import annotations

import random
import shutil
import sys
from dataclasses import replace
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any

import pytest

from bench import model
from bench.costs import Costs, read
from bench.fleet import Fleet
from bench.scaling import FLEETS, SHAPES, closed, lone
from bench.scaling_report import DOCUMENT, fill

COSTS = Costs(
    message_us=100,
    heard_us=40,
    other_us=10,
    send_us=1,
    join_us=500,
    join_heard_us=100,
    redis_message_us=20,
    redis_hearer_us=2,
    redis_join_us=50,
    redis_room_us=1,
    redis_worker_us=200,
    room_us=1,
    frame_bytes=200,
    heard_bytes=250,
    stored_bytes=250,
    connection_bytes=40_000,
    worker_bytes=60e6,
    lone_ms=1,
)
PEOPLE = model.People()
AS_IT_IS, ROOM_CHANNELS, HOMES = model.DESIGNS


# --- a short run --------------------------------------------------------------------

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the bench needs Linux")


def fleet(name: str) -> Fleet:
    """Find a fleet, and all that it needs."""
    found = next(fleet for fleet in FLEETS if fleet.name == name)
    assert not found.missing(), found.missing()
    return found


@ON_LINUX
@pytest.mark.parametrize("name", ["redis-2", "centrifuge-2"])
@pytest.mark.long
def test_every_connection_of_all_workers_gets_every_message(name: str) -> None:
    # It raises LoadFailed if a message is missing, doubled or out of order.
    numbers = closed(fleet(name), 0.2, rooms=2, per_room=4)
    assert numbers["deliveries_per_s"] > 0
    assert numbers["workers_us"] > 0
    assert numbers["redis_us"] > 0


@ON_LINUX
def test_a_post_takes_at_most_two_round_trips_to_redis() -> None:
    numbers = lone(fleet("redis-1"), 0.2)
    # Some requests are the worker's own, whatever is posted: about two a second.
    assert 1 <= numbers["redis_reads_per_message"] < 2.1
    assert 1 <= numbers["commands_sent_per_message"] < 2.1


# --- the plan -----------------------------------------------------------------------


@pytest.mark.parametrize("count", [100, 10_000, 1_000_000, 50_000_000])
def test_rooms_have_all_people_and_none_is_larger_than_the_largest(count: int) -> None:
    rooms = model.sizes(count, PEOPLE)
    assert sum(number * size for number, size in rooms) == pytest.approx(count)
    assert max(size for _, size in rooms) == max(2, count * PEOPLE.largest_share)


@pytest.mark.parametrize("design", model.DESIGNS)
@pytest.mark.parametrize("workers", [1, 2, 100])
def test_each_delivery_is_sent_once_however_many_workers_there_are(
    design: model.Design, workers: int
) -> None:
    for flow in model.flows(100_000, workers, design, PEOPLE):
        assert 1 - 1e-9 <= flow.present <= flow.hearing + 1e-9 <= workers + 2e-9
        assert flow.local * flow.present == pytest.approx(flow.size)


def test_a_worker_that_is_alone_hears_of_no_other() -> None:
    for design in model.DESIGNS:
        need = model.reckon(5000, 1, design, PEOPLE, COSTS)
        assert need.others_s == pytest.approx(0)
        # Two messages a second for each 240 people, and each is sent to all in its room.
        said = sum(flow.messages for flow in need.flows)
        assert said == pytest.approx(5000 * PEOPLE.posts_a_minute / 60)


@pytest.mark.parametrize("count", [10_000, 1_000_000])
def test_who_hears_less_needs_less(count: int) -> None:
    needs = [model.needed(count, design, PEOPLE, COSTS) for design in model.DESIGNS]
    for more, less in pairwise(needs):
        assert more is not None
        assert less is not None
        assert more.workers >= less.workers
        assert more.redis_bits >= less.redis_bits


def test_hearing_what_is_no_business_of_ones_people_ends_the_growth() -> None:
    ends = model.carries(AS_IT_IS, PEOPLE, COSTS)
    assert model.needed(int(ends * 1.1), AS_IT_IS, PEOPLE, COSTS) is None
    # All messages, and all news of who comes and goes, take each worker's time.
    assert model.carries(AS_IT_IS, PEOPLE, replace(COSTS, other_us=20)) == pytest.approx(
        ends / 2, rel=0.15
    )
    assert model.carries(HOMES, PEOPLE, COSTS) == inf


def test_a_limit_breaks_where_it_is_reached() -> None:
    limit = next(limit for limit in model.LIMITS if "names" in limit.name)
    # 1 MB of names are 16,667 people in the largest room, which has a hundredth of all.
    assert model.breaks_at(limit, AS_IT_IS, PEOPLE, COSTS) == pytest.approx(1_666_667, rel=0.02)


def test_the_simulated_queue_waits_as_long_as_theory_says() -> None:
    # One piece of 1 ms comes 500 times a second: M/D/1, half busy, so it waits half a piece.
    delays = model.queue([(500, 1000, "x")], 1, {"x"}, random.Random(1))
    assert sum(delays) / len(delays) == pytest.approx(1.5, rel=0.05)
    assert min(delays) == pytest.approx(1)


def test_a_message_is_delayed_by_a_lone_post_and_by_both_queues() -> None:
    need = model.needed(1_000_000, AS_IT_IS, PEOPLE, COSTS)
    assert need is not None
    p50, p99 = model.delays_ms(need, PEOPLE, COSTS)
    assert COSTS.lone_ms < p50 < p99


# --- the document -------------------------------------------------------------------


def run_of_everything() -> dict[str, Any]:
    """Make a result of each shape and fleet, of numbers that nobody measured."""
    counters = ("commands", "reads", "received", "sent", "memory")
    names = [
        *("deliveries_per_s", "workers_us", "redis_us", "frame_bytes", "disorder", "p50_ms"),
        *("p99_ms", "ms", "commands_sent_per_message", "kib_per_connection", "kib_without"),
        *("other_us_per_message", "workers_us_per_message", "redis_us_per_message"),
        *("workers_us_per_s", "redis_us_per_s"),
        *(f"redis_{counter}_per_{per}" for counter in counters for per in ("message", "s")),
    ]
    return {
        "started": "then",
        "machine": {"processor": "none"},
        "cores": 2,
        "repetitions": 2,
        "window_s": 1.0,
        "seconds": 60.0,
        "notices": ["something was left out"],
        "fleets": {fleet.name: fleet.label for fleet in FLEETS},
        "workers": {fleet.name: fleet.workers for fleet in FLEETS},
        "shapes": {shape.name: shape.label for shape in SHAPES},
        "runs": [
            {
                "shape": shape.name,
                "fleet": fleet,
                "repetition": repetition,
                "numbers": {name: number + 10.0 + repetition for number, name in enumerate(names)},
            }
            for repetition in range(2)
            for shape in SHAPES
            for fleet in shape.fleets
        ],
    }


def test_a_run_fills_every_table_of_the_document_and_keeps_its_words(tmp_path: Path) -> None:
    document, costs = tmp_path / "scaling.md", tmp_path / "costs.json"
    shutil.copy(DOCUMENT, document)
    fill(run_of_everything(), document, costs)
    filled = document.read_text("utf-8")
    assert "Not measured yet" not in filled
    assert "something was left out" in filled
    assert filled.count("| Tchat on Redis, 4 workers |") == 6  # of six tables
    assert filled.startswith("# Scaling\n")
    assert "## What would change then" in filled
    assert read(costs).lone_ms > 0
    again = filled
    fill(run_of_everything(), document, costs)
    assert document.read_text("utf-8") == again
