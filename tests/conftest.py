"""The fixtures of all tests: servers that end with the test that started them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.redis import RedisServer
from tests.support.servers import ChatServer

# A machine that others use as well is slow now and then; that says nothing of what is tested.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

_rooms = itertools.count()

#: The token of whoever runs the shared server.
OPERATOR = "who runs all tests"

# Hundreds of tests come from one address, each with rooms of its own. Some change nicks quickly,
# and one is closed for abuse.
_FOR_ALL_TESTS = {
    "CHAT_ADDRESS_CONNECTS": "100000",
    "CHAT_ADDRESS_JOINS": "100000",
    "CHAT_ADDRESS_NEW_ROOMS": "100000",
    "CHAT_ADDRESS_ACTS": "100000",
    "CHAT_ADDRESS_REPORTS": "100000",
    "CHAT_ADDRESS_WRONG_KEYS": "100000",
    "CHAT_ADDRESS_SENT_BYTES": str(2**40),
    "CHAT_COOL_DOWN_S": "0",
    "CHAT_RENAME_EVERY_S": "0",
    "CHAT_ADMIN_TOKEN": OPERATOR,
}


#: The fixtures with a server, of either engine.
_SERVERS = {"engine", "chat_server", "make_server", "shared_server", "open_tab", "meet"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that moves all servers onto Redis, each with two workers (`make redis`)."""
    parser.addoption("--engine", choices=["sqlite", "redis"], default="sqlite")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep, for Redis, the tests that have a server and are not about the embedded engine."""
    if config.getoption("--engine") != "redis":
        return

    def concerned(item: pytest.Item) -> bool:
        names = set(getattr(item, "fixturenames", ()))
        return bool(names & _SERVERS) and item.get_closest_marker("embedded") is None

    config.hook.pytest_deselected(items=[item for item in items if not concerned(item)])
    items[:] = filter(concerned, items)


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> str:
    """Name the engine of the servers: sqlite or redis."""
    return str(request.config.getoption("--engine"))


@pytest.fixture
def make_redis(tmp_path: Path) -> Iterator[Callable[..., RedisServer]]:
    """Start Redis servers, each with a folder of its own."""
    servers: list[RedisServer] = []

    def make(**settings: str | int) -> RedisServer:
        servers.append(RedisServer(tmp_path / f"redis-{len(servers)}", **settings))
        servers[-1].start()
        return servers[-1]

    yield make
    for server in servers:
        server.end()


@pytest.fixture
def redis_server(make_redis: Callable[..., RedisServer]) -> RedisServer:
    """Give a running Redis that writes each command to its disk before it answers."""
    return make_redis(appendonly="yes", appendfsync="always")


@pytest.fixture
def make_server(
    request: pytest.FixtureRequest, engine: str, tmp_path: Path
) -> Iterator[Callable[..., ChatServer]]:
    """Make servers, not started yet, each with a folder of its own."""
    servers: list[ChatServer] = []
    make_redis = request.getfixturevalue("make_redis") if engine == "redis" else None

    def make(*arguments: object, **options: object) -> ChatServer:
        folder = tmp_path / f"server-{len(servers)}"
        folder.mkdir()
        if make_redis is not None and not options.keys() & {"redis_url", "environment"}:
            options = {"redis_url": make_redis().url, "workers": 2, **options}
        servers.append(ChatServer(folder, *arguments, **options))  # type: ignore[arg-type]
        return servers[-1]

    yield make
    for server in servers:
        server.end()


@pytest.fixture(scope="session")
def base_url() -> str:
    """Stand in for pytest-base-url's, whose form pytest 9 warns about."""
    return ""


@pytest.fixture(scope="session")
def shared_server(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    """Give one running server to all tests that have rooms of their own, because a start costs a
    quarter of a second of processor time."""
    folder = tmp_path_factory.mktemp("shared")
    with ExitStack() as stack:
        redis = RedisServer(folder / "redis") if engine == "redis" else None
        if redis is not None:
            stack.callback(redis.end)
            redis.start()
        server = ChatServer(
            folder, settings=_FOR_ALL_TESTS, redis_url=redis.url if redis else None, workers=2
        )
        stack.callback(server.end)
        server.start()
        yield server


@pytest.fixture
def own_room() -> str:
    """Name a room that no other test uses."""
    return f"room-{next(_rooms)}"


@pytest.fixture
def chat_server(request: pytest.FixtureRequest) -> ChatServer:
    """Give a running server with the default settings; or the shared one, for a test marked so."""
    if request.node.get_closest_marker("shared") is not None:
        shared: ChatServer = request.getfixturevalue("shared_server")
        return shared
    server: ChatServer = request.getfixturevalue("make_server")()
    server.start()
    return server
