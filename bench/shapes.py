"""The shapes: the things that are measured, and how one server is measured in each.

Every measurement starts its server again and gives a flat table of numbers.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import TypeVar

from bench.crowd import Crowd, LoadFailed
from bench.door import Door
from bench.load import Load, Window
from bench.page import Page, crawl, save
from bench.process import Job, Running
from bench.runs import Numbers
from bench.servers import BARE, PAGE, TCHAT, Server
from bench.wire import Chat, seats

_SENDERS = 20  # of one room; if there are several rooms, each has one
_WATCHED = 5  # connections parsed besides the senders'
_JOIN_IN_FLIGHT = 16
# Tchat tells everybody who is here, so the joins of N members cost N² names. Above 1,000, ten
# connections share a member, like ten tabs of one browser. Deliveries stay the same.
_PER_MEMBER = 10
_RESUME_IN_FLIGHT = 64
_COARSE_S = 0.04  # the possible error of counters in ticks of 10 ms, in all
_JOINS_WITHIN_S = 60.0
_WARM_UP_S = 0.5
_OPEN_RATE = 40.0  # messages a second
_OPEN_CONNECTIONS = 500
_OPEN_WINDOWS = 7  # a p99 needs many messages
_LONE_POSTS = 1000  # SQLite folds its WAL into the file about three times meanwhile
_LONE_WITHIN_S = 60.0
_IDLE_CONNECTIONS = 1000
VISITS = 300  # with fewer, Go's cost would be too small for counters in ticks
VISITS_UNDER_WAY = 16
# Of a thousand visitors who come together. Each has six connections. With more visitors, the
# kernel's queue of waiting connections (2,048 for gunicorn) would overflow, and the bench would
# measure the kernel's pauses, which take up to minutes.
CROWD_UNDER_WAY = 200
_VISITS_WITHIN_S = 300.0
# Rooms of one size, so that only the number of connections grows from step to step.
_STEP_ROOM = 100
_STEP_JOINS = 1000  # joins measured in each step: the last ones before its count is reached
_KEPT = 10  # messages that a resuming client has missed

_Clients = TypeVar("_Clients", bound=Crowd)


@dataclass(frozen=True)
class Shape:
    """Something to measure; `servers` are all, unless named."""

    name: str
    label: str
    connections: int
    measure: Callable[[Server, float], Numbers]  # (server, seconds of the window)
    servers: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()
    quick: bool = True

    def skipped(self, server: Server) -> str | None:
        """Tell why a server is left out; None where it takes part."""
        if self.servers is not None and server.name not in self.servers:
            return ""
        if server.name in self.without:
            return ""
        if self.connections > server.most_connections:
            return f"more than {server.most_connections} connections"
        return None


@contextmanager
def _serving(
    server: Server, job: Job, clients: Callable[[int, Chat], _Clients] = Load
) -> Iterator[tuple[Running, _Clients]]:
    running = Running(server, job)
    crowd = clients(running.port, server.dialect)
    try:
        running.start()
        yield running, crowd
    except LoadFailed as failure:
        raise LoadFailed(f"{failure}; {running.output()[-300:].strip()}") from failure
    finally:
        running.kill()  # first, because the side that closes first keeps the port for a minute
        crowd.close()
        running.close()


def _spread(count: int, among: int) -> list[int]:
    """Pick `count` numbers, spread from the first to the last."""
    count = min(count, among)
    return [i * (among - 1) // max(1, count - 1) for i in range(count)]


def _cost(window: Window) -> Numbers:
    return {
        "deliveries_per_s": window.deliveries / window.seconds,
        "cpu_s_per_million": window.server_cpu_s / window.deliveries * 1e6,
        **_shares(window.server_cpu_s, window.cores_cpu_s, window.load_cpu_s, window.seconds),
        "frame_bytes": window.frame_bytes,
    }


def _shares(server_s: float, cores_s: float, load_s: float, seconds: float) -> Numbers:
    """Give the shares of a core that the server, the load and all other programs used."""
    return {
        "server_share": server_s / seconds,
        "load_share": load_s / seconds,
        "others_share": max(0.0, cores_s - server_s - load_s - _COARSE_S) / seconds,
    }


class _Stopwatch:
    """The time of a block of code, and the programs that used the cores meanwhile."""

    def __init__(self, running: Running) -> None:
        self._running = running

    def _read(self) -> tuple[float, ...]:
        return *self._running.cpu_s(), time.process_time(), time.monotonic()

    def __enter__(self) -> _Stopwatch:
        self._before = self._read()
        return self

    def __exit__(self, *_: object) -> None:
        spent = [after - before for after, before in zip(self._read(), self._before, strict=True)]
        self.seconds = spent[-1]
        self.server_s = spent[0]
        self.shares = _shares(*spent)


def throughput(server: Server, window_s: float, *, rooms: int, per_room: int) -> Numbers:
    """Measure deliveries per second in a closed loop."""
    connections = rooms * per_room
    # Each of several rooms has one sender. A single room has more, spread over its joins.
    senders = (
        [room * per_room for room in range(rooms)] if rooms > 1 else _spread(_SENDERS, per_room)
    )
    batch = 1 if rooms > 1 else len(senders)
    if server is BARE:
        senders = senders[:1]  # its post makes the bare limit start
    watched = 2 if server is BARE else _WATCHED
    others = [n for n in _spread(watched, connections) if n not in senders]
    with _serving(server, Job(connections, batch=batch)) as (running, crowd):
        joins_s = crowd.join(
            seats(rooms, per_room, per_member=1 if per_room <= 1000 else _PER_MEMBER),
            in_flight=_JOIN_IN_FLIGHT,
            within_s=_JOINS_WITHIN_S,
        )
        crowd.settle()
        crowd.watch(senders, others)
        window = crowd.closed_loop(
            senders,
            warm_up_s=_WARM_UP_S,
            window_s=window_s,
            meter=running.cpu_s,
        )
        if server is BARE:
            crowd.measure_frames(window)  # it sends the same message for ever
        else:
            crowd.verify(window)
    return {**_cost(window), "joins_s": joins_s}


def open_loop(server: Server, window_s: float) -> Numbers:
    """Measure CPU and latency at a fixed rate."""
    senders = _spread(_SENDERS, _OPEN_CONNECTIONS)
    others = [n + 1 for n in senders[:-1]]
    with _serving(server, Job(_OPEN_CONNECTIONS)) as (running, crowd):
        crowd.join(seats(1, _OPEN_CONNECTIONS), in_flight=_JOIN_IN_FLIGHT, within_s=_JOINS_WITHIN_S)
        crowd.settle()
        crowd.watch(senders, others)
        window = crowd.open_loop(
            senders,
            per_second=_OPEN_RATE,
            warm_up_s=_WARM_UP_S,
            window_s=_OPEN_WINDOWS * window_s,
            meter=running.cpu_s,
        )
        crowd.verify(window)
    percentiles = statistics.quantiles(window.latencies_s, n=100, method="inclusive")
    return {
        **_cost(window),
        "p50_ms": percentiles[49] * 1000,
        "p99_ms": percentiles[98] * 1000,
    }


def lone(server: Server, _window_s: float) -> Numbers:
    """Measure what goes to the disk for a post that shares its commit with no other.

    One member posts, and posts again when the message is back. It was committed before that.
    """
    with _serving(server, Job(2)) as (running, crowd):
        crowd.join(seats(1, 2), in_flight=1, within_s=_JOINS_WITHIN_S)
        crowd.settle()
        crowd.watch([0], [1])
        before = running.written_bytes()
        with _Stopwatch(running) as watch:
            crowd.one_by_one(0, posts=_LONE_POSTS, within_s=_LONE_WITHIN_S)
        crowd.check()
        written = running.written_bytes() - before
    if not written:
        raise LoadFailed("nothing was written: the database is in memory")
    return {"written_kib": written / 1024 / _LONE_POSTS, **watch.shares}


def idle(server: Server, _window_s: float) -> Numbers:
    """Measure how quickly connections are accepted, and what memory they hold when idle."""
    with _serving(server, Job(_IDLE_CONNECTIONS + 10)) as (running, crowd):
        # One join before: what a server loads for its first connection is not a cost of the others.
        everybody = seats(1, _IDLE_CONNECTIONS + 1)
        crowd.join(everybody[:1], in_flight=1, within_s=_JOINS_WITHIN_S)
        crowd.settle()
        before = running.memory_bytes()
        with _Stopwatch(running) as watch:
            crowd.join(everybody[1:], in_flight=_JOIN_IN_FLIGHT, within_s=_JOINS_WITHIN_S)
        crowd.settle()
        memory = running.memory_bytes() - before
    return {
        "joins_per_s": _IDLE_CONNECTIONS / watch.seconds,
        "kib_per_connection": memory / 1024 / _IDLE_CONNECTIONS,
        **watch.shares,
    }


def connecting(server: Server, _window_s: float) -> Numbers:
    """Measure the cost of one more connection, at growing numbers of connections."""
    most = STEPS[-1]
    everybody = seats(most // _STEP_ROOM, _STEP_ROOM)
    extra = seats(most // _STEP_ROOM + 1, _STEP_ROOM)[most:]
    numbers: Numbers = {}
    steps: list[Numbers] = []
    with _serving(server, Job(most + 10)) as (running, crowd):
        crowd.join(extra[:1], in_flight=1, within_s=_JOINS_WITHIN_S)  # see `idle`
        crowd.settle()
        before, joined = running.memory_bytes(), 0
        for count in STEPS:
            for begin, end in ((joined, count - _STEP_JOINS), (count - _STEP_JOINS, count)):
                with _Stopwatch(running) as watch:
                    crowd.join(
                        everybody[begin:end], in_flight=_JOIN_IN_FLIGHT, within_s=_JOINS_WITHIN_S
                    )
                crowd.settle()
            joined = count
            steps.append(watch.shares)
            numbers[f"joins_per_s_{count}"] = _STEP_JOINS / watch.seconds
            numbers[f"cpu_ms_{count}"] = watch.server_s * 1000 / _STEP_JOINS
            memory = running.memory_bytes() - before
            numbers[f"kib_{count}"] = memory / 1024 / count
    # Each share is the largest of all steps.
    return {**numbers, **{share: max(step[share] for step in steps) for share in steps[0]}}


@cache
def _page() -> Page:
    """Take the page from Tchat, and its files for the peers; once in a run."""
    with _serving(TCHAT, Job(10)) as (running, _):
        page = crawl(running.port)
    save(page, PAGE)
    return page


def door(server: Server, *, visits: int, in_flight: int) -> Numbers:
    """Measure first visits that end in the room, `in_flight` at a time."""
    page = _page()
    with _serving(server, Job(visits + 10), partial(Door, page=page)) as (running, crowd):
        # One visit before: see `idle`. It also gives the length of each file.
        everybody = seats(1, visits + 1)
        crowd.join(everybody[:1], in_flight=1, within_s=_VISITS_WITHIN_S)
        crowd.leave_files()
        crowd.settle()
        with _Stopwatch(running) as whole:
            with _Stopwatch(running) as watch:
                crowd.join(everybody[1:], in_flight=in_flight, within_s=_VISITS_WITHIN_S)
            crowd.leave_files()  # closing them is a part of the cost of a visit
            crowd.settle()
    return {
        "cpu_ms_per_visit": whole.server_s * 1000 / visits,
        "visits_per_s": visits / watch.seconds,
        "last_in_s": watch.seconds,
        "files": len(page.names),
        "kib_per_visit": crowd.bytes_per_visit / 1024,
        "asked_again": crowd.again,
        **watch.shares,
    }


def comeback(server: Server, _window_s: float) -> Numbers:
    """Measure how long 1,000 clients take to be back after the server was killed."""
    everybody = seats(1, _IDLE_CONNECTIONS)
    with _serving(server, Job(_IDLE_CONNECTIONS + 10)) as (running, crowd):
        crowd.join(everybody, in_flight=_JOIN_IN_FLIGHT, within_s=_JOINS_WITHIN_S)
        crowd.settle()
        crowd.watch([0], [])
        window = crowd.closed_loop([0], warm_up_s=0.1, window_s=0.4, meter=running.cpu_s)
        crowd.verify(window)
        posted = crowd.posted()
        # What each client has missed: the last messages before the kill.
        after = _place(server, running.port, posted - _KEPT)
        running.kill()
        again = Crowd(running.port, server.dialect)
        try:
            boot_s = running.start()
            with _Stopwatch(running) as watch:
                again.join(
                    everybody, in_flight=_RESUME_IN_FLIGHT, within_s=_JOINS_WITHIN_S, after=after
                )
            if after is not None:
                _check_resumed(again.welcomes(), posted)
        finally:
            again.close()
    return {
        "back_s": watch.seconds,
        "back_with_start_s": boot_s + watch.seconds,
        **watch.shares,
    }


def _place(server: Server, port: int, seq: int) -> dict[str, object] | None:
    """Ask a server for the place of a late message in its log; None if it cannot resume."""
    witness = Crowd(port, server.dialect)
    try:
        witness.join(seats(1, 1), in_flight=1, within_s=_JOINS_WITHIN_S)
        payload = witness.welcomes()[0]
    finally:
        witness.close()
    if b'"epoch"' not in payload:
        return None
    welcome = json.loads(payload)
    at = next(message["at"] for message in welcome["messages"] if message["seq"] == seq)
    return {"epoch": welcome["epoch"], "seq": seq, "at": at}


def _check_resumed(welcomes: list[bytes], posted: int) -> None:
    """Check that each welcome has exactly the missed messages, in order."""
    for payload in welcomes:
        welcome = json.loads(payload)
        seqs = [message["seq"] for message in welcome["messages"]]
        if not welcome["resumed"] or seqs != list(range(posted - _KEPT + 1, posted + 1)):
            raise LoadFailed(f"not resumed: {seqs}")


def _room(connections: int, **options: object) -> Shape:
    return Shape(
        f"room-{connections}",
        f"one room of {connections:,}",
        connections,
        lambda server, window_s: throughput(server, window_s, rooms=1, per_room=connections),
        **options,  # type: ignore[arg-type]
    )


#: The shapes in the tables and plots of throughput and growth.
THROUGHPUT = ("rooms-100x5", "room-100", "room-1000", "room-5000")
STEPS = (1000, 3000, 6000, 9000)
GROWTH = {10: "room-10", 100: "room-100", 1000: "room-1000", 9000: "room-9000"}
_GROWTH_SERVERS = ("tchat", "go", "bare")
_DOOR_SERVERS = ("tchat", "go", "naive")
SHAPES = (
    Shape(
        "rooms-100x5",
        "100 rooms of 5",
        500,
        lambda server, window_s: throughput(server, window_s, rooms=100, per_room=5),
    ),
    _room(10, servers=_GROWTH_SERVERS, quick=False),
    _room(100),
    _room(1000),
    _room(5000, quick=False),
    _room(9000, servers=_GROWTH_SERVERS, quick=False),
    Shape("open", "40 messages a second to 500", _OPEN_CONNECTIONS, open_loop),
    Shape("lone", "one person posts alone", 2, lone, servers=("tchat", "go-durable")),
    Shape("idle", "1,000 connections", _IDLE_CONNECTIONS, idle, without=("bare", "go-durable")),
    Shape(
        "connecting",
        "1,000 to 9,000 connections",
        STEPS[-1],
        connecting,
        servers=("tchat", "go"),
        quick=False,
    ),
    Shape(
        "door",
        f"{VISITS} first visits",
        VISITS,
        lambda server, _: door(server, visits=VISITS, in_flight=VISITS_UNDER_WAY),
        servers=_DOOR_SERVERS,
    ),
    Shape(
        "door-1000",
        "1,000 first visits together",
        1000,
        lambda server, _: door(server, visits=1000, in_flight=CROWD_UNDER_WAY),
        servers=_DOOR_SERVERS,
        quick=False,
    ),
    # The durable Go peer numbers on after a restart, but replays nothing.
    Shape(
        "comeback",
        "1,000 come back",
        _IDLE_CONNECTIONS,
        comeback,
        without=("bare", "go-durable"),
    ),
)
