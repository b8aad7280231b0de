"""The numbers of two workers that exchange them on a real Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from chat.redis.servers import Servers
from chat.rooms.leases import Leases
from chat.rooms.registry import Registry
from chat.rooms.shared_counts import SharedCounts
from chat.sockets.connection import Connection
from tests.support.peers import opened
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until


class Worker:
    """A worker's connections, and what it tells of all workers'."""

    def __init__(self, url: str, places: int) -> None:
        self.servers = Servers(url, timeout_s=0.5)
        self.leases = Leases(self.servers, renew_s=0.4)
        self.registry = Registry()
        self.counts = SharedCounts(self.servers, self.leases, self.registry, lambda: places)
        self._stack = ExitStack()
        self.servers.start()
        self.leases.start()
        self.counts.start()

    def come(self, member_id: str, room: str | None) -> Connection:
        """Open a connection, which joins a room unless there is none."""
        connection, _, _ = self._stack.enter_context(opened())
        self.registry.add(connection)
        if room is not None:
            self.registry.join(connection, room, member_id)
        return connection

    def told(self) -> tuple[int, int, int, int]:
        """Give the users, connections, places and rooms of all workers."""
        counts = self.counts
        numbers = (counts.connected_users, counts.connections, counts.connections_max, counts.rooms)
        users, connections, places, rooms = (number() for number in numbers)
        return users, connections, places, rooms

    def tells(self, *numbers: int) -> bool:
        """Wait until the worker tells these numbers."""
        wait_until(lambda: self.told() == numbers, self.told)
        return True

    def die(self) -> None:
        """Stop without a word, like a process that is killed."""
        self.leases.close()
        self.counts.exchange = lambda **_: None  # type: ignore[method-assign]

    def end(self) -> None:
        """Stop, and close the connections."""
        self.counts.close()
        self.leases.close()
        self.servers.close()
        self._stack.close()


@pytest.fixture
def make_worker(redis: RedisServer) -> Iterator[Callable[[int], Worker]]:
    with redis.client() as client:
        client.flushall()
    workers: list[Worker] = []

    def make(places: int) -> Worker:
        workers.append(Worker(redis.url, places))
        return workers[-1]

    yield make
    for worker in workers:
        worker.end()


def test_each_worker_tells_of_all_and_counts_a_person_once(
    make_worker: Callable[[int], Worker],
) -> None:
    one, other = make_worker(10), make_worker(5)
    one.come("ann", "general")
    one.come("ann", "general")  # a second tab
    one.come("ann", "kitchen")  # another room
    assert one.tells(1, 3, 15, 2)
    other.come("ann", "general")  # at another worker
    other.come("bob", "attic")
    other.come("", None)  # who has not joined yet

    assert one.tells(3, 6, 15, 3)
    assert other.tells(3, 6, 15, 3)


def test_what_changes_here_shows_at_once(make_worker: Callable[[int], Worker]) -> None:
    one, other = make_worker(10), make_worker(5)
    other.come("bob", "general")
    assert one.tells(1, 1, 15, 1)

    connection = one.come("ann", "attic")
    assert one.told() == (2, 2, 15, 2)
    one.registry.discard(connection)
    assert one.told() == (1, 1, 15, 1)


def test_worker_that_stops_is_counted_no_more(make_worker: Callable[[int], Worker]) -> None:
    one, other = make_worker(10), make_worker(5)
    one.come("ann", "general")
    other.come("ann", "general")
    other.come("bob", "attic")
    assert one.tells(2, 3, 15, 2)

    other.counts.close()

    assert one.tells(1, 1, 10, 1)


def test_worker_that_was_killed_is_counted_no_more(make_worker: Callable[[int], Worker]) -> None:
    one, other = make_worker(10), make_worker(5)
    one.come("ann", "general")
    for number in range(2500):
        other.registry.join(object(), "hall", f"m{number}")  # type: ignore[arg-type]
    other.come("ann", "general")
    assert one.tells(2501, 2502, 15, 2)

    other.die()

    assert one.tells(1, 1, 10, 1)


def test_numbers_stay_while_redis_is_away_and_are_right_afterwards(
    make_worker: Callable[[int], Worker], redis: RedisServer
) -> None:
    one, other = make_worker(10), make_worker(5)
    one.come("ann", "general")
    gone = other.come("bob", "attic")
    assert one.tells(2, 2, 15, 2)
    redis.kill()
    other.registry.discard(gone)
    one.come("eve", "general")
    assert one.told() == (3, 3, 15, 2)

    redis.start()

    assert one.tells(2, 2, 15, 1)
    assert other.tells(2, 2, 15, 1)
