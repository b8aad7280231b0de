"""The fixtures of all tests: servers that end with the test that started them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.servers import ChatServer


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


@pytest.fixture
def chat_server(make_server: Callable[..., ChatServer]) -> ChatServer:
    """Give a running server with the default settings."""
    server = make_server()
    server.start()
    return server
