"""A stranger who asks two workers for too much: its address has one account, not two."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from websockets.exceptions import InvalidStatus

from tests.support.client import Client, Refused
from tests.support.processes import connections
from tests.support.redis import RedisServer
from tests.support.servers import ChatServer

ATTACKER, STRANGER = "127.0.1.1", "127.0.1.2"
TYPING, PLACES = 40, 16
SETTINGS = {"CHAT_ADDRESS_TYPING": str(TYPING), "CHAT_ADDRESS_WEBSOCKETS": str(PLACES)}
WITHIN_S = 20.0
A_ROUND_S = 0.1  # of those in which a test looks again


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    """Give a server with two workers, and small budgets."""
    folder = tmp_path_factory.mktemp("workers")
    redis = RedisServer(folder / "redis")
    server = ChatServer(folder, settings=SETTINGS, redis_url=redis.url, workers=2)
    with ExitStack() as stack:
        stack.callback(redis.end)
        redis.start()
        stack.callback(server.end)
        server.start()
        yield server
    assert "Traceback" not in server.log()


def connect(server: ChatServer, address: str, *, apart_from: Client | None = None) -> Client:
    """Connect from an address; if wanted, to another worker than somebody else."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        client = Client(server.ws_url, source_address=(address, 0))
        if apart_from is None:
            return client
        client.send(type="ping")  # whoever answers has accepted the connection
        client.expect("pong")
        workers = connections(server)
        here, there = (workers[each.ws.local_address[1]] for each in (client, apart_from))
        if here != there:
            return client
        client.ws.close()
        assert time.monotonic() < deadline, "one worker accepts all connections"


@pytest.fixture
def strangers(server: ChatServer, own_room: str) -> Iterator[tuple[Client, Client]]:
    """Connect somebody from elsewhere to each worker, who talks before and after the test."""
    with connect(server, STRANGER) as eve:
        eve.join("Eve", own_room)
        with connect(server, STRANGER, apart_from=eve) as zoe:
            zoe.join("Zoe", own_room)
            for client in (eve, zoe):
                client.post("before")
            yield eve, zoe
            for client in (eve, zoe):
                client.post("after")


def typings(client: Client, most: int, pause_s: float) -> int:
    """Say that somebody writes, until that is refused; give how often it was not."""
    for count in range(most):
        client.send(type="typing")
        client.send(type="ping")
        try:
            client.expect("pong")
        except Refused as refused:
            if refused.error["code"] == "rate_limited":
                return count
            raise
        time.sleep(pause_s)
    return most


def test_budget_that_is_used_up_at_one_worker_is_used_up_at_the_other(
    server: ChatServer, strangers: tuple[Client, Client]
) -> None:
    eve, zoe = strangers
    with (
        connect(server, ATTACKER, apart_from=eve) as here,
        connect(server, ATTACKER, apart_from=zoe) as there,
    ):
        here.join(room="attacked")
        there.join(room="attacked")
        assert typings(here, 2 * TYPING, 0) >= TYPING
        for stranger in strangers:
            stranger.post("nobody is in the way")
        # The other worker learns it within half a second.
        assert typings(there, TYPING, A_ROUND_S) < TYPING / 2


def test_places_at_one_worker_are_counted_at_the_other(
    server: ChatServer, strangers: tuple[Client, Client]
) -> None:
    def attack() -> Client | None:
        try:
            return Client(server.ws_url, source_address=(ATTACKER, 0))
        except InvalidStatus as refused:
            if refused.response.status_code != 429:
                raise
            return None

    eve, zoe = strangers
    with connect(server, ATTACKER, apart_from=eve), connect(server, ATTACKER, apart_from=zoe):
        crowd = []
        for _ in range(4 * PLACES):
            crowd += filter(None, [attack()])
            time.sleep(A_ROUND_S / 2)
        assert PLACES - 2 <= len(crowd) < 2 * PLACES - 2  # each worker alone has PLACES
        for client in crowd:
            client.ws.close()
        deadline = time.monotonic() + WITHIN_S
        while (client := attack()) is None:  # until it is told that they are free
            assert time.monotonic() < deadline
            time.sleep(A_ROUND_S)
        client.ws.close()
