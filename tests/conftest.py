"""The fixtures of all tests: servers that end with the test that started them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.servers import ChatServer

# A machine that others use as well is slow now and then; that says nothing of what is tested.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

_rooms = itertools.count()

# Hundreds of tests come from one address, each with rooms of its own. Some change nicks quickly.
_FOR_ALL_TESTS = {
    "CHAT_ADDRESS_CONNECTS": "100000",
    "CHAT_ADDRESS_JOINS": "100000",
    "CHAT_ADDRESS_NEW_ROOMS": "100000",
    "CHAT_RENAME_EVERY_S": "0",
}


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., ChatServer]]:
    """Make servers, not started yet, each with a folder of its own."""
    servers: list[ChatServer] = []

    def make(*arguments: object, **options: object) -> ChatServer:
        folder = tmp_path / f"server-{len(servers)}"
        folder.mkdir()
        servers.append(ChatServer(folder, *arguments, **options))  # type: ignore[arg-type]
        return servers[-1]

    yield make
    for server in servers:
        server.end()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    """Give one running server to all tests that have rooms of their own, because a start costs a
    quarter of a second of processor time."""
    server = ChatServer(tmp_path_factory.mktemp("shared"), settings=_FOR_ALL_TESTS)
    server.start()
    yield server
    server.end()


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
