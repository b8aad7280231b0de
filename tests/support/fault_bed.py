"""A bed for faults: workers whose log is in a Redis that breaks."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from redis.crc import key_slot

from chat.redis.partitions import key, partition_of
from tests.support import redis_logs
from tests.support.conversations import Conversations
from tests.support.history import Entry
from tests.support.proxy import Fault, FaultProxy
from tests.support.redis import RedisCluster, RedisServer
from tests.support.servers import ChatServer
from tests.support.waiting import wait_until

_NOTICED_WITHIN_S = 20.0
_BETWEEN_KEYS_S = 0.1  # some keys of a slot are here, others there, for so long
OPERATOR = "the operator's token on the bed"
_SETTINGS = {
    "CHAT_LIMITS": "off",
    "CHAT_PING_INTERVAL_S": "0.5",
    "CHAT_ADMIN_TOKEN": OPERATOR,
}


class Bed:
    """Two workers, a Redis, a replica of it if wanted, and a proxy between them.

    The proxy is the address that the workers know, like a name that leads to whatever Redis is the
    primary now.
    """

    def __init__(
        self,
        folder: Path,
        *,
        replica: bool = False,
        workers: int = 2,
        settings: Mapping[str, str] | None = None,
        **redis: str | int,
    ) -> None:
        """Prepare, without starting; `redis` has the settings of Redis."""
        self._folder = folder
        self._options = redis
        self._settings = {**_SETTINGS, **(settings or {})}
        self._workers = workers
        self._stack = ExitStack()
        self._servers = 0
        self.servers: list[ChatServer] = []
        self.redis = self._redis()
        self.replica = self._redis() if replica else None
        self.proxy: FaultProxy
        self.server: ChatServer

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._stack = stack
            stack.callback(self.redis.end)
            self.redis.start()
            if self.replica is not None:
                stack.callback(self.replica.end)
                self.replica.start()
                self.replica.follow(self.redis)
            self.proxy = self.another_way()
            self.server = self.another_server(self.proxy, self._workers)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            for server in self.servers:
                print(server.log()[-6000:])
        self._stack.close()

    def _redis(self) -> RedisServer:
        self._servers += 1
        folder = self._folder / f"redis-{self._servers}"
        return RedisServer(folder, **self._options)

    def another_redis(self) -> RedisServer:
        """Start another Redis, with nothing in it."""
        redis = self._redis()
        self._stack.callback(redis.end)
        redis.start()
        return redis

    def another_way(self) -> FaultProxy:
        """Give a proxy that leads to Redis."""
        return self._stack.enter_context(FaultProxy(self.redis.port, random.Random(1)))

    def another_server(self, proxy: FaultProxy, workers: int) -> ChatServer:
        """Start a server that knows Redis by this proxy."""
        self._servers += 1
        folder = self._folder / f"chat-{self._servers}"
        folder.mkdir()
        url = f"redis://127.0.0.1:{proxy.port}"
        server = ChatServer(folder, settings=self._settings, redis_url=url, workers=workers)
        self._stack.callback(server.end)
        server.start()
        self.servers.append(server)
        return server

    def talk(self, *servers: ChatServer, **options: object) -> Conversations:
        """Let people talk, on the server or on several."""
        urls = [server.ws_url for server in servers or (self.server,)]
        return Conversations(urls, self.read, owner=OPERATOR, **options)  # type: ignore[arg-type]

    def read(self, room: str) -> tuple[str, Sequence[Entry]]:
        """Read a room's epoch and entries, by no proxy."""
        return redis_logs.read_entries(self.redis.url, room)

    @staticmethod
    def read_of(redis: RedisServer, room: str) -> tuple[str, Sequence[Entry]]:
        """Read a room of another Redis."""
        return redis_logs.read_entries(redis.url, room)

    def cut_off(self, fault: Fault = Fault.RESET) -> None:
        """Part all workers from Redis."""
        self.proxy.lead_to(None, fault)

    def let_back(self) -> None:
        """Let the workers reach Redis again."""
        self.proxy.lead_to(self.redis.port)

    def copy(self) -> Path:
        """Copy what a Redis that does not run has on its disk."""
        self._servers += 1
        copy = self._folder / f"copy-{self._servers}"
        shutil.copytree(self.redis.folder, copy)
        return copy

    def read_copy(self, copy: Path, room: str) -> tuple[str, Sequence[Entry]]:
        """Read a room of such a copy."""
        other = RedisServer(copy, **self._options)
        try:
            other.start()
            return redis_logs.read_entries(other.url, room)
        finally:
            other.end()

    def fail_over(self) -> None:
        """Make the replica the primary, and lead the workers to it."""
        assert self.replica is not None
        self.replica.promote()
        self.redis, self.replica = self.replica, self.redis
        self.let_back()

    def take_away(self, talk: Conversations, *command: object) -> None:
        """Take something away by a command, and note in the same moment what the logs were."""
        with self.redis.client() as client, client.pipeline(transaction=True) as pipeline:
            for room in talk.rooms:
                redis_logs.ask(pipeline, room)
            pipeline.execute_command(*command)
            replies = pipeline.execute()
        logs = {
            room: redis_logs.log_of_entries(*replies[3 * index : 3 * index + 3])
            for index, room in enumerate(talk.rooms)
        }
        talk.note_lost(lambda room: logs[room])

    def is_well(self, server: ChatServer | None = None) -> bool:
        """Tell what /healthz of a worker says: of the server, or of another one."""
        try:
            (server or self.server).get("/healthz")
        except OSError:
            return False
        return True

    def wait_until(self, true: Callable[[], bool], what: str) -> None:
        """Wait for something that must come."""
        wait_until(true, lambda: what, _NOTICED_WITHIN_S)


