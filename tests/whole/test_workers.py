"""Two workers on one Redis: their people are in one room, and its log is one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.posters import Posters
from tests.support.processes import connections, worker_pids
from tests.support.redis import RedisServer
from tests.support.servers import ChatServer
from tests.support.waiting import wait_until

WITHIN_S = 20.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    """Give a server with two workers to all tests here: each has rooms of its own."""
    folder = tmp_path_factory.mktemp("workers")
    redis = RedisServer(folder / "redis")
    server = ChatServer(folder, settings={"CHAT_LIMITS": "off"}, redis_url=redis.url, workers=2)
    with ExitStack() as stack:
        stack.callback(redis.end)
        redis.start()
        stack.callback(server.end)
        server.start()
        yield server


def worker_of(server: ChatServer, client: Client) -> int:
    """Give the process that serves a client."""
    return connections(server)[client.ws.local_address[1]]


@pytest.fixture
def apart(server: ChatServer) -> Iterator[Callable[[], tuple[Client, Client]]]:
    """Connect two clients to two workers."""
    with ExitStack() as stack:

        def connected() -> Client:
            client = stack.enter_context(Client(server.ws_url))
            client.send(type="ping")  # whoever answers has accepted the connection
            client.expect("pong")
            return client

        def apart() -> tuple[Client, Client]:
            first = connected()
            deadline = time.monotonic() + WITHIN_S
            while worker_of(server, second := connected()) == worker_of(server, first):
                second.ws.close()
                assert time.monotonic() < deadline, "one worker accepts all connections"
            return first, second

        yield apart


def test_what_is_said_on_one_worker_is_heard_on_the_other_in_one_order(
    apart: Callable[[], tuple[Client, Client]], own_room: str
) -> None:
    ann, bob = apart()
    ann.join("Ann", own_room)
    bob.join("Bob", own_room)
    count = 200

    def talk(client: Client) -> None:
        for number in range(count):
            client.post(f"{client.member['nick']} {number}")
        while client.seq < 2 * count:
            client.expect("message")  # the client itself raises at a gap or a repetition

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(talk, (ann, bob)))
    assert ann.messages == bob.messages


def test_retry_on_another_worker_is_answered_with_the_original(
    apart: Callable[[], tuple[Client, Client]], own_room: str
) -> None:
    ann, elsewhere = apart()
    ann.join("Ann", own_room)
    original = ann.post("once", "the-id")
    elsewhere.join("Ann", own_room, key=ann.key)
    assert elsewhere.post("once", "the-id") == original
    assert ann.post("next")["seq"] == 2
    assert ann.texts() == ["once", "next"]


def test_place_in_the_log_is_proved_on_another_worker(
    apart: Callable[[], tuple[Client, Client]], own_room: str
) -> None:
    ann, bob = apart()
    ann.join("Ann", own_room)
    bob.join("Bob", own_room)
    ann.post("seen")
    seen = bob.expect("message")
    missed = [ann.post(f"missed {number}") for number in range(3)]
    after = {"epoch": bob.epoch, "seq": seen["seq"], "at": seen["at"]}
    ann.send(type="ping")
    ann.expect("pong")
    with ExitStack() as stack:
        first, second = apart()
        for client in (first, second):  # one of them is not where Bob was
            stack.enter_context(client)
            client.epoch, client.seq, client.at = after["epoch"], seen["seq"], seen["at"]
            welcome = client.join(f"Bob{worker_of_port(client)}", own_room, after=after)
            assert welcome["resumed"] is True
            assert welcome["messages"] == missed


def worker_of_port(client: Client) -> int:
    return int(client.ws.local_address[1])


def test_history_is_the_same_on_each_worker(
    apart: Callable[[], tuple[Client, Client]], own_room: str
) -> None:
    ann, bob = apart()
    ann.join("Ann", own_room)
    for number in range(60):
        ann.post(f"message {number}")
    assert bob.join("Bob", own_room)["more"] is True
    pages = []
    for client in (ann, bob):
        client.send(type="history", before=31, limit=30)
        pages.append(client.expect("history"))
    assert pages[0] == pages[1]
    assert [message["seq"] for message in pages[0]["messages"]] == list(range(1, 31))


@pytest.mark.alone
def test_worker_that_is_killed_takes_nothing_with_it(
    make_server: Callable[..., ChatServer], redis_server: RedisServer
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"}, redis_url=redis_server.url, workers=2)
    server.start()
    with Posters(server, people=6) as posters:
        for _ in range(4):
            posters.more()
            oldest = worker_pids(server)[0]
            os.kill(oldest, signal.SIGKILL)
            proc = Path(f"/proc/{oldest}")
            wait_until(
                lambda proc=proc: len(worker_pids(server)) >= 2 and not proc.exists(),
                server.log,
                within_s=WITHIN_S,
            )
        posters.more()
    posters.check(within_s=5.0)
