"""A server that the tests of one file share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.servers import FLASK_RUN, GUNICORN, ChatServer


@pytest.fixture(scope="module", params=[GUNICORN, FLASK_RUN], ids=["gunicorn", "flask run"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ChatServer]:
    """Give one server for the whole module, under each of the two commands."""
    server = ChatServer(tmp_path_factory.mktemp("server"), request.param)
    server.start()
    yield server
    server.end()
    assert "Traceback" not in server.log()