class ClusterBed:
    """Two workers on a Redis Cluster of three nodes."""

    def __init__(
        self,
        folder: Path,
        *,
        replicas: bool = False,
        settings: Mapping[str, str] | None = None,
        **redis: str | int,
    ) -> None:
        """Prepare, without starting; `redis` has the settings of each node."""
        self.cluster = RedisCluster(folder, replicas=replicas, **redis)
        self.server = ChatServer(
            folder,
            settings={**_SETTINGS, **(settings or {})},
            redis_url=self.cluster.url,
            workers=2,
        )
        #: A room of each node.
        self.rooms = tuple(map(self._room_of, range(3)))

    def __enter__(self) -> Self:
        try:
            self.cluster.start()
            self.server.start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            print(self.server.log()[-6000:])
        self._end()

    def _end(self) -> None:
        self.server.end()
        self.cluster.end()

    def talk(self, **options: object) -> Conversations:
        """Let people talk in a room of each node."""
        return Conversations(
            [self.server.ws_url],
            self.read,
            rooms=self.rooms,
            owner=OPERATOR,
            **options,  # type: ignore[arg-type]
        )

    def read(self, room: str) -> tuple[str, Sequence[Entry]]:
        """Read a room's epoch and entries."""
        for node in self.cluster.nodes:
            if node.process is not None and node.process.poll() is None:
                return redis_logs.read_cluster_entries(node.url, room)
        raise AssertionError("no node runs")

    def move(self, room: str, source: int, target: int) -> None:
        """Move the slot of a room's partition from one node to another, while it is used."""
        old, new = self.cluster.nodes[source], self.cluster.nodes[target]
        self.cluster.move(_slot(room), old, new, _BETWEEN_KEYS_S)

    @staticmethod
    def _room_of(node: int) -> str:
        """Name a room that a node has."""
        names = (f"room-{number}" for number in count())
        return next(name for name in names if _slot(name) * 3 // 16384 == node)


def _slot(room: str) -> int:
    return int(key_slot(key(partition_of(room), "epoch").encode()))
