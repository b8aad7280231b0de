"""What a run has measured, as the costs that the model of `bench.model` reckons with."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "costs.json"  # of the last whole run

Results = dict[str, Any]


@dataclass(frozen=True)
class Costs:
    """Microseconds of processor time, and bytes; `ABOUT` says of what."""

    message_us: float
    heard_us: float
    other_us: float
    send_us: float
    join_us: float
    join_heard_us: float
    redis_message_us: float
    redis_hearer_us: float
    redis_join_us: float
    redis_room_us: float
    redis_worker_us: float
    room_us: float
    frame_bytes: float
    heard_bytes: float
    stored_bytes: float
    connection_bytes: float
    worker_bytes: float
    lone_ms: float


#: What each of the costs is.
ABOUT = {
    "message_us": "a worker: one message of its own people, without the sends",
    "heard_us": "a worker: one message of another worker, for its own people, without the sends",
    "other_us": "a worker: one message of a room in which it has nobody",
    "send_us": "a worker: one delivery to one person",
    "join_us": "a worker: a connection with its join, in rooms of 100",
    "join_heard_us": "the other workers together: that join",
    "redis_message_us": "Redis: one message, without those who hear it",
    "redis_hearer_us": "Redis: each worker that hears it",
    "redis_join_us": "Redis: a join",
    "redis_room_us": "Redis: a room in which nothing happens, a second and worker",
    "redis_worker_us": "Redis: a worker in which nothing happens, a second",
    "room_us": "a worker: a room in which nothing happens, a second",
    "frame_bytes": "a message on its way to a person",
    "heard_bytes": "a message on its way from Redis to a worker",
    "stored_bytes": "a message in the memory of Redis",
    "connection_bytes": "a connection in the memory of a worker",
    "worker_bytes": "a worker without connections, in memory",
    "lone_ms": "a post on idle machines, until it is back",
}


def costs_of(results: Results) -> Costs:
    """Derive the costs from a run of `bench.scaling`.

    At the fixed rates, one room of 5 and one of 500 tell a message's own cost from that of its
    sends; one, two and four workers tell what each more of them adds.
    """

    def median(shape: str, fleet: str, number: str) -> float:
        found = [
            run["numbers"][number]
            for run in results["runs"]
            if (run["shape"], run["fleet"]) == (shape, fleet) and "numbers" in run
        ]
        if not found:
            raise SystemExit(f"There are no costs without {shape} of {fleet}.")
        return statistics.median(found)

    def small(fleet: str, number: str) -> float:
        return median("paced-rooms", fleet, number)

    def room(number: str) -> float:
        many, few = median("idle-10000", "redis-1", number), median("idle-10", "redis-1", number)
        return max(0.0, (many - few) / (10_000 - 10))

    own = "workers_us_per_message"
    send_us = (median("paced-room", "redis-1", own) - small("redis-1", own)) / (500 - 5)
    redis = "redis_us_per_message"
    hearer_us = _more(lambda fleet: small(fleet, redis))
    return Costs(
        message_us=small("redis-1", own) - 5 * send_us,
        heard_us=max(0.0, small("redis-2", own) - small("redis-1", own)),
        other_us=max(0.0, median("standing-by", "redis-1", "other_us_per_message")),
        send_us=send_us,
        join_us=median("joining", "redis-1", own),
        join_heard_us=max(
            0.0, median("joining", "redis-2", own) - median("joining", "redis-1", own)
        ),
        redis_message_us=small("redis-1", redis) - hearer_us,
        redis_hearer_us=hearer_us,
        redis_join_us=median("joining", "redis-1", redis),
        redis_room_us=room("redis_us_per_s"),
        redis_worker_us=_more(lambda fleet: median("idle-10", fleet, "redis_us_per_s")),
        room_us=room("workers_us_per_s"),
        frame_bytes=median("paced-room", "redis-1", "frame_bytes"),
        heard_bytes=_more(lambda fleet: small(fleet, "redis_sent_per_message")),
        stored_bytes=median("closed-rooms", "redis-1", "redis_memory_per_message"),
        connection_bytes=1024 * median("joining", "redis-1", "kib_per_connection"),
        worker_bytes=1024 * median("joining", "redis-1", "kib_without"),
        lone_ms=median("lone", "redis-2", "ms"),
    )


def _more(measured: Callable[[str], float]) -> float:
    """Give what each of three more workers adds."""
    return max(0.0, (measured("redis-4") - measured("redis-1")) / 3)


def write(costs: Costs, file: Path = FILE) -> None:
    """Keep the costs."""
    rounded = {name: float(f"{value:.4g}") for name, value in asdict(costs).items()}
    file.write_text(json.dumps(rounded, indent=2) + "\n")


def read(file: Path = FILE) -> Costs:
    """Give the costs of the last whole run."""
    if not file.exists():
        raise SystemExit(f"{file} is missing: `make scaling` measures and writes it.")
    known = {field.name for field in fields(Costs)}
    return Costs(
        **{name: value for name, value in json.loads(file.read_text()).items() if name in known}
    )
