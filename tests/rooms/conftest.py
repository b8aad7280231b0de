"""A Redis for the tests of what workers share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.house import House
from tests.support.redis import RedisServer
from tests.support.servers import ChatServer


@pytest.fixture(scope="module")
def one_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.end()


@pytest.fixture
def redis(one_redis: RedisServer) -> RedisServer:
    """Give the one Redis of all tests of a file, with nothing in it."""
    with one_redis.client() as client:
        client.flushall()
    return one_redis


@pytest.fixture
def house(shared_server: ChatServer, own_room: str) -> Iterator[House]:
    """Give the shared server, with a room of the test's own."""
    house = House(shared_server, own_room)
    yield house
    house.close()
