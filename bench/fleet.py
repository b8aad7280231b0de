"""Workers that share a Redis, and that Redis: started together, measured apart, ended."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread

from redis import Redis

from bench.process import CORES, Job, Running, cores_cpu_s
from bench.servers import REDIS, Server

_BOOTS_WITHIN_S = 20.0
_MONITOR_WITHIN_S = 5.0


@dataclass(frozen=True)
class Fleet:
    """What is started for a measurement: so many workers of a server, and a Redis if they use one.

    One process with one port has all of them, or each is a process of its own with its own port.
    """

    name: str
    label: str
    server: Server
    workers: int
    own_ports: bool = False
    redis: bool = True
    fsync: str = "always"  # as durable as the embedded log

    def missing(self) -> str | None:
        """Give the reason if it cannot run here."""
        return self.server.missing() or (REDIS.missing() if self.redis else None)


@dataclass
class Reading:
    """What has been used up to a moment."""

    at: float
    workers_s: float
    redis_s: float
    cores_s: float
    by_worker: dict[tuple[int, int], float]  # by server and process
    redis: dict[str, float]  # Redis's own counters

    def server_s(self, number: int) -> float:
        """Give the CPU seconds of one of several servers."""
        return sum(used for which, used in self.by_worker.items() if which[0] == number)


#: Redis's name of a counter, and ours.
_COUNTERS = {
    "commands": "total_commands_processed",  # those within a script count, too
    "reads": "total_reads_processed",
    "received": "total_net_input_bytes",
    "sent": "total_net_output_bytes",
    "memory": "used_memory",
}


class RunningFleet:
    """A fleet that runs on all cores, as nobody is pinned."""

    def __init__(self, fleet: Fleet, job: Job) -> None:
        self._fleet = fleet
        self._redis = Running(REDIS, job, CORES, fsync=fleet.fsync) if fleet.redis else None
        count = fleet.workers if fleet.own_ports else 1
        self._workers = fleet.workers // count  # of each server
        values = {"redis": self._redis.port if self._redis else 0, "workers": self._workers}
        self._servers = [Running(fleet.server, job, CORES, **values) for _ in range(count)]
        self._client = Redis(port=self._redis.port, socket_timeout=60) if self._redis else None
        self.ports = [running.port for running in self._servers]
        self.readings: list[Reading] = []

    def start(self) -> None:
        """Start all, and wait until each worker can do its work."""
        if self._redis is not None:
            self._redis.start()
        for running in self._servers:
            running.start()
        ready = self._fleet.server.ready
        deadline = time.monotonic() + _BOOTS_WITHIN_S
        while ready and any(running.printed(ready) < self._workers for running in self._servers):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self._workers} workers do not boot:\n{self.output()}")
            time.sleep(0.01)  # bounded above: there is no event to wait for

    def read(self) -> Reading:
        """Note and give what has been used up to now."""
        by_worker = {
            (number, pid): used
            for number, running in enumerate(self._servers)
            for pid, used in running.cpu_by_process().items()
        }
        counters: dict[str, float] = {}
        if self._client is not None:
            info = self._client.info("everything")
            counters = {ours: float(info[theirs]) for ours, theirs in _COUNTERS.items()}
        reading = Reading(
            at=time.monotonic(),
            workers_s=sum(by_worker.values()),
            redis_s=self._redis.cpu_s()[0] if self._redis else 0.0,
            cores_s=cores_cpu_s(CORES),
            by_worker=by_worker,
            redis=counters,
        )
        self.readings.append(reading)
        return reading

    def meter(self) -> tuple[float, float]:
        """Give the CPU seconds of the workers, and of all cores; the load asks twice."""
        reading = self.read()
        return reading.workers_s, reading.cores_s

    def memory_bytes(self) -> int:
        """Give the memory of all workers."""
        return sum(running.memory_bytes() for running in self._servers)

    @contextmanager
    def monitor(self) -> Iterator[Counter[str]]:
        """Count the commands that clients send meanwhile; those within a script are not counted."""
        counted: Counter[str] = Counter()
        end = b"tchat-bench-end"
        if self._client is None:
            yield counted
            return
        with self._client.monitor() as commands:

            def count() -> None:
                for command in commands.listen():
                    if end.decode() in command["command"]:
                        return
                    if command["client_type"] != "lua":
                        counted[command["command"].split(" ", 1)[0].upper()] += 1

            thread = Thread(target=count)
            thread.start()
            try:
                yield counted
            finally:
                self._client.echo(end)
                thread.join(_MONITOR_WITHIN_S)

    def output(self) -> str:
        """Give the end of what the servers printed."""
        return "\n".join(running.output()[-300:].strip() for running in self._servers)

    def kill(self) -> None:
        """End all processes at once."""
        for running in self._servers:
            running.kill()
        if self._client is not None:
            self._client.close()
        if self._redis is not None:
            self._redis.kill()

    def close(self) -> None:
        """End all, and remove the folders."""
        self.kill()
        for running in (*self._servers, *([self._redis] if self._redis else [])):
            running.close()
