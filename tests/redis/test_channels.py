"""What workers tell each other over real Redis servers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue

import pytest

from chat.redis.channels import Channels
from chat.redis.partitions import PARTITIONS, key
from chat.redis.servers import Servers
from tests.support.redis import RedisCluster, RedisServer
from tests.support.waiting import wait_until

WAIT_S = 10.0


class Worker:
    """A worker that listens, and what it heard."""

    def __init__(self, url: str) -> None:
        self.servers = Servers(url)
        self.channels = Channels(self.servers)
        self.heard: Queue[tuple[int, bytes]] = Queue()
        self.returns: Queue[int] = Queue()
        self.channels.hear(b"m", lambda partition, payload: self.heard.put((partition, payload)))
        self.channels.on_return(self.returns.put)
        self.servers.start()
        self.channels.start()

    def listen(self, *partitions: int) -> None:
        for partition in partitions:
            self.channels.need(partition)
        found = {self.returns.get(timeout=WAIT_S) for _ in partitions}
        assert found == set(partitions)

    def tell(self, partition: int, payload: bytes) -> int:
        """Publish, and give how many have heard it."""
        (count,) = self.servers.ask([(partition, self.channels.publish(partition, payload))])
        return int(count)

    def close(self) -> None:
        self.channels.close()
        self.servers.close()


@pytest.fixture
def make_worker() -> Iterator[Callable[[str], Worker]]:
    workers: list[Worker] = []

    def make(url: str) -> Worker:
        workers.append(Worker(url))
        return workers[-1]

    yield make
    for worker in workers:
        worker.close()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.end()


def test_all_who_listen_hear_it_and_others_do_not(
    redis: RedisServer, make_worker: Callable[[str], Worker]
) -> None:
    ann, bob, eve = (make_worker(redis.url) for _ in range(3))
    ann.listen(1, 2)
    bob.listen(2)
    eve.listen(1)
    assert ann.tell(2, b"mhello") == 2
    assert ann.heard.get(timeout=WAIT_S) == (2, b"hello")
    assert bob.heard.get(timeout=WAIT_S) == (2, b"hello")
    assert ann.tell(1, b"?of a newer program") == 2
    assert ann.tell(1, b"mbye") == 2
    assert eve.heard.get(timeout=WAIT_S) == (1, b"bye")


def test_other_database_of_the_same_server_is_another_chat(
    redis: RedisServer, make_worker: Callable[[str], Worker]
) -> None:
    ann, bob = make_worker(redis.url + "/0"), make_worker(redis.url + "/1")
    ann.listen(1)
    bob.listen(1)
    assert ann.tell(1, b"mhello") == 1
    assert ann.heard.get(timeout=WAIT_S) == (1, b"hello")
    assert bob.heard.empty()


def test_what_is_not_needed_any_more_is_not_listened_to(
    redis: RedisServer, make_worker: Callable[[str], Worker]
) -> None:
    ann = make_worker(redis.url)
    ann.listen(1, 2)
    ann.channels.need_only({2})
    wait_until(lambda: ann.tell(1, b"mgone") == 0)
    assert ann.tell(2, b"mhello") == 1
    ann.listen(1)
    assert ann.tell(1, b"mback") == 1


def test_partitions_that_come_and_go_cost_no_connection(
    redis: RedisServer, make_worker: Callable[[str], Worker]
) -> None:
    ann = make_worker(redis.url)
    ann.listen(0)
    with redis.client() as client:
        (before,) = client.client_list(_type="pubsub")
        for _ in range(20):
            ann.channels.need_only(range(PARTITIONS))
            wait_until(lambda: ann.tell(PARTITIONS - 1, b"mhello") == 1)
            ann.channels.need_only({0})
            wait_until(lambda: ann.tell(PARTITIONS - 1, b"mgone") == 0)
        (after,) = client.client_list(_type="pubsub")
    assert after["id"] == before["id"]


@pytest.mark.parametrize("how", ["cut", "restarted"])
def test_connection_that_ends_is_opened_again_and_told_of(
    redis: RedisServer, make_worker: Callable[[str], Worker], how: str
) -> None:
    ann = make_worker(redis.url)
    ann.listen(1, 2)
    if how == "cut":
        with redis.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    else:
        redis.restart()
    assert {ann.returns.get(timeout=WAIT_S), ann.returns.get(timeout=WAIT_S)} == {1, 2}
    ann.tell(1, b"mhello")
    assert ann.heard.get(timeout=WAIT_S) == (1, b"hello")


def test_listener_that_is_too_slow_is_cut_by_redis_and_comes_back(
    tmp_path: Path, make_worker: Callable[[str], Worker]
) -> None:
    redis = RedisServer(tmp_path, client_output_buffer_limit="pubsub 1mb 1mb 1")
    redis.start()
    try:
        ann, bob = make_worker(redis.url), make_worker(redis.url)
        ann.channels.hear(b"s", lambda partition, payload: time.sleep(0.05))
        ann.listen(1)
        for _ in range(400):
            bob.tell(1, b"s" + bytes(50_000))
        assert ann.returns.get(timeout=WAIT_S) == 1  # told that something was missed
        bob.tell(1, b"mhello")
        assert ann.heard.get(timeout=WAIT_S) == (1, b"hello")
    finally:
        redis.end()


def test_worker_that_starts_before_redis_listens_as_soon_as_that_is_there(
    tmp_path: Path, make_worker: Callable[[str], Worker]
) -> None:
    redis = RedisServer(tmp_path)
    ann = make_worker(redis.url)
    ann.channels.need(5)
    redis.start()
    try:
        assert ann.returns.get(timeout=WAIT_S) == 5
    finally:
        redis.end()


def test_channels_of_a_cluster_are_listened_to_where_they_are_now(
    tmp_path: Path, make_worker: Callable[[str], Worker]
) -> None:
    cluster = RedisCluster(tmp_path)
    cluster.start()
    try:
        ann, bob = make_worker(cluster.url), make_worker(cluster.url)
        ann.listen(*range(64))
        for partition in range(64):
            assert bob.tell(partition, b"mhello") >= 1
        assert {ann.heard.get(timeout=WAIT_S)[0] for _ in range(64)} == set(range(64))
        # A partition is given to another node.
        slot = cluster.ask(cluster.nodes[0], "CLUSTER KEYSLOT", key(9, "a"))
        address = ann.servers.server_of(9).address
        (source,) = [node for node in cluster.nodes if address.endswith(str(node.port))]
        target = next(node for node in cluster.nodes if node is not source)
        cluster.move(slot, source, target)
        while ann.returns.get(timeout=WAIT_S) != 9:
            pass
        wait_until(lambda: bob.tell(9, b"magain") >= 1)
        wait_until(lambda: (9, b"again") in ann.heard.queue)
    finally:
        cluster.end()
