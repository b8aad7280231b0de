"""What the tests of the log share."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from chat.log import MessageLog
from tests.log.conversations import Conversation, Told
from tests.log.engines import Engine, OnRedis, OnSQLite, well

_numbers = count()

SharedLog = tuple[MessageLog, Told]


@pytest.fixture(scope="module", params=[OnSQLite, OnRedis], ids=["sqlite", "redis"])
def shared_place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    place: Engine = request.param(tmp_path_factory.mktemp("log"))
    yield place
    place.end()


@pytest.fixture(params=[OnSQLite, OnRedis], ids=["sqlite", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    place: Engine = request.param(tmp_path)
    yield place
    place.end()


@pytest.fixture(scope="module")
def shared_log(shared_place: Engine) -> SharedLog:
    log, told = shared_place.open(), Told()
    told.start(log)
    return log, told


@pytest.fixture
def room(shared_log: SharedLog) -> Conversation:
    """A room of its own, in a log that the module's tests share."""
    return conversation(shared_log)


@pytest.fixture
def other_room(shared_log: SharedLog) -> Conversation:
    return conversation(shared_log)


@pytest.fixture
def empty_room(shared_log: SharedLog) -> Conversation:
    """A room in which nobody is."""
    name = f"empty-{next(_numbers)}"
    shared_log[1].empty.add(name)
    return Conversation(*shared_log, name)


def conversation(shared_log: SharedLog) -> Conversation:
    log, told = shared_log
    name = f"room-{next(_numbers)}"
    well(log)
    log.follow(name)
    return Conversation(log, told, name)
