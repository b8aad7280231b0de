"""Chaos on Redis: what is done to Redis, to its connections and to single workers."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support import redis_logs
from tests.support.history import Entry
from tests.support.processes import worker_pids
from tests.support.redis import RedisServer
from tests.support.servers import ChatServer

_ROOM = "general"
_FROZEN_S = 1.0


class Redis:
    """The server's Redis, what is done to it, and the logs that it has had."""

    def __init__(self, folder: Path, settings: Mapping[str, str], rng: random.Random) -> None:
        # What is acknowledged is on the disk: a kill takes nothing back.
        self.redis = RedisServer(folder / "redis", appendonly="yes", appendfsync="always")
        self.server = ChatServer(folder, settings=settings, redis_url=self.redis.url, workers=2)
        self._rng = rng
        self._dead: dict[str, list[Entry]] = {}  # epoch: the log that was lost
        self.turns: Counter[str] = Counter()
        self.taken_back = 0

    def deeds(self) -> list[Callable[[], None]]:
        """Give what may be done to it, in an order of this run's."""
        deeds = [self.kill_worker, self.restart, self.cut, self.freeze, self.flush]
        self._rng.shuffle(deeds)
        return deeds

    def log(self) -> list[Entry]:
        """Read the log as it is now."""
        return redis_logs.read_entries(self.redis.url, _ROOM)[1]

    def logs(self) -> dict[str, list[Entry]]:
        """Give all logs, by epoch."""
        epoch, log = redis_logs.read_entries(self.redis.url, _ROOM)
        return {**self._dead, epoch: log}

    def prepare(self) -> None:
        """Do nothing: no copy of Redis is put back here."""

    def kill_worker(self) -> None:
        """Kill one of the workers; gunicorn starts another one."""
        self.turns["worker killed"] += 1
        os.kill(self._rng.choice(worker_pids(self.server)), signal.SIGKILL)

    def restart(self) -> None:
        """Kill Redis and start it again: nothing is lost."""
        self.turns["restarted"] += 1
        self.redis.restart()

    def cut(self) -> None:
        """End all connections to Redis."""
        self.turns["cut"] += 1
        with self.redis.client() as client:
            for kind in ("pubsub", "normal"):
                client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")

    def freeze(self) -> None:
        """Let Redis answer nobody for a moment; its connections stay."""
        self.turns["frozen"] += 1
        self.redis.freeze()
        time.sleep(_FROZEN_S)
        self.redis.thaw()

    def flush(self) -> None:
        """Delete everything in Redis, under the server: another log begins."""
        self.turns["flushed"] += 1
        with self.redis.client() as client, client.pipeline(transaction=True) as pipeline:
            redis_logs.ask(pipeline, _ROOM)
            pipeline.flushall()
            *replies, _ = pipeline.execute()
        epoch, log = redis_logs.log_of_entries(*replies)
        self._dead[epoch] = log
        self.taken_back += len(log)
