"""The plan on paper: what many people would need, and what would break first.

`python -m bench.model` reckons with the costs that `bench.scaling` has measured, and with what it
assumes about people (each assumption is an option). It compares three designs: what there is, and
two that could come. Then it simulates the two queues that a message waits in.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Sequence, Set
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from itertools import pairwise
from math import ceil, inf
from pathlib import Path

from bench.costs import FILE, Costs, read
from bench.tables import rows, three_digits

PARTITIONS = 64  # as chat/redis/partitions.py has them
PEOPLE = (10_000, 1_000_000, 50_000_000)
_FEWEST_PEOPLE = 300  # in a worker, if there are many workers: with fewer, they are for themselves
_MOST_PEOPLE = 1_000_000_000
_BITS = 8
_HEADER_BYTES = 66  # of Ethernet, IP and TCP around each send
_GATHERED_PER_S = 20  # a member gets news of others at most so often (chat/rooms/announcer.py)
_CONNECTIONS = 9  # of a worker to a Redis server, at most (chat/redis/servers.py; one listens)
_SIMULATED = 50_000  # pieces of work in each queue


@dataclass(frozen=True)
class People:
    """What is assumed about people and machines: nobody measured it. `ASSUMED` says what it is."""

    posts_a_minute: float = 0.5
    read_a_second: float = 5.0
    visit_minutes: float = 10.0
    spread: float = 1.3
    smallest: float = 2.0
    largest_share: float = 0.01
    news_bytes: float = 100.0
    name_bytes: float = 60.0
    kept_days: float = 1.0
    used: float = 0.6
    connections: float = 9_000
    gigabits: float = 10.0
    redis_connections: float = 10_000


ASSUMED = {
    "posts_a_minute": "messages that one person writes in a minute",
    "read_a_second": "messages of one room in a second, at most: nobody reads more",
    "visit_minutes": "minutes that one person stays",
    "spread": "the exponent of the sizes of rooms (a Pareto distribution)",
    "smallest": "people in the smallest rooms",
    "largest_share": "the share of all people who are in the largest room",
    "news_bytes": "bytes of the news that somebody came or went",
    "name_bytes": "bytes of one member in the list that a newcomer gets",
    "kept_days": "days for which Redis keeps messages",
    "used": "the share of a core or a line that is used on average",
    "connections": "connections of one worker, at most",
    "gigabits": "gigabits a second of one machine's line",
    "redis_connections": "connections of one Redis server, at most (its default)",
}


@dataclass(frozen=True)
class Design:
    """How the people of a room and its messages are spread over the workers.

    `present` gives the workers that have people of a room, from its size, all people and all
    workers. `hearing` gives those that get its messages, from `present`, all workers and the number
    of rooms in which a worker has people.
    """

    name: str
    present: Callable[[float, float, float], float]
    hearing: Callable[[float, float, float], float]


def _hit(targets: float, shots: float) -> float:
    """Give how many of so many targets are hit by so many shots at random."""
    return targets * (1 - (1 - 1 / targets) ** shots)


DESIGNS = (
    Design(
        "as it is",  # anybody anywhere; whoever has people in a partition hears all of it
        lambda size, _people, workers: _hit(workers, size),
        lambda present, workers, held: max(present, workers * _hit(PARTITIONS, held) / PARTITIONS),
    ),
    Design(
        "a channel for each room",  # anybody anywhere; whoever has people in a room hears it
        lambda size, _people, workers: _hit(workers, size),
        lambda present, _workers, _held: present,
    ),
    Design(
        "rooms have a home",  # besides, a room's people are on as few workers as have the places
        lambda size, people, workers: min(workers, max(1.0, ceil(size * workers / people))),
        lambda present, _workers, _held: present,
    ),
)


@dataclass(frozen=True)
class Flow:
    """The rooms of one size, and what happens in all of them together in a second."""

    rooms: float
    size: float
    messages: float
    comings: float  # as many go
    present: float  # workers that have people of one of these rooms
    hearing: float  # workers that get its messages

    @property
    def local(self) -> float:
        """Give the people of one room on a worker that has any."""
        return self.size / self.present


def sizes(count: int, people: People) -> list[tuple[float, float]]:
    """Spread people over rooms: many small ones, few large ones, and the largest.

    Give the number of rooms of each size, with that size.
    """
    largest = max(people.smallest, count * people.largest_share)
    if largest <= people.smallest:
        return [(count / largest, largest)]
    steps = [people.smallest]
    while steps[-1] * 1.2 < largest:
        steps.append(steps[-1] * 1.2)
    steps.append(largest)

    def larger(size: float) -> float:
        return (people.smallest / size) ** people.spread

    shares = [(larger(a) - larger(b), (a * b) ** 0.5) for a, b in pairwise(steps)]
    inside = sum(share * size for share, size in shares)
    scale = (count - largest) / inside
    return [*((share * scale, size) for share, size in shares), (1.0, largest)]


def flows(count: int, workers: float, design: Design, people: People) -> list[Flow]:
    """Give what happens, by the size of rooms."""
    found = [
        (number, size, design.present(size, count, workers))
        for number, size in sizes(count, people)
    ]
    held = sum(number * present for number, _, present in found) / workers
    return [
        Flow(
            rooms=number,
            size=size,
            messages=number * min(size * people.posts_a_minute / 60, people.read_a_second),
            comings=number * size / people.visit_minutes / 60,
            present=present,
            hearing=design.hearing(present, workers, held),
        )
        for number, size, present in found
    ]


#: So many pieces of work a second, each of so many microseconds, and what they are for.
Work = tuple[float, float, str]
_OWN, _HEARD = "messages of its own people", "messages of others, for its people"
_OTHERS = "what is none of its people's"
_STORED = "messages"


def worker_work(flow: Flow, people: People, costs: Costs) -> list[Work]:
    """Give the work of all workers together. That somebody came or went is heard like a message."""
    sends_us = flow.local * costs.send_us
    news = 2 * flow.comings
    if flow.rooms:
        told = min(news / flow.rooms, _GATHERED_PER_S) * flow.rooms * flow.present
    else:
        told = 0.0
    return [
        (flow.messages, costs.message_us + sends_us, _OWN),
        (
            flow.messages * (flow.present - 1),
            costs.heard_us + sends_us,
            _HEARD,
        ),
        ((flow.messages + news) * (flow.hearing - flow.present), costs.other_us, _OTHERS),
        (flow.comings, costs.join_us, "people who come"),
        (news * (flow.present - 1), costs.heard_us, "hearing who comes and goes"),
        (told, sends_us, "telling who comes and goes"),
        (flow.rooms * flow.present, costs.room_us, "rooms that are open"),
    ]


def redis_work(flow: Flow, costs: Costs) -> list[Work]:
    """Give the work of all Redis servers together, without that for idle workers."""
    heard_us = flow.hearing * costs.redis_hearer_us
    return [
        (flow.messages, costs.redis_message_us + heard_us, _STORED),
        (flow.comings, costs.redis_join_us + 2 * heard_us, "coming and going"),
        (flow.rooms * flow.present, costs.redis_room_us, "rooms that are open"),
    ]


@dataclass(frozen=True)
class Need:
    """What so many people need."""

    count: int
    workers: int
    design: Design
    flows: Sequence[Flow]
    workers_s: float  # of processor time in a second, by all workers
    others_s: float  # of that, for what is none of their people's
    redis_s: float
    redis_bits: float  # a second, to all workers
    worker_bits: float  # a second, to all people
    news_bits: float  # of that, for who comes and goes

    def redis_servers(self, people: People) -> int:
        """Give the Redis servers that carry it, if the partitions could be spread at will."""
        line = people.gigabits * 1e9
        return max(1, ceil(max(self.redis_s, self.redis_bits / line) / people.used))


def _seconds(work: Sequence[Work], purpose: str | None = None) -> float:
    return sum(rate * us for rate, us, what in work if purpose in (None, what)) / 1e6


def reckon(count: int, workers: int, design: Design, people: People, costs: Costs) -> Need:
    """Reckon what happens in a second with so many workers."""
    found = flows(count, workers, design, people)
    work = [piece for flow in found for piece in worker_work(flow, people, costs)]
    heard = sum((flow.messages + 2 * flow.comings) * flow.hearing for flow in found)
    sent = sum(flow.messages * flow.size for flow in found) * (costs.frame_bytes + _HEADER_BYTES)
    told = sum(flow.comings * flow.size for flow in found)
    told *= 2 * people.news_bytes + people.name_bytes
    return Need(
        count=count,
        workers=workers,
        design=design,
        flows=found,
        workers_s=_seconds(work),
        others_s=_seconds(work, _OTHERS),
        redis_s=workers * costs.redis_worker_us / 1e6
        + _seconds([piece for flow in found for piece in redis_work(flow, costs)]),
        redis_bits=heard * costs.heard_bytes * _BITS,
        worker_bits=(sent + told) * _BITS,
        news_bits=told * _BITS,
    )


@lru_cache(4096)
def needed(count: int, design: Design, people: People, costs: Costs) -> Need | None:
    """Find the fewest workers that can serve so many people; None if no number of them can."""

    def enough(workers: int) -> bool:
        return reckon(count, workers, design, people, costs).workers_s <= workers * people.used

    low = high = max(1, ceil(count / people.connections))
    while not enough(high):
        low, high = high + 1, high * 2
        if high > max(1000, count / _FEWEST_PEOPLE):
            return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return reckon(count, low, design, people, costs)


# --- what breaks first ------------------------------------------------------------------


@dataclass(frozen=True)
class Limit:
    """Something that has an end: how much of it is used, 1 being all that may be."""

    name: str
    used: Callable[[Need, People], float]


LIMITS = (
    Limit(
        "half of a worker is busy with what is none of its people's",
        lambda need, people: need.others_s / need.workers / (people.used / 2),
    ),
    Limit(
        "one Redis server has no processor time left: a cluster from here on",
        lambda need, people: need.redis_s / people.used,
    ),
    Limit(
        f"a Redis server has the connections of too many workers ({_CONNECTIONS} of each)",
        lambda need, people: _CONNECTIONS * need.workers / people.redis_connections,
    ),
    Limit(
        f"{PARTITIONS} Redis servers, one a partition, have no time or line left",
        lambda need, people: need.redis_servers(people) / (PARTITIONS + 1),
    ),
    Limit(
        "the largest room: news of who comes and goes, 10 kB a second for each member",
        lambda need, people: 2 * need.flows[-1].comings * people.news_bytes / 10e3,
    ),
    Limit(
        "the largest room: each newcomer gets 1 MB of names",
        lambda need, people: need.flows[-1].size * people.name_bytes / 1e6,
    ),
)


def breaks_at(limit: Limit, design: Design, people: People, costs: Costs) -> float:
    """Find the number of people at which a limit is reached; inf if that is never."""

    def broken(count: int) -> bool:
        need = needed(count, design, people, costs)
        return need is None or limit.used(need, people) >= 1

    low, high = 100, _MOST_PEOPLE
    if not broken(high):
        return inf
    while high / low > 1.01:
        middle = int((low * high) ** 0.5)
        low, high = (low, middle) if broken(middle) else (middle, high)
    return high


def carries(design: Design, people: People, costs: Costs) -> float:
    """Find the number of people from which on no number of workers is enough; inf if never."""
    return breaks_at(Limit("", lambda _need, _people: 0.0), design, people, costs)


# --- the simulation ---------------------------------------------------------------------


def queue(
    work: Sequence[Work], share: float, purposes: Set[str], chance: random.Random
) -> list[float]:
    """Simulate one who does this work, a share of it, piece after piece.

    Pieces come at random. Give the milliseconds until each piece of these purposes is done, with
    the wait for the pieces before it.
    """
    rates = [rate * share for rate, _, _ in work]
    in_a_second = sum(rates)
    at = free = 0.0
    delays = []
    for _, service_us, purpose in chance.choices(work, rates, k=_SIMULATED):
        at += chance.expovariate(in_a_second)
        free = max(free, at) + service_us / 1e6
        if purpose in purposes:
            delays.append((free - at) * 1e3)
    return delays


def delays_ms(need: Need, people: People, costs: Costs, seed: int = 1) -> tuple[float, float]:
    """Simulate a Redis server and a worker; give p50 and p99 of a message, from post to delivery.

    A message waits in both queues, one after the other. On idle machines it takes as long as a
    lone post was measured to take.
    """
    chance = random.Random(seed)
    on_redis = [piece for flow in need.flows for piece in redis_work(flow, costs)]
    on_worker = [piece for flow in need.flows for piece in worker_work(flow, people, costs)]
    at_redis = queue(on_redis, 1 / need.redis_servers(people), {_STORED}, chance)
    at_worker = queue(on_worker, 1 / need.workers, {_OWN, _HEARD}, chance)
    chance.shuffle(at_worker)
    delays = sorted(costs.lone_ms + a + b for a, b in zip(at_redis, at_worker, strict=False))
    return delays[len(delays) // 2], delays[len(delays) * 99 // 100]


# --- the tables -------------------------------------------------------------------------


def _bytes(amount: float) -> str:
    for unit in ("MB", "GB"):
        amount /= 1000 if unit == "GB" else 1e6
        if amount < 1000:
            return f"{three_digits(amount)} {unit}"
    return f"{three_digits(amount / 1000)} TB"


def _people(count: float) -> str:
    """Write a number of people that is a result, with two digits."""
    return "never" if count == inf else f"{float(f'{count:.2g}'):,.0f}"


def assumptions(people: People) -> list[str]:
    """Write what is assumed, in Markdown."""
    lines = [(ASSUMED[name], [f"{value:,g}"]) for name, value in asdict(people).items()]
    return rows(["", "assumed"], lines)


def tables(people: People, costs: Costs, counts: Sequence[int] = PEOPLE) -> list[str]:
    """Write what is needed, and what breaks first, in Markdown."""
    text = []
    for design in DESIGNS:
        lines: dict[str, list[str]] = {}
        for count in counts:
            for name, value in _needs(count, design, people, costs).items():
                lines.setdefault(name, []).append(value)
        text += [f"**{design.name[0].upper()}{design.name[1:]}**", ""]
        text += rows(
            ["people at the same time", *(f"{count:,}" for count in counts)], [*lines.items()]
        )
    text += ["**What breaks first, and at how many people**", ""]
    broken = [
        (limit.name, [_people(breaks_at(limit, design, people, costs)) for design in DESIGNS])
        for limit in LIMITS
    ]
    broken.sort(key=lambda line: float(line[1][0].replace(",", "").replace("never", "inf")))
    last = (
        "no number of workers is enough",
        [_people(carries(design, people, costs)) for design in DESIGNS],
    )
    return text + rows(["", *(design.name for design in DESIGNS)], [*broken, last])


def _needs(count: int, design: Design, people: People, costs: Costs) -> dict[str, str]:
    """Write the lines of one column."""
    need = needed(count, design, people, costs)
    if need is None:
        names = _needs(PEOPLE[0], DESIGNS[-1], people, costs)
        return dict.fromkeys(names, "–") | {"workers, of a core each": "no number is enough"}
    messages = sum(flow.messages for flow in need.flows)
    stored = messages * 86_400 * people.kept_days * costs.stored_bytes
    p50, p99 = delays_ms(need, people, costs)
    servers = need.redis_servers(people)
    return {
        "messages a second": three_digits(messages),
        "deliveries a second": three_digits(sum(f.messages * f.size for f in need.flows)),
        "people in the largest room": three_digits(need.flows[-1].size),
        "workers, of a core each": f"{need.workers:,}",
        "of their time, for what is none of their people's": (
            f"{need.others_s / need.workers_s:.0%}"
        ),
        "workers that hear a message": three_digits(
            sum(flow.messages * flow.hearing for flow in need.flows) / messages
        ),
        "gigabits a second to people": three_digits(need.worker_bits / 1e9),
        "of them, for who comes and goes": f"{need.news_bits / need.worker_bits:.0%}",
        "memory of all workers": _bytes(
            count * costs.connection_bytes + need.workers * costs.worker_bytes
        ),
        "Redis servers": f"{servers:,}" + ("" if servers <= PARTITIONS else ": too many"),
        "gigabits a second from Redis": three_digits(need.redis_bits / 1e9),
        f"messages a second in each of {PARTITIONS} partitions": three_digits(
            messages / PARTITIONS
        ),
        f"memory of Redis, days kept: {people.kept_days:g}": _bytes(stored),
        "a message, simulated: p50 and p99": f"{three_digits(p50)} and {three_digits(p99)} ms",
    }


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.model", description=__doc__)
    parser.add_argument("--costs", type=Path, default=FILE)
    parser.add_argument("--people", type=int, nargs="+", default=PEOPLE)
    for field in fields(People):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=float, default=field.default)
    options = parser.parse_args()
    people = People(**{field.name: getattr(options, field.name) for field in fields(People)})
    costs = read(options.costs)
    print("\n".join([*assumptions(people), *tables(people, costs, options.people)]))


if __name__ == "__main__":
    main()
