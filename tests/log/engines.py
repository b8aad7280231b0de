"""The engines of the log, as the tests that they share have them: on real files and servers."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from queue import Queue
from typing import Any, Protocol

from chat.log import Draft, MessageLog, Record, StorageUnavailable
from chat.log.redis import RedisLog
from chat.log.schema import prepare
from chat.log.sqlite import SQLiteLog
from chat.protocol import Deed, Done, Entry, Made, Member, Message, Refused
from chat.redis.channels import Channels
from chat.redis.servers import Servers
from tests.support import logs, redis_logs
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until

WAIT_S = 10.0
NEWEST = 2**53
ANN = Member("ann", "Ann")
BOB = Member("bob", "Bob")

Outcome = Entry | Done | Made | Refused | StorageUnavailable


class Recorder:
    """The log's commits and answers, in order."""

    def __init__(self) -> None:
        self.batches: Queue[tuple[str, list[Any]]] = Queue()
        self.answers: Queue[Outcome] = Queue()
        self.replacements: Queue[Collection[str] | None] = Queue()
        self.acts: Queue[tuple[str, Record, Deed | None]] = Queue()
        self.empty: set[str] = set()  # rooms in which nobody is

    def start(self, log: MessageLog) -> None:
        """Start a log, in whose rooms somebody is, but for those in `empty`."""
        log.start(self.tail, self.replaced, lambda room: room not in self.empty, self.acted)

    def tail(self, room: str, entries: Sequence[Entry]) -> None:
        self.batches.put((room, list(entries)))

    def acted(self, room: str, record: Record, deed: Deed | None) -> None:
        self.acts.put((room, record, deed))

    def replaced(self, rooms: Collection[str] | None) -> None:
        self.replacements.put(rooms)

    def committed(self) -> tuple[str, list[Any]]:
        return self.batches.get(timeout=WAIT_S)

    def answer(self) -> Outcome:
        return self.answers.get(timeout=WAIT_S)

    def act(self) -> tuple[str, Record, Deed | None]:
        return self.acts.get(timeout=WAIT_S)

    def post(self, log: MessageLog, *drafts: Draft) -> list[Message]:
        """Append drafts and wait until as many are committed."""
        for item in drafts:
            log.append(item, self.answers.put)
        messages: list[Message] = []
        while len(messages) < len(drafts):
            messages += self.committed()[1]
        return messages


def draft(number: int | str, member: Member = ANN, room: str = "general") -> Draft:
    return Draft(room, f"id-{number}", member, f"text {number}")


def well(log: MessageLog) -> None:
    """Wait until a log is well."""
    wait_until(lambda: trouble(log) is None, lambda: trouble(log))


def trouble(log: MessageLog) -> str | None:
    """Give what a log says of itself; None if it is well."""
    try:
        log.check()
    except StorageUnavailable as problem:
        return str(problem)
    return None


class Engine(Protocol):
    """One place that keeps a log, which may be opened again."""

    def open(self, retention_messages: int = 100_000) -> MessageLog:
        """Open the log that is there; not started yet."""

    @contextmanager
    def blocked(self) -> Iterator[None]:
        """Let nothing be stored meanwhile."""

    def lose(self) -> None:
        """Lose everything, under the logs that are open: another log is there then."""

    def kept(self) -> dict[str, list[Message]]:
        """Read the messages of each room."""

    def end(self) -> None:
        """Close all that was opened."""


class OnSQLite:
    """An engine on a file of its own."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "tchat.db"
        self._logs: list[SQLiteLog] = []

    def open(self, retention_messages: int = 100_000) -> SQLiteLog:
        self._logs.append(SQLiteLog(self.path, retention_messages=retention_messages))
        assert self._logs[-1].claim()
        return self._logs[-1]

    @contextmanager
    def blocked(self) -> Iterator[None]:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield

    def lose(self) -> None:
        other = self.path.with_name("other.db")
        prepare(other, create=True)
        other.replace(self.path)

    def kept(self) -> dict[str, list[Message]]:
        return logs.read_log(self.path)[1]

    def end(self) -> None:
        for log in self._logs:
            log.close()


class OnRedis:
    """An engine on a Redis of its own; each log that is opened there is another worker's."""

    def __init__(self, folder: Path) -> None:
        self.redis = RedisServer(folder / "redis")
        self.redis.start()
        self._logs: list[tuple[RedisLog, Channels, Servers]] = []

    def open(self, retention_messages: int = 100_000) -> RedisLog:
        servers = Servers(self.redis.url)
        channels = Channels(servers)
        log = RedisLog(servers, channels, place="Redis", retention_messages=retention_messages)
        assert log.claim()
        servers.start()
        channels.start()
        self._logs.append((log, channels, servers))
        return log

    @contextmanager
    def blocked(self) -> Iterator[None]:
        with self.redis.client() as client:
            client.config_set("maxmemory", 1)
            yield
            client.config_set("maxmemory", 0)

    def lose(self) -> None:
        with self.redis.client() as client:
            client.flushall()

    def kept(self) -> dict[str, list[Message]]:
        return redis_logs.read_all(self.redis.url)

    def end(self) -> None:
        for log, channels, servers in self._logs:
            log.close()
            channels.close()
            servers.close()
        self.redis.end()
