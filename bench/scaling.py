"""The run behind `docs/scaling.md`: workers that share a Redis, one embedded worker, and peers.

`python -m bench.scaling` measures every shape with every fleet in turn, several times. Nobody is
pinned to a core: workers, Redis and load share them all, as on a small machine. So the processor
time of each is counted apart, and says what they would carry on cores of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import costs, scaling_report
from bench.crowd import LoadFailed
from bench.fleet import Fleet, Reading, RunningFleet
from bench.load import Load, Window
from bench.machine import describe, raise_file_limit
from bench.process import Job
from bench.runs import Numbers, can_run, undisturbed
from bench.servers import (
    BUILD,
    CENTRIFUGE,
    SOCKETIO_NODE,
    SOCKETIO_ON_REDIS,
    TCHAT,
    TCHAT_ON_REDIS,
)
from bench.wire import Seat, seats

_JOIN_IN_FLIGHT = 16
_JOINS_WITHIN_S = 120.0
_QUIET_S = 0.5  # after the joins: news of them take longer from worker to worker
_WARM_UP_S = 1.0
_SENDERS = 20  # of one room; if there are several rooms, each has one
_WATCHED = 5  # connections parsed besides the senders'
_ROOMS, _PER_ROOM = 100, 5
_MANY = 1000  # in one room
_RATE_ROOMS = 1000.0  # messages a second into 100 rooms
_RATE_ROOM, _RATE_MANY = 40.0, 500  # messages a second into one room of so many
_LONE_POSTS = 500
_LONE_WITHIN_S = 60.0
_JOINS = 1000
_STANDING_BY = 200  # rooms in each half of the people
_IDLE_FEW, _IDLE_MANY = 10, 10_000
_IDLE_S = 20.0  # ten comparisons of heads


EMBEDDED = "embedded"
FLEETS = (
    Fleet(EMBEDDED, "Tchat, embedded log, 1 worker", TCHAT, 1, redis=False),
    *(
        Fleet(f"redis-{n}", f"Tchat on Redis, {n} worker{'s' if n > 1 else ''}", TCHAT_ON_REDIS, n)
        for n in (1, 2, 4)
    ),
    Fleet("redis-2-everysec", "the same, 2 workers, everysec", TCHAT_ON_REDIS, 2, fsync="everysec"),
    Fleet(
        "socketio-2", f"{SOCKETIO_ON_REDIS.label}, 2 workers", SOCKETIO_ON_REDIS, 2, own_ports=True
    ),
    Fleet("node-2", f"{SOCKETIO_NODE.label}, 2 workers", SOCKETIO_NODE, 2, own_ports=True),
    Fleet("centrifuge-2", f"{CENTRIFUGE.label}, 2 workers", CENTRIFUGE, 2, own_ports=True),
)
_MACHINES = Fleet("machines-2", "Tchat on Redis, 2 servers", TCHAT_ON_REDIS, 2, own_ports=True)


@dataclass(frozen=True)
class Shape:
    """Something to measure, and with which fleets."""

    name: str
    label: str
    measure: Callable[[Fleet, float], Numbers]  # (fleet, seconds of the window)
    fleets: tuple[str, ...]


# --- how one fleet is measured in each shape --------------------------------------------


@contextmanager
def _serving(fleet: Fleet, connections: int) -> Iterator[tuple[RunningFleet, Load]]:
    running = RunningFleet(fleet, Job(connections))
    crowd = Load(running.ports, fleet.server.dialect)
    try:
        running.start()
        yield running, crowd
    except LoadFailed as failure:
        raise LoadFailed(f"{failure}; {running.output()}") from failure
    finally:
        running.kill()  # first, because the side that closes first keeps the port for a minute
        crowd.close()
        running.close()


def _join(crowd: Load, everybody: Sequence[Seat]) -> None:
    crowd.join(everybody, in_flight=_JOIN_IN_FLIGHT, within_s=_JOINS_WITHIN_S)
    crowd.settle(_QUIET_S)


def _used(before: Reading, after: Reading, load_s: float, messages: float) -> Numbers:
    """Give the shares of a core that all used, and what Redis did for each message."""
    seconds = after.at - before.at
    workers_s, redis_s = after.workers_s - before.workers_s, after.redis_s - before.redis_s
    others_s = after.cores_s - before.cores_s - workers_s - redis_s - load_s
    by_worker = [used - before.by_worker.get(which, 0) for which, used in after.by_worker.items()]
    numbers = {
        "workers_share": workers_s / seconds,
        "redis_share": redis_s / seconds,
        "load_share": load_s / seconds,
        "others_share": max(0.0, others_s) / seconds,
        "busiest_share": max(by_worker) / workers_s,  # of what all workers used
        "workers_us_per_message": workers_s / messages * 1e6,
        "redis_us_per_message": redis_s / messages * 1e6,
    }
    for counter, used in after.redis.items():
        numbers[f"redis_{counter}_per_message"] = (used - before.redis[counter]) / messages
    return numbers


def _delivered(running: RunningFleet, crowd: Load, window: Window, per_room: int) -> Numbers:
    """Check a window, and give its numbers."""
    crowd.verify(window)
    before, after = running.readings[-2:]
    workers_s = after.workers_s - before.workers_s
    return {
        "deliveries_per_s": window.deliveries / window.seconds,
        "messages_per_s": window.deliveries / per_room / window.seconds,
        "workers_us": workers_s / window.deliveries * 1e6,
        "redis_us": (after.redis_s - before.redis_s) / window.deliveries * 1e6,
        "frame_bytes": window.frame_bytes,
        "disorder": crowd.disorder(),
        **_used(before, after, window.load_cpu_s, window.deliveries / per_room),
    }


def closed(fleet: Fleet, window_s: float, *, rooms: int, per_room: int) -> Numbers:
    """Measure the deliveries a second if each sender posts again when its message is back."""
    connections = rooms * per_room
    senders = _senders(rooms, per_room)
    others = [n + 1 for n in senders[:_WATCHED]]
    with _serving(fleet, connections) as (running, crowd):
        _join(crowd, seats(rooms, per_room))
        crowd.watch(senders, others)
        window = crowd.closed_loop(
            senders, warm_up_s=_WARM_UP_S, window_s=window_s, meter=running.meter
        )
        return _delivered(running, crowd, window, per_room)


def paced(
    fleet: Fleet, window_s: float, *, rooms: int, per_room: int, per_second: float
) -> Numbers:
    """Measure processor time and latency at a fixed rate."""
    senders = _senders(rooms, per_room)
    # Of each sender's room, one more member is watched: with several workers, often of another.
    others = [n + 1 for n in senders]
    with _serving(fleet, rooms * per_room) as (running, crowd):
        _join(crowd, seats(rooms, per_room))
        crowd.watch(senders, others)
        window = crowd.open_loop(
            senders,
            per_second=per_second,
            warm_up_s=_WARM_UP_S,
            window_s=window_s,
            meter=running.meter,
        )
        numbers = _delivered(running, crowd, window, per_room)
    percentiles = statistics.quantiles(window.latencies_s, n=100, method="inclusive")
    return {**numbers, "p50_ms": percentiles[49] * 1000, "p99_ms": percentiles[98] * 1000}


def _senders(rooms: int, per_room: int) -> list[int]:
    if rooms > 1:
        return [room * per_room for room in range(rooms)]
    return [i * (per_room - 2) // (_SENDERS - 1) for i in range(_SENDERS)]


def lone(fleet: Fleet, _window_s: float) -> Numbers:
    """Measure a post that shares its commit with no other: its time, and what Redis is asked."""
    with _serving(fleet, 2) as (running, crowd):
        _join(crowd, seats(1, 2))
        crowd.watch([0], [1])
        crowd.one_by_one(0, posts=_LONE_POSTS // 10, within_s=_LONE_WITHIN_S)
        before, load_s = running.read(), time.process_time()
        crowd.one_by_one(0, posts=_LONE_POSTS, within_s=_LONE_WITHIN_S)
        after, load_s = running.read(), time.process_time() - load_s
        with running.monitor() as counted:
            crowd.one_by_one(0, posts=_LONE_POSTS, within_s=_LONE_WITHIN_S)
        crowd.check()
    return {
        "ms": (after.at - before.at) * 1000 / _LONE_POSTS,
        "commands_sent_per_message": sum(counted.values()) / _LONE_POSTS,
        **_used(before, after, load_s, _LONE_POSTS),
    }


def joining(fleet: Fleet, _window_s: float) -> Numbers:
    """Measure what a connection with its join costs, in rooms of 100, and the memory it holds."""
    everybody = seats(_JOINS // 100 + 1, 100)
    with _serving(fleet, len(everybody)) as (running, crowd):
        _join(crowd, everybody[_JOINS:])  # what is loaded for the first ones is no cost of others
        without = running.memory_bytes()
        before, load_s = running.read(), time.process_time()
        _join(crowd, everybody[:_JOINS])
        after, load_s = running.read(), time.process_time() - load_s
        memory = running.memory_bytes() - without
    return {
        "kib_per_connection": memory / 1024 / _JOINS,
        "kib_without": without / 1024,
        **_used(before, after, load_s, _JOINS),
    }


def standing_by(_fleet: Fleet, window_s: float) -> Numbers:
    """Measure what a message costs a worker that has people in its partition, but not its room."""
    everybody = [
        Seat(n, f"{'ab'[n % 2]}{n // 2:04d}", f"u{n:05d}", f"bench-key-{n:012d}")
        for n in range(2 * _STANDING_BY)
    ]
    senders = list(range(0, 2 * _STANDING_BY, 2))  # all on the first server
    with _serving(_MACHINES, len(everybody)) as (running, crowd):
        _join(crowd, everybody)
        crowd.watch(senders, [1])
        quiet = running.read()
        time.sleep(window_s / 2)  # a measured time in which nothing happens
        quiet_s = running.read().server_s(1) - quiet.server_s(1)
        window = crowd.open_loop(
            senders,
            per_second=_RATE_ROOMS,
            warm_up_s=_WARM_UP_S,
            window_s=window_s,
            meter=running.meter,
        )
        # The watched one of the other half must have received nothing, so nobody may check it.
        before, after = running.readings[-2:]
        messages = _RATE_ROOMS * window.seconds
        other_s = after.server_s(1) - before.server_s(1) - 2 * quiet_s
    return {
        "other_us_per_message": other_s / messages * 1e6,
        **_used(before, after, window.load_cpu_s, messages),
    }


def idle(fleet: Fleet, _window_s: float, *, rooms: int) -> Numbers:
    """Measure what a worker costs Redis when nobody does anything, with one person in each room."""
    with _serving(fleet, rooms) as (running, crowd):
        _join(crowd, seats(rooms, 1))
        before, load_s = running.read(), time.process_time()
        time.sleep(_IDLE_S)  # a measured time in which nothing happens
        after, load_s = running.read(), time.process_time() - load_s
    used = _used(before, after, load_s, after.at - before.at)
    return {name.replace("_per_message", "_per_s"): value for name, value in used.items()}


_TCHATS = (EMBEDDED, "redis-1", "redis-2", "redis-4")
_ALL = tuple(fleet.name for fleet in FLEETS)
SHAPES = (
    Shape(
        "closed-rooms",
        f"{_ROOMS} rooms of {_PER_ROOM}",
        lambda fleet, window_s: closed(fleet, window_s, rooms=_ROOMS, per_room=_PER_ROOM),
        _ALL,
    ),
    Shape(
        "closed-room",
        f"one room of {_MANY:,}",
        lambda fleet, window_s: closed(fleet, window_s, rooms=1, per_room=_MANY),
        _ALL,
    ),
    Shape(
        "paced-rooms",
        f"{_RATE_ROOMS:,.0f} messages a second into {_ROOMS} rooms of {_PER_ROOM}",
        lambda fleet, window_s: paced(
            fleet, 2 * window_s, rooms=_ROOMS, per_room=_PER_ROOM, per_second=_RATE_ROOMS
        ),
        _ALL,
    ),
    Shape(
        "paced-room",
        f"{_RATE_ROOM:.0f} messages a second into one room of {_RATE_MANY}",
        lambda fleet, window_s: paced(
            fleet, 4 * window_s, rooms=1, per_room=_RATE_MANY, per_second=_RATE_ROOM
        ),
        _ALL,
    ),
    Shape("lone", "one person posts alone", lone, _ALL),
    Shape("joining", f"{_JOINS:,} joins in rooms of 100", joining, _TCHATS),
    Shape("standing-by", "messages of rooms without people here", standing_by, _TCHATS[1:2]),
    *(
        Shape(
            f"idle-{rooms}",
            f"{rooms:,} rooms in which nothing happens",
            lambda fleet, window_s, rooms=rooms: idle(fleet, window_s, rooms=rooms),
            fleets,
        )
        for rooms, fleets in ((_IDLE_FEW, _TCHATS), (_IDLE_MANY, _TCHATS[:2]))
    ),
)


# --- the run ----------------------------------------------------------------------------


def main() -> None:
    """Measure, print the tables, and put those of a whole run into the document."""
    options = _options()
    if not sys.platform.startswith("linux"):
        raise SystemExit("The bench needs Linux: it uses epoll, /proc and clocks of processes.")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no server is left behind
    raise_file_limit()
    BUILD.mkdir(parents=True, exist_ok=True)
    notices: list[str] = []
    fleets = [
        fleet
        for fleet in FLEETS
        if not options.fleets or fleet.name in options.fleets.split(",")
        if can_run(fleet, notices)
    ]
    shapes = [s for s in SHAPES if not options.shapes or s.name in options.shapes.split(",")]
    results: scaling_report.Results = {
        "started": time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime()),
        "machine": describe(),
        "cores": len(os.sched_getaffinity(0)),
        "repetitions": options.repetitions,
        "window_s": options.window,
        "notices": notices,
        "fleets": {fleet.name: fleet.label for fleet in fleets},
        "workers": {fleet.name: fleet.workers for fleet in fleets},
        "shapes": {shape.name: shape.label for shape in shapes},
        "runs": [],
    }
    began = time.monotonic()
    for repetition in range(options.repetitions):
        for shape in shapes:
            results["runs"] += _run_shape(shape, fleets, repetition, options.window, notices)
    results["seconds"] = time.monotonic() - began
    whole = not (options.fleets or options.shapes)
    path = scaling_report.FILE
    if not whole:  # its tables must not replace those of a whole run
        path = path.with_stem("scaling-part")
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1))
    print("\n".join(scaling_report.tables(results)))
    if whole:
        scaling_report.fill(results, options.document, options.costs)
    print(f"{results['seconds']:.0f} s; the numbers are in {path.relative_to(Path.cwd())}")


def _run_shape(
    shape: Shape, fleets: Sequence[Fleet], repetition: int, window_s: float, notices: list[str]
) -> list[dict[str, object]]:
    """Measure every fleet in one shape, one right after the other, as ratios need that."""
    runs: list[dict[str, object]] = []
    for fleet in random.sample(fleets, len(fleets)):
        if fleet.name not in shape.fleets:
            continue
        run: dict[str, object] = {
            "shape": shape.name,
            "fleet": fleet.name,
            "repetition": repetition,
        }
        began = time.monotonic()
        try:
            run["numbers"] = numbers = undisturbed(partial(shape.measure, fleet, window_s))
            brief = "  ".join(f"{name} {value:,.4g}" for name, value in numbers.items())
        except (LoadFailed, RuntimeError, OSError, subprocess.TimeoutExpired) as failure:
            run["failure"] = brief = str(failure)
            notices.append(f"{fleet.label}, {shape.label}: failed. {failure}")
        took = time.monotonic() - began
        name = f"{shape.name:13} {fleet.name:16}"
        print(f"{repetition + 1} {name} {took:4.1f} s  {brief}", file=sys.stderr)
        runs.append(run)
    return runs


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description=__doc__)
    parser.add_argument("--fleets", help="only these, separated by commas")
    parser.add_argument("--shapes", help="only these, separated by commas")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--document", type=Path, default=scaling_report.DOCUMENT)
    parser.add_argument("--costs", type=Path, default=costs.FILE)
    parser.add_argument("--window", type=float, default=2.0, help="seconds measured each time")
    return parser.parse_args()


if __name__ == "__main__":
    main()
